"""Short names of the ready-made spouts, and the entry-point group of everyone else's."""

#: Entry-point group in which other packages register spout classes under a short name.
SPOUT_GROUP = "waterspout.spouts"

#: Short name in a YAML -> class path.
SPOUTS: dict[str, str] = {}

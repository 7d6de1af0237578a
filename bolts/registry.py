"""Short names of the ready-made bolts, and the entry-point group of everyone else's."""

#: Entry-point group in which other packages register bolt classes under a short name.
BOLT_GROUP = "waterspout.bolts"

#: Short name in a YAML -> class path.
BOLTS: dict[str, str] = {}

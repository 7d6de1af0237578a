"""Short names of the ready-made spouts, and the entry-point group of everyone else's."""

#: Entry-point group in which other packages register spout classes under a short name.
SPOUT_GROUP = "waterspout.spouts"

#: Short name in a YAML -> class path. Each passes tests/spouts/test_contract.py.
SPOUTS: dict[str, str] = {
    "Files": "waterspout.spouts.files:Files",
    "Generator": "waterspout.spouts.generator:Generator",
    "Sequence": "waterspout.spouts.sequence:Sequence",
    "StdinLines": "waterspout.spouts.stdin:StdinLines",
    "Timer": "waterspout.spouts.timer:Timer",
}

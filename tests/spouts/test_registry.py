"""Short names of spouts lead to spout classes."""

from waterspout import spouts
from waterspout.spouts.contract import Source, Spout
from waterspout.spouts.registry import SPOUTS
from waterspout.topology.classes import load_class

from ..each_case import each_case


@each_case("name, path", SPOUTS.items())
def test_a_short_name_is_the_name_of_an_exported_spout_class(name, path):
    cls = load_class(path)
    assert issubclass(cls, (Source, Spout))
    assert cls.__name__ == name
    assert getattr(spouts, name) is cls

"""HELLO and BYE of a sender: their numbers, and whose answers count."""

from __future__ import annotations

from waterspout.supervisor.link_greeter import Greeter
from waterspout.topology.frame_header import BYE, HELLO, Header, decode_header
from waterspout.topology.greetings import decode_hello


def greeter() -> Greeter:
    return Greeter("words", 1, 111, 2048)


def test_hellos_are_numbered_through_all_epochs() -> None:
    one = greeter()
    frames = [one.hello(1, 0), one.hello(1, 0), one.hello(2, 222)]
    heads = [decode_header(frame) for frame in frames]
    assert heads == [Header(HELLO, 1, 111, 1), Header(HELLO, 1, 111, 2), Header(HELLO, 2, 111, 3)]
    hello = decode_hello(frames[-1])
    assert (hello.topology, hello.worker, hello.peer_incarnation) == ("words", 1, 222)
    assert hello.frame_bytes_max == 2048


def test_answers_to_what_was_asked_before_do_not_count() -> None:
    one = greeter()
    one.hello(1, 0)
    assert one.counts(1)
    one.ask_anew()
    assert not one.counts(1)
    one.hello(1, 0)
    one.hello(1, 0)
    assert one.counts(2) and one.counts(3)


def test_a_bye_says_how_many_frames_there_were() -> None:
    assert decode_header(greeter().bye(4, 17)) == Header(BYE, 4, 111, 17)

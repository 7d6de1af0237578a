"""What a topology file says to a cluster, said wrong: code, cores, memory and hosts."""

from __future__ import annotations

from ..each_case import each_case
from .test_bad_values import changed, problems_of

BAD = [
    (
        changed("mine:Lines", "mine:Lines\n    cpu: -1"),
        "6:10: E_RANGE spouts.lines.cpu: number 0..1024 expected, got -1",
    ),
    (
        changed("mine:Lines", "mine:Lines\n    memory: 99TiB"),
        "6:13: E_RANGE spouts.lines.memory: a size of 0B..16384GiB, such as",
    ),
    (
        changed("mine:Lines", "mine:Lines\n    hosts: gpu"),
        "6:12: E_TYPE spouts.lines.hosts: a list of at most 32 labels such as [gpu, zone=eu] exp",
    ),
    (
        changed("mine:Lines", "mine:Lines\n    hosts: [gpu, 'a b']"),
        "6:18: E_NAME spouts.lines.hosts[1]: 'a b' is no label; written key or key=value",
    ),
    (
        changed("workers: 2", "workers: 2\ncode: ../other"),
        "3:7: E_RANGE code: '../other' is not the folder of this file (.), or one above it",
    ),
    (
        changed("workers: 2", "workers: 2\ncode: /"),
        "3:7: E_RANGE code: '/' is not the folder of this file (.), or one above it",
    ),
]


@each_case("text, expected", BAD)
def test_a_bad_hint_gives_one_problem_at_its_place(text: str, expected: str) -> None:
    found = problems_of(text)
    assert expected in found[0], found
    assert len(found) == 1, found

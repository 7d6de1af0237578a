"""Partitions: which task reads which."""

from __future__ import annotations

from waterspout.spouts.partitions import Partition, index_of


def test_every_partition_belongs_to_exactly_one_task_and_each_task_gets_some() -> None:
    owners = [index_of(f"p{n}", 4) for n in range(200)]
    assert set(owners) == {0, 1, 2, 3}
    assert min(owners.count(task) for task in range(4)) > 25


def test_the_owner_of_a_partition_is_the_same_in_every_process() -> None:
    # Stored positions belong to a task: another hash would read from the beginning.
    assert [index_of(name, 7) for name in ("a", "b", "logs/1.txt")] == [1, 4, 5]


def test_a_name_that_no_encoding_knows_has_an_owner_too() -> None:
    assert index_of("file-\udcff", 1) == 0


def test_a_new_partition_may_be_read_at_once() -> None:
    partition = Partition("p", None)
    assert (partition.position, partition.reader, partition.wait_until) == (None, None, 0.0)

"""Placing workers on hosts: what always holds, and what is preferred."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waterspout.supervisor.cluster.slots import (
    HostFacts,
    NoSlots,
    Use,
    WorkerNeed,
    fits,
    place,
)


def hosts_of(*slots: int) -> list[HostFacts]:
    return [HostFacts(f"h{n}", count) for n, count in enumerate(slots)]


def needs_of(number: int, **more: object) -> list[WorkerNeed]:
    return [WorkerNeed(n, **more) for n in range(number)]  # type: ignore[arg-type]


LABELS = st.dictionaries(st.sampled_from(["gpu", "zone", "disk"]), st.sampled_from(["a", "b"]))
HOSTS = st.lists(
    st.builds(
        HostFacts, st.uuids().map(str), st.integers(0, 6), LABELS,
        st.sampled_from([0.0, 1.0, 4.0]), st.sampled_from([0, 100]), st.booleans(),
    ),
    min_size=1, max_size=8, unique_by=lambda host: host.name,
)  # fmt: skip
WISHES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([0, 60]),
        st.lists(st.sampled_from(["gpu", "zone=a", "disk=b"]), max_size=2, unique=True).map(tuple),
    ),
    max_size=12,
).map(lambda rows: [WorkerNeed(n, *row) for n, row in enumerate(rows)])  # fmt: skip


@given(HOSTS, WISHES, st.data())
def test_what_always_holds(hosts: list[HostFacts], wanted: list[WorkerNeed], data: st.DataObject):
    names = [host.name for host in hosts]
    taken = data.draw(st.dictionaries(st.sampled_from(names), st.integers(0, 4)))
    numbers = st.sampled_from(range(max(len(wanted), 1)))
    keep = data.draw(st.dictionaries(numbers, st.sampled_from(names)))
    avoid = data.draw(st.sets(st.tuples(numbers, st.sampled_from(names))))
    overcommit = data.draw(st.booleans())
    by_name = {host.name: host for host in hosts}
    try:
        placed = place(hosts, wanted, taken, keep=keep, avoid=avoid, overcommit=overcommit)
    except NoSlots as none:
        assert none.needs
        if overcommit:
            free = [host for host in hosts if not host.draining]
            assert not any(fits(host, none.needs[0].labels) for host in free)
        return
    assert sorted(placed) == [need.worker for need in wanted]
    for need in wanted:
        host = by_name[placed[need.worker]]
        assert fits(host, need.labels)
        assert not host.draining
    if not overcommit:
        for name, count in Counter(placed.values()).items():
            assert count + taken.get(name, 0) <= by_name[name].slots
    if not avoid:
        kept = [n for n, name in keep.items() if n in placed and placed[n] == name]
        again = place(hosts, wanted, taken, keep=placed, overcommit=overcommit)
        assert again == placed or overcommit
        assert len(kept) <= len(placed)
    assert place(hosts, wanted, taken, keep=keep, avoid=avoid, overcommit=overcommit) == placed


@given(st.integers(1, 10), st.integers(1, 40))
def test_equal_hosts_get_equally_many(hosts: int, workers: int):
    per_host = -(-workers // hosts)
    placed = place(hosts_of(*[per_host] * hosts), needs_of(workers), {})
    counts = Counter(placed.values())
    assert max(counts.values()) - min(counts.get(f"h{n}", 0) for n in range(hosts)) <= 1


def test_neighbouring_workers_share_hosts():
    assert place(hosts_of(4, 4, 4), needs_of(7), {}) == {
        0: "h0", 1: "h0", 2: "h0", 3: "h1", 4: "h1", 5: "h2", 6: "h2",
    }  # fmt: skip


def test_kept_workers_stay_and_the_others_fill_up_evenly():
    placed = place(hosts_of(4, 4), needs_of(4), {}, keep={0: "h1", 1: "h1"})
    assert placed == {0: "h1", 1: "h1", 2: "h0", 3: "h0"}


@pytest.mark.parametrize(
    "host",
    [HostFacts("h0", 4, draining=True), HostFacts("h0", 0), HostFacts("h0", 4, {"zone": "b"})],
)
def test_a_kept_worker_moves_when_its_host_no_longer_fits(host: HostFacts):
    other = HostFacts("h1", 4, {"zone": "a"})
    need = WorkerNeed(0, labels=("zone=a",))
    hosts = [replace(host, labels=host.labels or {"zone": "a"}), other]
    assert place(hosts, [need], {}, keep={0: "h0"}) == {0: "h1"}
    assert place([other], [need], {}, keep={0: "gone"}) == {0: "h1"}


def test_the_emptier_host_is_taken_first():
    assert place(hosts_of(4, 4), needs_of(1), {"h0": 1}) == {0: "h1"}


def test_a_label_wants_the_key_or_the_key_with_its_value():
    host = HostFacts("h", 1, {"gpu": "a100", "zone": "x"})
    assert fits(host, ("gpu", "zone=x"))
    assert not fits(host, ("gpu=h100",))
    assert not fits(host, ("disk",))


def test_workers_that_ask_for_labels_are_not_crowded_out_by_those_that_do_not():
    hosts = [HostFacts("a", 1, {"gpu": "1"}), HostFacts("b", 1)]
    wanted = [WorkerNeed(0), WorkerNeed(1, labels=("gpu",))]
    assert place(hosts, wanted, {}) == {0: "b", 1: "a"}


def test_hints_choose_a_host_with_room_and_refuse_none():
    hosts = [HostFacts("a", 8, cpus=1.0, memory_bytes=100), HostFacts("b", 8, cpus=4.0)]
    assert set(place(hosts, needs_of(3, cpu=1.0), {"b": 3}).values()) == {"a", "b"}
    assert place(hosts, needs_of(1, cpu=2.0), {"b": 3}) == {0: "b"}
    assert place(hosts, needs_of(1, memory=60), {"b": 3}, used={"a": Use(0.0, 60)}) == {0: "b"}
    assert len(place(hosts, needs_of(9, cpu=2.0), {})) == 9


def test_tenths_of_cores_add_up():
    hosts = [HostFacts("a", 40, cpus=3.0), HostFacts("b", 40)]
    placed = place(hosts, needs_of(60, cpu=0.1), {})
    assert Counter(placed.values()) == {"a": 30, "b": 30}


def test_avoided_hosts_come_last_but_come():
    assert place(hosts_of(4, 4), needs_of(1), {"h1": 3}, avoid={(0, "h0")}) == {0: "h1"}
    assert place(hosts_of(4), needs_of(1), {}, avoid={(0, "h0")}) == {0: "h0"}
    assert place(hosts_of(4, 0), needs_of(1), {}, avoid={(0, "h0")}) == {0: "h0"}


def test_overcommitted_hosts_are_loaded_by_their_size():
    placed = place(hosts_of(1, 4), needs_of(10), {}, overcommit=True)
    assert Counter(placed.values()) == {"h0": 2, "h1": 8}


def test_without_room_the_error_counts_workers_and_slots():
    with pytest.raises(NoSlots, match="no free slot for 2 workers: 3 free") as caught:
        place(hosts_of(2, 1), needs_of(5), {})
    assert (len(caught.value.needs), caught.value.free) == (2, 3)
    with pytest.raises(NoSlots, match=r"no host takes workers and has the labels.*\(gpu\)"):
        place(hosts_of(2), needs_of(1, labels=("gpu",)), {}, overcommit=True)
    with pytest.raises(NoSlots, match="labels gpu"):
        place([HostFacts("a", 1, {"gpu": ""})], needs_of(2, labels=("gpu",)), {})
    with pytest.raises(NoSlots, match="0 free"):
        place([], needs_of(1), {})


def test_ten_thousand_workers_on_five_hundred_hosts_take_less_than_a_second():
    rng = random.Random(1)
    hosts = [HostFacts(f"h{n:03}", rng.randint(20, 30), cpus=64.0) for n in range(500)]
    began = time.process_time()
    placed = place(hosts, needs_of(10_000, cpu=1.0), {})
    assert time.process_time() - began < 1.0
    assert len(placed) == 10_000

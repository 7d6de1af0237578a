"""Trails on their way out of a task: they go with their runs, here and over a link."""

from __future__ import annotations

from waterspout.topology.frames import decode_data
from waterspout.topology.trails import Trail

from .test_dispatch import Rig


def test_trails_go_with_their_runs_and_those_of_a_run_that_was_cut_say_nothing() -> None:
    rig = Rig(frame_rows_max=4)
    for root, rows in ((11, 3), (12, 2), (13, 5)):
        for frame in rig.frames:
            ends = [frame.count + 1 + n for n in range(rows)]
            frame.trail = Trail(rows, None, 0, frame.count, ends)
        rig.emit((root,), *([str(root), n] for n in range(rows)))
    rig.flush()
    (here,) = rig.queue.queue
    there = [decode_data(data) for data in rig.link.sent]
    assert [frame.runs for frame in there] == [
        [(3, (11,))], [(2, (12,))], [(4, (13,))], [(1, (13,))],
    ]  # fmt: skip
    assert [list(frame.trails) for frame in there] == [[11], [12], [], []]
    for trails in (here.trails, there[0].trails | there[1].trails):
        assert [trails[11].message(n, 3) for n in range(3)] == [(n, 3) for n in range(3)]
        assert [trails[12].message(n, 2) for n in range(2)] == [(0, 2), (1, 2)]
    assert here.trails[13].message(4, 5) == (4, 5)

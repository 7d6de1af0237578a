"""What ``status`` shows of spouts may be old, but does not contradict itself or what it showed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from waterspout.supervisor.status import spout_rows

if TYPE_CHECKING:
    from .cluster import Cluster


class ShownFigures:
    """Looks at the rows of spouts again and again."""

    def __init__(self) -> None:
        #: What was shown last: (spout, partition) -> first unacked; spout -> acked.
        self._first: dict[tuple[str, str], int] = {}
        self._acked: dict[str, int] = {}
        #: How often something was taken back by then.
        self._taken_back = 0

    def look(self, cluster: Cluster) -> str:
        """Return what is wrong with the rows of now, or an empty text."""
        taken_back = cluster.oracle.events["taken back"]
        # A coordinator that was started again does not know what its workers had durable.
        may_fall = taken_back > self._taken_back or cluster.term > 1
        self._taken_back = taken_back
        for row in spout_rows(cluster.plan, cluster.coordinator.progress, cluster.clock.now):
            wrong = self._sums(row) or self._acks(row, may_fall) or self._position(cluster, row)
            if wrong:
                return f"{wrong}: {row}"
        return ""

    @staticmethod
    def _sums(row: dict[str, Any]) -> str:
        if row["acked"] + row["dead"] + row["pending"] > row["emitted"]:
            return "more than was emitted"
        names = "acked", "dead", "pending", "worked_through", "replayed"
        return "less than nothing" if min(row[name] for name in names) < 0 else ""

    def _acks(self, row: dict[str, Any], may_fall: bool) -> str:
        before, acked = self._acked.get(row["component"], 0), row["acked"]
        self._acked[row["component"]] = acked
        return f"acked went back from {before}" if acked < before and not may_fall else ""

    def _position(self, cluster: Cluster, row: dict[str, Any]) -> str:
        first, oracle, shape = row["first_unacked"], cluster.oracle, cluster.shape
        # Where nothing keeps state, positions that no round stored yet go with their worker.
        kept = any(bolt.stateful or bolt.sink for bolt in shape.bolts)
        if first is None or oracle.fell_back or not kept or row["component"] not in oracle.sources:
            return ""
        key = row["component"], first["partition"]
        before = self._first.get(key, 0)
        self._first[key] = first["position"]
        # One that waits for its dead letter outlives an epoch: it is known before others are read.
        if row["dead"] or cluster.store.dead_letter_count():
            return ""
        return f"first unacked went back from {before}" if first["position"] < before else ""

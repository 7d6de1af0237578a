"""The cluster with keys, on this machine: who gets in, who may do what, and who does no more."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from waterspout.supervisor.exit_codes import ExitCode

from .loopback_cluster import LoopbackCluster
from .test_cluster import PACE, Case
from .word_count import wait_for


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    made = Case(tmp_path)
    made.cluster = LoopbackCluster(tmp_path, secure=True)
    yield made
    made.cluster.close()


def said(cluster: LoopbackCluster, *words: str, code: ExitCode) -> str:
    """Run a verb without any key of the cluster's own; return its one line on stderr."""
    done = cluster.call(*words, asks=False, code=code)
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_each_key_opens_what_it_is_for(case: Case) -> None:
    cluster = case.cluster.up("a", "b", slots=1)
    keys = case.cluster.folder / "keys"
    case.submit(*PACE)
    case.middle()
    (worker,) = cluster.workers("b")
    assert "--secure=curve" in worker.cmdline()
    worker.kill()
    readonly, host = ("--keys", str(keys / "readonly")), ("--keys", str(keys / "a"))
    assert "wordcount" in cluster.call("list", *readonly, asks=False).stdout
    refused = said(cluster, "kill", "wordcount", *readonly, code=ExitCode.REFUSED)
    assert "E_ROLE: 'kill' takes a key of the role admin, this one's is readonly" in refused
    # From a folder of its own: in the other one daemons write and remove files meanwhile.
    (cluster.folder / "again").mkdir()
    for name in ("topology.yaml", "components.py"):
        shutil.copy(cluster.folder / name, cluster.folder / "again")
    submitted = cluster.call(
        "submit", "again/topology.yaml", *readonly, asks=False, code=ExitCode.REFUSED
    ).stderr
    assert "E_ROLE: 'submit' takes a key of the role admin" in submitted
    assert "E_ROLE" in said(cluster, "list", *host, code=ExitCode.REFUSED)
    assert "keygen makes one" in said(cluster, "list", code=ExitCode.REFUSED)
    insecure = said(cluster, "list", "--insecure", code=ExitCode.UNREACHABLE)
    assert "E_INSECURE" in insecure
    cluster.call("keygen", "others", asks=False)
    other = said(cluster, "list", "--keys", "others/admin", code=ExitCode.UNREACHABLE)
    assert "E_CONNECT" in other and "does not let us in" in other
    case.whole()


def test_a_host_whose_key_is_taken_out_is_heard_no_more(case: Case) -> None:
    """Its connection stays open, and its next word is refused; its tasks move when it is lost."""
    cluster = case.cluster.up("a", "b", slots=2)
    case.submit(*PACE)
    case.middle()
    assert {worker["host"] for worker in cluster.topology("wordcount")["workers"]} == {"a", "b"}
    path = cluster.folder / "keys" / "coordinator" / "authorized"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.split()[1] != "b"))
    cluster.daemons["coordinator"].send_signal(signal.SIGHUP)
    wait_for(lambda: cluster.hosts_up() == {"a"}, "host b to be lost")
    log = cluster.folder / "b.log"
    wait_for(lambda: "key" in log.read_text(), "the refusal in the log of the host")
    case.whole()

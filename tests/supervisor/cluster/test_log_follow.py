"""Logs followed over hosts: by time, over rotation, each line once, and never more than fits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from waterspout.supervisor.cluster import log_follow
from waterspout.supervisor.cluster.host_protocol import LOG_READ_MAX, problem_from_coordinator
from waterspout.supervisor.cluster.log_follow import LINE_CHARS_MAX, LogFollow
from waterspout.supervisor.cluster.log_read import log_files, read_log

ID = "words-0a1b2c"


class Hosts:
    """Hosts with real log files, that answer at once."""

    def __init__(self, folder: Path, names: str) -> None:
        self._folders = {name: folder / name for name in names}
        for each in self._folders.values():
            (each / "logs").mkdir(parents=True)
        self.now, self.asked = 0.0, 0
        self.dead: set[str] = set()

    def say(self, host: str, *texts: str, worker: int = 0) -> None:
        with open(self.log(host, worker), "a") as log:
            log.write("".join(text + "\n" for text in texts))

    def log(self, host: str, worker: int = 0) -> Path:
        return self._folders[host] / "logs" / f"worker-{worker}.log"

    def rotate(self, host: str, worker: int = 0) -> None:
        log = self.log(host, worker)
        for age in (2, 1):
            older = log.with_name(f"{log.name}.{age}")
            if older.exists():
                older.rename(log.with_name(f"{log.name}.{age + 1}"))
        log.rename(log.with_name(f"{log.name}.1"))

    def serve(self, follow: LogFollow, until_s: float = 2.0) -> list[str]:
        """Answer until nothing is asked any more; return what came, as ``host text``."""
        found: list[str] = []
        end = self.now + until_s
        while self.now < end and not follow.done:
            for host, ask in follow.asks(self.now):
                self.asked += 1
                assert problem_from_coordinator({"kind": "ask", "id": 1, **ask}) is None
                follow.answered(host, self._answer(host, ask))
            found += [f"{host} {text}" for host, _, text in follow.take()]
            self.now += 0.1
        return found

    def _answer(self, host: str, ask: dict[str, Any]) -> dict[str, Any] | None:
        if host in self.dead:
            return None
        folder = self._folders[host]
        if ask["what"] == "log_files":
            return {"ok": True, "files": log_files(folder)}
        try:
            return {"ok": True, **read_log(folder, ask["file"], ask["offset"], ask["bytes"])}
        except OSError:
            return {"ok": False, "error": "gone"}


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    return Hosts(tmp_path, "ab")


def line(second: int, text: str, task: str = "count.1") -> str:
    return f"2026-11-23T13:39:{second:02d}.000Z INFO {task} - {text}"


def ends(found: list[str]) -> list[str]:
    """Host and last word of each line."""
    return [f"{each.split()[0]} {each.split()[-1]}" for each in found]


def test_the_last_lines_of_all_hosts_come_in_the_order_of_time(hosts: Hosts) -> None:
    hosts.say("a", line(1, "one"), line(3, "three"), "  traceback", line(5, "five"))
    hosts.say("b", line(2, "two"), line(4, "four"))
    found = hosts.serve(LogFollow(ID, "ab"))
    assert ends(found) == ["a one", "b two", "a three", "a traceback", "b four", "a five"]
    found = hosts.serve(LogFollow(ID, "ab", tail_lines=2))
    assert ends(found) == ["b four", "a five"]


def test_without_follow_it_ends(hosts: Hosts) -> None:
    follow = LogFollow(ID, "ab")
    hosts.say("a", line(1, "one"))
    hosts.serve(follow)
    assert follow.done
    assert follow.asks(1e9) == []
    assert LogFollow(ID, "").done


def test_what_is_added_follows_each_line_once(hosts: Hosts) -> None:
    hosts.say("a", line(1, "old"))
    follow = LogFollow(ID, "ab", follow=True)
    assert ends(hosts.serve(follow)) == ["a old"]
    hosts.say("a", line(2, "new"))
    hosts.say("b", line(2, "first"), worker=3)
    assert sorted(ends(hosts.serve(follow))) == ["a new", "b first"]
    assert hosts.serve(follow) == []
    assert not follow.done


def test_half_a_line_waits_for_its_end(hosts: Hosts) -> None:
    follow = LogFollow(ID, "a", follow=True)
    hosts.say("a", line(1, "old"))
    hosts.serve(follow)
    with open(hosts.log("a"), "a") as log:
        log.write(line(2, "ha"))
        log.flush()
        assert hosts.serve(follow) == []
        log.write("lf\n")
    assert ends(hosts.serve(follow)) == ["a half"]


def test_no_line_is_lost_when_a_log_is_set_aside(hosts: Hosts) -> None:
    hosts.say("a", line(1, "one"))
    follow = LogFollow(ID, "a", follow=True)
    assert ends(hosts.serve(follow)) == ["a one"]
    hosts.say("a", line(2, "two"))
    hosts.rotate("a")
    hosts.say("a", line(3, "three"))
    hosts.rotate("a")
    hosts.say("a", line(4, "four"))
    assert ends(hosts.serve(follow)) == ["a two", "a three", "a four"]


def test_a_log_that_is_set_aside_between_list_and_read_is_read_after_all(hosts: Hosts) -> None:
    hosts.say("a", line(1, "one"))
    follow = LogFollow(ID, "a", follow=True)
    hosts.serve(follow)
    hosts.say("a", line(2, "two"))
    hosts.now += 1
    ((host, listing),) = follow.asks(hosts.now)
    follow.answered(host, hosts._answer(host, listing))
    hosts.rotate("a")
    hosts.say("a", line(3, "three"))
    assert ends(hosts.serve(follow)) == ["a two", "a three"]


def test_a_log_that_was_rotated_away_goes_on_with_what_is_there(hosts: Hosts) -> None:
    hosts.say("a", line(1, "one"))
    follow = LogFollow(ID, "a", follow=True)
    hosts.serve(follow)
    keep = hosts.log("a").with_suffix(".kept")
    os.link(hosts.log("a"), keep)  # its inode is not given to another file
    hosts.log("a").unlink()
    hosts.say("a", line(2, "two"))
    assert ends(hosts.serve(follow)) == ["a two"]


def test_only_the_lines_of_a_component_come_and_what_follows_them(hosts: Hosts) -> None:
    hosts.say(
        "a", line(1, "one", "count.3"), "  of-one", line(2, "other", "split.4"), "  of-other",
        line(3, "nobody", "-"), line(4, "four", "count.5"),
    )  # fmt: skip
    found = hosts.serve(LogFollow(ID, "a", "count"))
    assert ends(found) == ["a one", "a of-one", "a four"]


def test_a_large_log_is_read_in_pieces_and_its_tail_only_at_first(hosts: Hosts) -> None:
    count = 3 * LOG_READ_MAX // 100
    hosts.say("a", *(line(n % 60, f"n{n}") + "." * 50 for n in range(count)))
    follow = LogFollow(ID, "a", follow=True, tail_lines=10)
    found = hosts.serve(follow)
    assert len(found) == 10
    assert f"n{count - 1}." in found[-1]
    whole = hosts.serve(LogFollow(ID, "a", tail_lines=count))
    assert count > len(whole) > 500
    assert all(each.startswith("a 2026-11-23T13:39:") for each in whole)
    hosts.say("a", *(line(n % 60, f"m{n}") + "." * 50 for n in range(count)))
    found = hosts.serve(follow)
    assert [int(each.split()[-1].strip("m.")) for each in found] == list(range(count))


def test_a_line_without_end_is_cut(hosts: Hosts) -> None:
    hosts.say("a", line(1, "x" * (3 * LOG_READ_MAX)))
    follow = LogFollow(ID, "a", follow=True)
    hosts.serve(follow)
    hosts.say("a", line(1, "y" * (3 * LOG_READ_MAX)), line(2, "end"))
    found = hosts.serve(follow)
    assert ends(found)[-1] == "a end"
    assert max(map(len, found)) <= LINE_CHARS_MAX + 2


def test_a_host_that_does_not_answer_keeps_nobody_waiting(hosts: Hosts) -> None:
    hosts.dead.add("b")
    hosts.say("a", line(1, "one"))
    follow = LogFollow(ID, "ab", follow=True)
    found = hosts.serve(follow)
    assert sorted(ends(found)) == ["a one", "b out"]
    hosts.dead.clear()
    hosts.say("b", line(2, "back"))
    assert ends(hosts.serve(follow)) == ["b back"]


def test_a_client_that_does_not_take_lines_has_nothing_read_for_it(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_follow, "LINES_MAX", 1)
    hosts.say("a", line(1, "one"))
    follow = LogFollow(ID, "a", follow=True)
    for _ in range(4):
        for host, ask in follow.asks(hosts.now):
            follow.answered(host, hosts._answer(host, ask))
        hosts.now += 1
    assert follow.asks(hosts.now) == []
    assert len(follow.take()) == 1
    assert follow.asks(hosts.now) != []


def test_following_asks_no_more_than_twice_a_second_and_host(hosts: Hosts) -> None:
    hosts.say("a", line(1, "one"))
    follow = LogFollow(ID, "a", follow=True)
    hosts.serve(follow)
    hosts.asked = 0
    hosts.serve(follow, 10.0)
    assert 15 <= hosts.asked <= 21


@pytest.mark.parametrize("component", [None, "count"])
def test_another_one_goes_on_from_its_marks_and_loses_and_repeats_nothing(
    hosts: Hosts, component: str | None
) -> None:
    hosts.say("a", line(1, "one"))
    first = LogFollow(ID, "a", component, follow=True)
    assert ends(hosts.serve(first)) == ["a one"]
    hosts.say("a", line(2, "two"), "  a line of two")
    with open(hosts.log("a"), "a") as log:
        log.write(line(3, "half "))
    assert ends(hosts.serve(first)) == ["a two", "a two"]
    marks = first.take_marks()
    assert first.take_marks() == []
    with open(hosts.log("a"), "a") as log:
        log.write("three\n")
    hosts.say("a", line(4, "four"))
    hosts.rotate("a")
    hosts.say("a", line(5, "five"))
    hosts.say("b", line(6, "six"))
    again = LogFollow(ID, "ab", component, follow=True, marks=marks)
    assert sorted(ends(hosts.serve(again))) == ["a five", "a four", "a three", "b six"]


def test_a_host_that_a_worker_comes_to_later_is_followed_from_its_first_line(hosts: Hosts) -> None:
    hosts.say("a", line(1, "one"))
    follow = LogFollow(ID, "a", follow=True)
    hosts.serve(follow)
    hosts.say("b", line(2, "two"), line(3, "three"))
    follow.add_host("b")
    follow.add_host("a")
    assert ends(hosts.serve(follow)) == ["b two", "b three"]

"""The topologies and classes of the docs are run, not only read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED_BLOCK = re.compile(r"^```\w+\n# (\S+\.(?:py|yaml))\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = "to be or not to be\nthat is the question 42\n"

#: Wires up the classes of docs/python-api.md, each at least once; the async one has its own.
API_TOPOLOGY = """\
name: api
workers: 1
spouts:
  files: {class: Files, args: {paths: "*.txt", include_path: true}}
  countdown: {class: "spouts_source:Countdown", args: {start: 10}}
  letters: {class: "spouts_plain:Letters"}
bolts:
  split: {class: "bolts_basic:Split", inputs: [files]}
  explode: {class: "bolts_forms:Explode", inputs: [split]}
  sizes: {class: "bolts_forms:Sizes", inputs: [split]}
  sort: {class: "bolts_streams:Sort", inputs: [split]}
  pairs: {class: "bolts_by_hand:Pairs", inputs: [countdown]}
  longest:
    class: bolts_state:Longest
    inputs: [{from: files, grouping: fields, fields: [path]}]
  window: {class: "bolts_ticks:Window", inputs: [split], tick_interval: 50ms}
  explosions: {class: "bolts_sink:Append", args: {path: "explosions"}, inputs: [explode]}
  sizes_out: {class: "bolts_sink:Append", args: {path: "sizes"}, inputs: [sizes]}
  numbers:
    class: bolts_sink:Append
    args: {path: "numbers"}
    inputs: [{from: sort, stream: numbers}]
  words: {class: Count, inputs: [sort]}
  pairs_out: {class: WriteLines, args: {path: "pairs"}, inputs: [pairs]}
  letters_out: {class: "bolts_sink:Append", args: {path: "letters"}, inputs: [letters]}
  windows: {class: "bolts_sink:Append", args: {path: "windows"}, inputs: [window]}
"""

ASYNC_TOPOLOGY = """\
name: fetching
workers: 1
spouts:
  files: {class: Files, args: {paths: "*.txt"}}
bolts:
  split: {class: "bolts_basic:Split", inputs: [files]}
  fetch: {class: "bolts_forms:Fetch", inputs: [split], concurrency: 4}
  fetched: {class: WriteLines, args: {path: "fetched"}, inputs: [fetch]}
"""


def save(page: str, folder: Path) -> None:
    """Save the named blocks of a page, and a text to read."""
    for name, text in NAMED_BLOCK.findall((ROOT / page).read_text("utf-8")):
        (folder / name).write_text(text, "utf-8")
    (folder / "hamlet.txt").write_text(TEXT, "utf-8")


def run(topology: str, folder: Path, *options: str) -> dict[str, Any]:
    """Run a topology in a folder; return its summary."""
    command = [sys.executable, "-m", "waterspout.supervisor", "run", topology, "--json"]
    command += ["--state-dir", str(folder / "state"), *options]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90)
    assert ended.returncode == 0, ended.stderr
    summary: dict[str, Any] = json.loads(ended.stdout)
    assert summary["dead_letters"] == 0, ended.stderr
    return summary


def test_the_readme_counts_words(tmp_path: Path) -> None:
    save("README.md", tmp_path)
    summary = run("shout.yaml", tmp_path, "--in-process")
    assert dict(summary["top"]["count"]) == Counter(TEXT.upper().split())


def test_concepts_rains(tmp_path: Path) -> None:
    save("docs/concepts.md", tmp_path)
    summary = run("rainfall.yaml", tmp_path, "--set", "spouts.readings.args.count=1000")
    assert summary["acked"] == 1000


def test_a_streamparse_bolt_runs_after_the_import_was_changed(tmp_path: Path) -> None:
    save("docs/from-streamparse.md", tmp_path)
    summary = run("ported.yaml", tmp_path, "--in-process")
    tuples = {each["component"]: each["tuples"] for each in summary["components"]}
    assert tuples == {"lines": 2, "split": 2, "count": 11}


def written(path: Path) -> list[str]:
    """Return the lines of a file, sorted."""
    return sorted(path.read_text("utf-8").splitlines())


both_ways = pytest.mark.parametrize("options", [["--in-process"], ["--workers", "2"]], ids=" ".join)


@both_ways
def test_the_classes_of_the_api_page_do_what_they_say(tmp_path: Path, options: list[str]) -> None:
    save("docs/python-api.md", tmp_path)
    (tmp_path / "api.yaml").write_text(API_TOPOLOGY)
    summary = run("api.yaml", tmp_path, *options)

    words = TEXT.split()
    assert written(tmp_path / "explosions.0") == sorted("".join(words))
    assert written(tmp_path / "sizes.0") == sorted(str(len(word)) for word in words)
    assert written(tmp_path / "numbers.0") == ["42"]
    assert written(tmp_path / "letters.0") == ["a", "b", "c"]
    pairs = [line.split("\t") for line in written(tmp_path / "pairs")]
    assert sorted(int(number) for pair in pairs for number in pair) == list(range(1, 11))
    assert sum(map(int, written(tmp_path / "windows.0"))) == len(words)
    assert dict(summary["top"]["words"]) == Counter(word for word in words if word != "42")


@both_ways
def test_an_async_bolt_emits_what_it_waited_for(tmp_path: Path, options: list[str]) -> None:
    save("docs/python-api.md", tmp_path)
    (tmp_path / "fetching.yaml").write_text(ASYNC_TOPOLOGY)
    run("fetching.yaml", tmp_path, *options)
    expected = sorted(f"{word}\t{len(word)}" for word in TEXT.split())
    assert written(tmp_path / "fetched") == expected

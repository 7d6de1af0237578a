"""The input of the word counts: lines of the running interpreter's standard library.

Every machine has it, it is real text, and its word frequencies are those of a natural
source (few very common words, a long tail). The lines are written to one file before the
first run, so that no contestant pays for walking the folder.
"""

from __future__ import annotations

import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Corpus:
    """A prepared file, and what a correct word count of it gives."""

    path: Path
    lines: int
    words: int
    counts: dict[str, int]


def stdlib_lines(lines_max: int) -> Iterator[str]:
    """Yield up to ``lines_max`` lines of the standard library, in the order of its file names.

    Files that are not UTF-8 (a few test files) are left out. Only ``\\n`` ends a line here,
    as in a file that is read line by line.
    """
    left = lines_max
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        try:
            text = path.read_bytes().decode("utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        lines = text.replace("\r", " ").split("\n")[:left]
        yield from lines
        left -= len(lines)
        if left <= 0:
            return


def prepare(folder: Path, lines_max: int, parts: int = 2) -> Corpus:
    """Write the corpus to ``folder/corpus/part-N.txt`` and count its words.

    It is cut into ``parts`` files of equal length, so that two spout tasks or two peers'
    processes share it evenly. ``Corpus.path`` is the folder of the parts.
    """
    target = folder / "corpus"
    target.mkdir(parents=True, exist_ok=True)
    lines = list(stdlib_lines(lines_max))
    for part in range(parts):
        text = "\n".join(lines[len(lines) * part // parts : len(lines) * (part + 1) // parts])
        (target / f"part-{part}.txt").write_bytes(text.encode() + b"\n")
    counts = Counter(word for line in lines for word in line.split())
    return Corpus(target, len(lines), counts.total(), dict(counts))


def count_words(folder: Path) -> dict[str, int]:
    """Return ``collections.Counter`` over the prepared parts: the counts that must come out."""
    counts: Counter[str] = Counter()
    for path in sorted(folder.glob("part-*.txt")):
        for line in path.read_bytes().decode().split("\n"):
            counts.update(line.split())
    return dict(counts)

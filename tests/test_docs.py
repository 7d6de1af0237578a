"""The documentation tells the truth: its code runs, its topologies lint, its commands parse.

A fenced block whose first line is ``# name.py`` or ``# name.yaml`` is saved under that name, so
that the blocks of one page can use each other. ``text`` blocks are for what is not ours.
"""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from waterspout.supervisor.cli import main
from waterspout.supervisor.linting import lint_file

from .class_check import classes_checked_here
from .each_case import each_case

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
#: Languages a block may be marked with.
LANGUAGES = {"python", "yaml", "sh", "text", "json"}

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"# (\w[\w.-]*\.(?:py|yaml))\n")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def file_name(self) -> str:
        """The name under which it is saved."""
        named = FILE_NAME.match(self.text)
        suffix = {"python": "py", "yaml": "yaml"}.get(self.language, "txt")
        return named[1] if named else f"block_{self.line}.{suffix}"


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = page.read_text("utf-8")
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page, line, match[1], match[2])


def save(page: Path, folder: Path) -> dict[str, Block]:
    """Save the python and yaml blocks of a page; return them by file name.

    The modules of configs/ lie beside them, so that a page may use the shipped examples.
    """
    for module in (ROOT / "configs").rglob("*.py"):
        (folder / module.name).write_text(module.read_text("utf-8"), "utf-8")
    saved = {b.file_name: b for b in blocks(page) if b.language in ("python", "yaml")}
    for name, block in saved.items():
        (folder / name).write_text(block.text, "utf-8")
    return saved


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


@every_page
def test_every_block_says_what_it_is(page: Path) -> None:
    assert [(b.line, b.language) for b in blocks(page) if b.language not in LANGUAGES] == []


@every_page
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = save(page, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    try:
        for name in saved:
            if name.endswith(".py"):
                runpy.run_path(str(tmp_path / name), run_name=name.removesuffix(".py"))
    finally:
        for module in set(sys.modules) - before:
            if str(tmp_path) in str(getattr(sys.modules[module], "__file__", "")):
                del sys.modules[module]


@every_page
def test_topologies_pass_lint(page: Path, tmp_path: Path) -> None:
    for name, block in save(page, tmp_path).items():
        if name.endswith(".yaml"):
            with classes_checked_here():
                result = lint_file(tmp_path / name)
            bad = [p for p in result.problems if p.level != "info"]
            assert bad == [], f"{page.name}:{block.line}:\n" + "\n".join(map(str, bad))
            assert result.ok


def commands(page: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, words) for each ``waterspout ...`` line of the shell blocks of a page."""
    for block in blocks(page):
        if block.language == "sh":
            for number, line in enumerate(block.text.splitlines(), block.line + 1):
                for part in line.split("&&"):
                    words = shlex.split(part, comments=True)
                    if words and words[0].split("/")[-1] == "waterspout":
                        yield number, words[1:]


@every_page
def test_commands_parse(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line, words in commands(page):
        for word in words:
            if word.endswith(".yaml"):
                (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / word).touch()
        try:
            parse(main, words)
        except click.UsageError as error:
            pytest.fail(f"{page.name}:{line}: waterspout {' '.join(words)}: {error}")


def parse(command: click.Command, words: list[str], parent: click.Context | None = None) -> None:
    """Read a command line as the program would, down to the last sub-command; run nothing."""
    context = command.make_context(command.name or "waterspout", list(words), parent=parent)
    if isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        _name, sub, rest = command.resolve_command(context, rest)
        assert sub is not None
        parse(sub, rest, context)


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        found = (page.parent / path) if path else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def generators() -> dict[str, Callable[[], str]]:
    """Return what docs/generate.py makes, by file name."""
    pages: Any = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]
    return dict(pages)


@each_case("name", generators())
def test_generated_pages_are_up_to_date(name: str) -> None:
    made = generators()[name]()
    assert (ROOT / "docs" / name).read_text("utf-8") == made, "run: python docs/generate.py"


def test_every_test_and_bug_that_a_page_names_is_there() -> None:
    page = (ROOT / "docs" / "faults.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 30
    gone = [
        f"{file}::{name}" for file, name in named
        if not re.search(rf"def {name}\(", (ROOT / file).read_text("utf-8"))
    ]  # fmt: skip
    rows = [line for line in page.splitlines() if re.match(r"\| [CP]\d+ \|", line)]
    assert [row.split("|")[1].strip() for row in rows] == [
        *(f"C{n}" for n in range(1, 12)), *(f"P{n}" for n in range(1, 12)),
    ]  # fmt: skip
    bugs = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[4])}
    known = (ROOT / "tests/simulation/exact_bugs.py").read_text("utf-8")
    assert (gone, [bug for bug in sorted(bugs) if f"\ndef {bug}(patch: " not in known]) == ([], [])
    # One concerns progress, not a condition.
    seeded = set(re.findall(r"^def (\w+)\(patch: ", known, re.MULTILINE))
    assert seeded - bugs <= {"abort_does_not_release"}

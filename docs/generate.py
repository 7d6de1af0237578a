"""Makes the pages of docs/ that come from tables in the code. Run it as: python docs/generate.py

tests/test_docs.py compares the pages with what this makes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

from waterspout.topology import errors, reference
from waterspout.topology.problems import CODES

DOCS = Path(__file__).resolve().parent

ERRORS_HEAD = """\
# Errors and warnings by code

Made from the tables in the code by `docs/generate.py`.

## Codes of topology files

`waterspout lint` and `waterspout run` print one line per problem:
`file:line:col: CODE what, got, allowed, did you mean`. `E_` refuses the topology, `W_` warns,
`I_` informs. Codes keep their names from version to version.

| code | meaning |
|---|---|
"""

EXCEPTIONS_HEAD = """
## Exceptions

All are in `waterspout.topology.errors`; the ones below `UserError` are about something that a user
wrote.

| exception | below | meaning |
|---|---|---|
"""


def errors_page() -> str:
    """Return docs/errors.md."""
    codes = "".join(f"| `{code}` | {meaning} |\n" for code, meaning in CODES.items())
    classes = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, Exception)]
    exceptions = "".join(
        f"| `{c.__name__}` | `{c.__bases__[0].__name__}` | {_first_line(c)} |\n" for c in classes
    )
    return ERRORS_HEAD + codes + EXCEPTIONS_HEAD + exceptions


def _first_line(thing: type) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")


#: File name -> what makes it.
PAGES: dict[str, Callable[[], str]] = {
    "errors.md": errors_page,
    "yaml-reference.md": reference.markdown,
    "topology.schema.json": reference.schema_text,
}


def main() -> None:
    """Write every generated page."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()

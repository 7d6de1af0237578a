"""The list of keys that a coordinator lets in: one a line, with its role and its name.

    # who       name      public key
    supervisor  host-1    Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
    admin       admin     rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7

A line that begins with ``#`` and a space is a comment. The name of a supervisor's key is the
name of its host; several keys may have one name, so that a key can be replaced without a break.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from waterspout.topology.errors import UserError

from .client_protocol import Role
from .field_checks import name as is_name

#: Most lines of the file.
LINES_MAX = 10_000
#: Characters of a key: 32 bytes in Z85.
KEY_CHARS = 40
#: Source: https://rfc.zeromq.org/spec/32/
_Z85 = frozenset(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
)
#: Keys of the examples in zmq_curve(7): everybody knows their secrets.
KNOWN_KEYS = frozenset((
    "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
    "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
))  # fmt: skip


class KeyFileError(UserError):
    """A file with keys cannot be used; the text names it and says all that is wrong with it."""


class Who(NamedTuple):
    """Whom a key belongs to."""

    role: Role
    name: str


def key_problem(key: str) -> str | None:
    """Return why this is no key that may be used, or None."""
    if len(key) != KEY_CHARS or not _Z85.issuperset(key):
        return f"{key!r:.60} is no key: {KEY_CHARS} characters of Z85"
    if key in KNOWN_KEYS:
        return "the key is one of the examples in zmq_curve(7), whose secrets everybody knows"
    return None


class Authorized:
    """The keys that are let in.

    Args:
        owners: public key -> whom it belongs to.
    """

    def __init__(self, owners: Mapping[str, Who]) -> None:
        self.owners = dict(owners)

    @classmethod
    def parse(cls, text: str, source: str = "authorized") -> Authorized:
        """Return what a file says.

        Args:
            text: of the file.
            source: its path, for the errors.

        Raises:
            KeyFileError: with every line that is wrong.
        """
        owners: dict[str, Who] = {}
        problems = []
        lines = text.splitlines()
        if len(lines) > LINES_MAX:
            raise KeyFileError(f"{source}: {len(lines)} lines, at most {LINES_MAX} are read")
        for number, line in enumerate(lines, 1):
            if line.startswith("# ") or not line.strip() or line.strip() == "#":
                continue
            problem = cls._take(line.split(), owners)
            if problem is not None:
                problems.append(f"{source}:{number}: {problem}")
        if problems:
            raise KeyFileError("\n".join(problems))
        return cls(owners)

    @staticmethod
    def _take(words: list[str], owners: dict[str, Who]) -> str | None:
        if len(words) != 3:
            return f"{len(words)} words; a line is: ROLE NAME KEY"
        role, name, key = words
        if role not in tuple(Role):
            return f"role {role!r:.40} is none of {', '.join(Role)}"
        if not is_name(name):
            return f"name {name!r:.40} is too long or not printable"
        problem = key_problem(key)
        if problem is not None:
            return problem
        if key in owners:
            return f"the key of {owners[key].role} {owners[key].name} a second time"
        owners[key] = Who(Role(role), name)
        return None

    def role(self, public: str) -> Who | None:
        """Return whom a public key belongs to; None: it is not let in."""
        return self.owners.get(public)

    def text(self) -> str:
        """Return the file."""
        rows = [("# role", "name", "public key")]
        rows += [(who.role.value, who.name, key) for key, who in self.owners.items()]
        return "".join(f"{role:<12}{name:<20} {key}\n" for role, name, key in rows)

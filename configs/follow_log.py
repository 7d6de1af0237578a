"""The user code of follow_log.yaml: a plain function, which knows nothing of streams."""

import re

TROUBLE = re.compile(r"\b(error|warning|critical|fatal|traceback|failed)\b", re.IGNORECASE)


def tells_of_trouble(line: str) -> bool:
    """Say whether a line of a log tells of trouble."""
    return TROUBLE.search(line) is not None

"""The child's own protocol: one JSON request in, one JSON line per component out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from waterspout.topology.classes import AllowList


def test_the_child_says_what_it_begins_and_what_it_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print('noise')\nx = 1\n")
    component = {"id": "b", "kind": "bolt", "class_path": "mine:x", "args": {}, "customs": []}
    request = {
        "folder": str(tmp_path),
        "allow": AllowList(local=("mine",)).to_json(),
        "components": [component],
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "waterspout.supervisor.classcheck_child"],
        input=json.dumps(request).encode(),
        capture_output=True,
        timeout=30,
        check=True,
    )
    begin, answer = [json.loads(line) for line in done.stdout.splitlines()]
    assert begin == {"begin": "b"}
    assert answer["id"] == "b" and answer["facts"] is None
    assert answer["findings"][0][:2] == ["class", "E_CLASS_KIND"]
    assert b"noise" in done.stderr

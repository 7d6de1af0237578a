"""An environment as pip makes it: it has the requirements, and a worker starts in it."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import subprocess
import zipfile
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.environments import Environments, NoEnvironment

WHEEL = "leftpad_of_test-1.0-py3-none-any.whl"
INFO = "leftpad_of_test-1.0.dist-info"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pip") is None, reason="needs pip: python -m ensurepip"
)


def wheel(folder: Path) -> Path:
    """Make a wheel with one module; nothing is fetched from anywhere."""
    files = {
        "leftpad_of_test.py": b"VALUE = 42\n",
        f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: leftpad-of-test\nVersion: 1.0\n",
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    with zipfile.ZipFile(folder / WHEEL, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        archive.writestr(f"{INFO}/RECORD", f"{record}{INFO}/RECORD,,\n")
    return folder / WHEEL


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def test_an_environment_has_the_requirements_and_runs_workers(tmp_path: Path) -> None:
    path = wheel(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    text = f"leftpad-of-test @ {path.as_uri()} --hash=sha256:{digest}\n".encode()
    name = hashlib.sha256(text).hexdigest()
    environments = Environments(tmp_path / "env", allow=True)
    (tmp_path / "env").mkdir()
    environments.make(name, text)
    python = environments.python(name)
    assert python is not None
    script = "import leftpad_of_test, waterspout.supervisor.worker; print(leftpad_of_test.VALUE)"
    found = subprocess.run(
        [str(python), "-P", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert (found.stdout, found.stderr) == ("42\n", "")


def test_requirements_with_another_hash_are_refused_with_what_pip_said(tmp_path: Path) -> None:
    text = f"leftpad-of-test @ {wheel(tmp_path).as_uri()} --hash=sha256:{'0' * 64}\n".encode()
    environments = Environments(tmp_path / "env", allow=True)
    (tmp_path / "env").mkdir()
    with pytest.raises(NoEnvironment, match=r"(?s)cannot be installed.*[Hh]ash"):
        environments.make(hashlib.sha256(text).hexdigest(), text)

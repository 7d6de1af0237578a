"""Environments of requirements: only where allowed, made once, and what pip said when it failed."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from waterspout.supervisor.cluster.environments import Environments, NoEnvironment

TEXT = b"left-pad==1.0 --hash=sha256:00\n"
SHA = hashlib.sha256(TEXT).hexdigest()


class Pip:
    """Runs nothing, and does what venv and pip would."""

    def __init__(self, fail: bool = False) -> None:
        self.commands: list[list[str]] = []
        self._fail = fail

    def __call__(self, command: Sequence[str], log: Path) -> None:
        self.commands.append(list(command))
        if "venv" in command:
            folder = Path(command[-1])
            (folder / "lib" / "python3" / "site-packages").mkdir(parents=True)
            (folder / "bin").mkdir()
            (folder / "bin" / "python").touch()
        elif self._fail:
            log.write_text("\n".join(f"line {n}" for n in range(20)))
            raise subprocess.CalledProcessError(1, list(command))


def made(tmp_path: Path, pip: Pip, **more: object) -> Environments:
    return Environments(tmp_path, allow=True, run=pip, **more)  # type: ignore[arg-type]


def test_an_environment_is_made_once_and_sees_our_packages(tmp_path: Path) -> None:
    pip = Pip()
    environments = made(tmp_path, pip)
    assert environments.python(SHA) is None
    environments.make(SHA, TEXT)
    python = environments.python(SHA)
    assert python == tmp_path / SHA / "bin" / "python"
    (link,) = (tmp_path / SHA).glob("lib/python*/site-packages/*.pth")
    assert "addsitedir" in link.read_text()
    _, install = pip.commands
    assert {"--no-input", "--require-hashes"} <= set(install)
    assert not any("--index-url" in word for word in install)


def test_index_and_hashes_are_settings(tmp_path: Path) -> None:
    pip = Pip()
    made(tmp_path, pip, hashes=False, index="https://index.example/simple").make(SHA, TEXT)
    install = pip.commands[-1]
    assert "--require-hashes" not in install
    assert "--index-url=https://index.example/simple" in install


def test_nothing_is_run_where_it_is_not_allowed(tmp_path: Path) -> None:
    pip = Pip()
    with pytest.raises(NoEnvironment, match=r"requirements\.allow is false"):
        Environments(tmp_path, run=pip).make(SHA, TEXT)
    assert pip.commands == []


def test_what_pip_said_last_is_told_and_nothing_half_made_stays(tmp_path: Path) -> None:
    environments = made(tmp_path, Pip(fail=True))
    with pytest.raises(NoEnvironment, match="line 19") as error:
        environments.make(SHA, TEXT)
    assert "line 12" in str(error.value)
    assert "line 11" not in str(error.value)
    assert environments.python(SHA) is None
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"{SHA}.log", f"{SHA}.txt"]


def test_other_requirements_than_asked_for_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NoEnvironment, match="not those"):
        made(tmp_path, Pip()).make(SHA, TEXT + b"#")


@pytest.mark.parametrize("sha256", ["", "../x", "A" * 64, "0" * 63])
def test_a_path_is_no_sha256(tmp_path: Path, sha256: str) -> None:
    with pytest.raises(NoEnvironment, match="not a sha256"):
        made(tmp_path, Pip()).python(sha256)

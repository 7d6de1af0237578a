"""What a supervisor answers when the coordinator asks: logs, facts, a reload."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .field_checks import cut
from .host_core import HostCore
from .host_facts import facts
from .log_read import log_files, read_log
from .supervisor_folder import SupervisorFolder


class Answers:
    """Answers ``ask``; everything it does is short.

    Args:
        folder: of the supervisor.
        core: knows which components its workers run.
        reload: asks for the configuration to be read anew.
    """

    def __init__(
        self, folder: SupervisorFolder, core: HostCore, reload: Callable[[], None]
    ) -> None:
        self._folder, self._core, self._reload = folder, core, reload

    def answer(self, ask: Mapping[str, Any]) -> dict[str, Any]:
        """Return the ``answer``; ``ask`` passed its table."""
        try:
            return {"kind": "answer", "id": ask["id"], "ok": True, **self._answer(ask)}
        except OSError as error:
            text = error.strerror or str(error)
        except ValueError as error:
            text = str(error)
        return {"kind": "answer", "id": ask["id"], "ok": False, "error": cut(text)}

    def _answer(self, ask: Mapping[str, Any]) -> dict[str, Any]:
        match ask["what"]:
            case "log_files":
                folder = self._folder.topology(ask["topology"])
                return {"files": log_files(folder, self._workers(ask))}
            case "log_read":
                folder = self._folder.topology(ask["topology"])
                return read_log(folder, ask["file"], ask["offset"], ask["bytes"])
            case "reload":
                self._reload()
                return {}
            case _:
                return {"facts": facts(self._folder)}

    def _workers(self, ask: Mapping[str, Any]) -> set[int] | None:
        """Return the workers that run a component, as far as is known; None: all of them."""
        component = ask["component"]
        if component is None:
            return None
        found = {
            key[1]
            for key, worker in self._core.workers.items()
            if key[0] == ask["topology"] and component in worker.components.values()
        }
        return found or None

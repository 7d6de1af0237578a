"""What only the host knows of a topology's args: its own variables, and its secrets.

A plan names them, ``${TOPOLOGY_DIR}`` and ``secret://NAME``; they are put in when a component
or a custom grouping is built, in the worker.
"""

from __future__ import annotations

import sysconfig
from typing import Any

from waterspout.topology.classes import load_class
from waterspout.topology.host_variables import with_host_variables
from waterspout.topology.plan import Plan, TaskPlan
from waterspout.topology.spec import InputSpec

from .secret_files import SecretFiles


class HostArgs:
    """Puts into args what this host has for them; makes components and groupings with it.

    Args:
        folder: with the topology's own code here; "": that of the plan, which was made here.
        secrets: of this host; None: it has none.
    """

    def __init__(self, folder: str = "", secrets: SecretFiles | None = None) -> None:
        self._folder, self._secrets = folder, secrets or SecretFiles(None)

    def component(self, plan: Plan, task: TaskPlan) -> Any:
        """Import a component's class and construct it with the YAML's args; see ``Load``.

        Raises:
            SecretUnreadable: the args name a secret that cannot be had.
            Exception: whatever the class raises.
        """
        spec = plan.spec.component(task.component)
        return load_class(spec.class_path)(**self._resolved(plan, spec.args))

    def grouping(self, plan: Plan, each: InputSpec) -> Any:
        """Import and construct the custom grouping of an input; see ``LoadGrouping``.

        Raises:
            SecretUnreadable: the args name a secret that cannot be had.
            Exception: whatever the class raises.
        """
        assert each.custom is not None
        return load_class(each.custom)(**self._resolved(plan, each.args))

    def _resolved(self, plan: Plan, args: Any) -> Any:
        variables = host_variables(self._folder or plan.folder)
        # Secrets last: what one holds is taken as it is.
        return self._secrets.resolved(with_host_variables(args, variables))


def host_variables(folder: str) -> dict[str, str]:
    """Return the variables of this host and process.

    Args:
        folder: with the topology's own code.
    """
    return {"PYTHON_STDLIB": sysconfig.get_paths()["stdlib"], "TOPOLOGY_DIR": folder}

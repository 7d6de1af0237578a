"""Libraries that only some sinks need, and that are heavy: extras of the installation."""

from __future__ import annotations

from importlib import import_module

from waterspout.topology.errors import UserError


def need_extra(component: str, kind: str, module: str, extra: str) -> None:
    """Import ``module``, or say what to install. Called when a task starts.

    Raises:
        UserError: it cannot be imported; names ``component`` and what needs it.
    """
    try:
        import_module(module)
    except ImportError as error:
        raise UserError(
            f"{component}: {kind} needs {module.partition('.')[0]}: "
            f"pip install 'waterspout[{extra}]' ({error})"
        ) from None

"""What a component class is and declares: imports it, so only run in the throw-away child."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from waterspout.bolts.contract import SINK_KINDS, Bolt, ColumnBolt
from waterspout.spouts.contract import Source, Spout, declared_replay
from waterspout.topology.argument_checks import argument_of, place_of
from waterspout.topology.classes import AllowList, ImportFailed, load_class, load_function
from waterspout.topology.component import Needs, StreamDecl, normal_outputs
from waterspout.topology.errors import UserError, WrongArguments
from waterspout.topology.facts import ComponentFacts
from waterspout.topology.problems import listed, printable, quote
from waterspout.topology.tracebacks import user_frames, user_traceback

from .allow_lists import refused
from .argcheck import check_args
from .import_hints import import_hint
from .signatures import wrong_signatures


class Finding(NamedTuple):
    """A problem by the path of its value below the component; ``details``: the traceback."""

    path: str
    code: str
    text: str
    details: str = ""


def inspect_component(
    component: Mapping[str, Any], allow: AllowList, findings: list[Finding]
) -> ComponentFacts | None:
    """Return the facts of one component; what is wrong goes to ``findings``.

    ``component`` holds id, kind, class_path, args and customs (class path and args of each
    custom grouping of its inputs), and ``time_function`` of a spout. The allow list is asked
    before each import.
    """
    for custom in component["customs"]:
        _check_custom(custom, allow, findings)
    cls = _import(load_class, component["class_path"], "class", allow, findings)
    if cls is None or not _is_component(cls, component, findings):
        return None
    args = component["args"]
    wrong = [
        Finding(f"args.{name}" if name in args else "args", "E_ARGS", text)
        for name, text in check_args(cls, args)
    ]
    _check_functions(cls, args, allow, findings)
    if component.get("time_function"):
        path = component["time_function"]
        _import(load_function, path, "event_time.function", allow, findings)
    own: list[Finding] = []
    facts = _facts(cls, args, component["kind"], own)
    findings.extend(_once(wrong, own))
    return facts


def _once(wrong: list[Finding], own: list[Finding]) -> Iterator[Finding]:
    """Yield what the signature says and what the class itself says, but nothing twice.

    The class knows more about the value of an argument. What it says of all arguments together
    may only follow from one that is misspelt or missing.
    """
    told = {each.path.split(".")[1] for each in own if each.path.startswith("args.")}
    spelt = True
    for each in wrong:
        argument = each.path.partition(".")[2]
        by_name = argument == "" or ": unexpected " in each.text
        spelt = spelt and not by_name
        if by_name or argument not in told:
            yield each
    yield from (each for each in own if spelt or (each.path, each.code) != ("args", "E_ARGS"))


def _check_custom(
    custom: Mapping[str, Any], allow: AllowList, findings: list[Finding]
) -> None:
    cls = _import(load_class, custom["class_path"], custom["path"], allow, findings)
    if cls is None:
        return
    missing = [name for name in ("prepare", "choose_tasks") if not hasattr(cls, name)]
    if missing:
        text = f"{quote(cls.__qualname__)} is no grouping: it does not define {listed(missing)}"
        findings.append(Finding(custom["path"], "E_CLASS_KIND", text))
    else:
        for _, text in check_args(cls, custom["args"]):
            findings.append(Finding(custom["path"], "E_ARGS", text))


def _import(
    load: Callable[[str], Any],
    path: str,
    where: str,
    allow: AllowList,
    findings: list[Finding],
) -> Any:
    """Import one path; None when that was refused or failed."""
    try:
        problem = refused(allow, path)
        if problem is None:
            return load(path)
        findings.append(Finding(where, *problem))
    except ImportFailed as error:
        code = "E_CLASS_KIND" if "not a class" in str(error) else "E_IMPORT"
        findings.append(Finding(where, code, str(error)))
    except BaseException as error:  # a module may raise anything, SystemExit too
        text = f"importing {quote(path.partition(':')[0])} raised {said(error)}{import_hint(error)}"
        findings.append(Finding(where, "E_IMPORT", text, user_traceback(error)))
    return None


def _is_component(
    cls: type[Any], component: Mapping[str, Any], findings: list[Finding]
) -> bool:
    """Check base class, kind and abstract methods."""
    wanted = component["kind"]
    is_bolt, is_spout = issubclass(cls, Bolt), issubclass(cls, (Spout, Source))
    name = quote(cls.__qualname__)
    if is_bolt == is_spout:
        base = "Bolt" if wanted == "bolt" else "Spout or Source"
        text = f"{name} is not a {wanted}: it does not derive from {base}"
    elif is_bolt != (wanted == "bolt"):
        other = "bolt" if is_bolt else "spout"
        text = f"{name} is a {other}, listed under {wanted}s"
    else:
        missing = _missing_methods(cls)
        text = f"{name} does not define {listed(missing)}" if missing else _async_misuse(cls)
        text = text or wrong_signatures(cls)
        if not text:
            return True
    findings.append(Finding("class", "E_CLASS_KIND", text))
    return False


#: Of each base: the methods of which a class has to define at least one, for each group.
_NEEDED: tuple[tuple[type[Any], tuple[tuple[str, ...], ...]], ...] = (
    (ColumnBolt, (("columns", "process", "process_batch"),)),
    (Bolt, (("process", "process_batch"),)),
    (Source, (("partitions",), ("reader",))),
    (Spout, (("next_tuple",),)),
)


def _missing_methods(cls: type[Any]) -> list[str]:
    abstract = sorted(getattr(cls, "__abstractmethods__", ()))
    base, groups = next(pair for pair in _NEEDED if issubclass(cls, pair[0]))
    missing = [
        " or ".join(names)
        for names in groups
        if all(getattr(cls, name, None) is getattr(base, name, None) for name in names)
    ]
    return abstract or missing


def _async_misuse(cls: type[Any]) -> str:
    """Say which ``async def`` method nobody would await, or which generator nobody would ask for
    its items; '' when there is none."""
    name = quote(cls.__qualname__)
    if inspect.isgeneratorfunction(getattr(cls, "next_tuple", None)):
        return f"{name}: 'next_tuple' cannot yield; call self.emit instead"
    if inspect.isasyncgenfunction(getattr(cls, "process", None)):
        return f"{name}: 'async def process' cannot yield; call self.emit instead"
    for method in _PLAIN_METHODS:
        if inspect.iscoroutinefunction(getattr(cls, method, None)):
            return f"{name}: {method!r} cannot be 'async def'; only 'process' can"
    return ""


#: Methods that may emit without a tuple at work.
OWN_CALLS = (
    "process_tick", "after_batch", "on_timer", "on_watermark", "before_snapshot", "finish",
)  # fmt: skip
#: Methods that are called on the data thread, which awaits nothing.
_PLAIN_METHODS = (
    "process_batch", "process_tick", "on_timer", "on_watermark", "rows", "next_tuple", "flush",
    "finish", "partitions", "reader",
)  # fmt: skip


def _check_functions(
    cls: type[Any], args: Mapping[str, Any], allow: AllowList, findings: list[Finding]
) -> None:
    """Import the functions that arguments name, after asking the allow list."""
    for name, path in cls.import_paths(args):
        _import(load_function, path, f"args.{name}", allow, findings)


def _facts(
    cls: type[Any], args: Mapping[str, Any], kind: Any, findings: list[Finding]
) -> ComponentFacts | None:
    outputs = _outputs(cls, args, findings)
    known = outputs is not None
    process = getattr(cls, "process", None)
    batch = getattr(cls, "process_batch", None)
    has_timer = kind == "bolt" and cls.on_timer is not Bolt.on_timer
    return ComponentFacts(
        kind=kind,
        outputs=outputs or {},
        outputs_known=known,
        replay=_replay(cls, args, findings) if kind == "spout" else None,
        auto_ack=bool(getattr(cls, "auto_ack", True)),
        is_async=inspect.iscoroutinefunction(process),
        is_generator=inspect.isgeneratorfunction(process),
        has_process=kind == "spout" or process is not Bolt.process,
        has_batch=batch is not None,
        has_tick=kind == "bolt" and cls.process_tick is not Bolt.process_tick,
        has_timer=has_timer,
        auto_anchor=bool(getattr(cls, "auto_anchor", True)),
        deterministic=bool(getattr(cls, "deterministic", False)),
        own_emits=_own_emits(cls) if kind == "bolt" else (),
        # Timers are state: a worker that is lost must not take them along.
        stateful=bool(getattr(cls, "stateful", False)) or has_timer,
        sink=bool(getattr(cls, "sink", False)),
        sink_kind=_sink_kind(cls, findings),
        rescalable=bool(getattr(cls, "rescalable", False)),
        outputs_hint=str(getattr(cls, "outputs_hint", "")),
        needs=_needs(cls, args, findings if known else []) if kind == "bolt" else Needs(),
    )


def _own_emits(cls: type[Any]) -> tuple[str, ...]:
    return tuple(name for name in OWN_CALLS if getattr(cls, name) is not getattr(Bolt, name))


def _needs(cls: type[Any], args: Mapping[str, Any], findings: list[Finding]) -> Needs:
    try:
        needs = cls.declare_needs(args)
        assert isinstance(needs, Needs), f"it returned {needs!r:.80}"
    except Exception as error:
        text = f"{cls.__name__}.declare_needs raised {said(error)}"
        findings.append(Finding("args", "E_ARGS", text, user_traceback(error)))
        return Needs()
    return needs


def _outputs(
    cls: type[Any], args: Mapping[str, Any], findings: list[Finding]
) -> dict[str, StreamDecl] | None:
    try:
        declared = cls.declare_outputs(args)
    except UserError as error:
        # Ours, and about arguments: it says which ones.
        texts = error.found if isinstance(error, WrongArguments) else (str(error),)
        findings.extend(_placed(text, args) for text in texts)
        if not texts and not any(check_args(cls, args)):
            text = (
                f"{quote(cls.__name__)} has other arguments than the class that it derives from, "
                "whose 'declare_outputs' goes by them: define it, too"
            )
            findings.append(Finding("class", "E_OUTPUTS", text))
        return None
    except Exception as error:
        text = f"{cls.__name__}.declare_outputs raised {said(error)}"
        findings.append(Finding("args", "E_ARGS", text, user_traceback(error)))
        return None
    try:
        outputs = normal_outputs(declared)
    except TypeError as error:
        findings.append(Finding("class", "E_OUTPUTS", f"{cls.__name__}: {error}"))
        return None
    for stream, decl in outputs.items():
        twice = sorted({name for name in decl.fields if decl.fields.count(name) > 1})
        if twice:
            text = f"{cls.__name__}: stream {quote(stream)} has field {quote(twice[0])} twice"
            findings.append(Finding("class", "E_OUTPUTS", text))
    return outputs


def _placed(text: str, args: Mapping[str, Any]) -> Finding:
    """Return a finding at the argument that a text begins with, without saying that again."""
    if argument_of(text) not in args:
        return Finding("args", "E_ARGS", text)
    place = place_of(text)
    return Finding(f"args.{place}", "E_ARGS", text.partition(f"{place}: ")[2])


def _replay(cls: type[Any], args: Mapping[str, Any], findings: list[Finding]) -> str:
    try:
        return declared_replay(cls, args)
    except Exception as error:
        findings.append(Finding("class", "E_CLASS_KIND", f"replay of {cls.__name__}: {error}"))
        return "none"


def _sink_kind(cls: type[Any], findings: list[Finding]) -> str:
    kind = getattr(cls, "sink_kind", "none")
    if kind in SINK_KINDS:
        return str(kind)
    text = f"{cls.__name__}: sink_kind is {kind!r:.40}, one of {listed(SINK_KINDS)} expected"
    findings.append(Finding("class", "E_CLASS_KIND", text))
    return "none"


def said(error: BaseException) -> str:
    """Return ``ZeroDivisionError: division by zero (user.py:3)`` for an exception."""
    try:
        text = str(error)
    except Exception:
        text = "?"
    frames = user_frames(error)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f" ({error.filename}:{error.lineno})"
        text = error.msg or text
    return printable(f"{type(error).__name__}: {text[:500]}{where}")

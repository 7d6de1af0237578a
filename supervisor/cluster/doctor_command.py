"""``waterspout doctor``: explains in plain words why something does not connect."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import asdict, replace
from importlib.metadata import version

import click

from ..exit_codes import ExitCode
from ..rendering_values import text
from .client import Client, RequestRefused, Unreachable
from .client_connection import ClientOptions, NoConnection, connect, curve_of, endpoint_of
from .findings import Found, findings_of
from .supervisor_config import host_and_port

_MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def doctor(options: ClientOptions, as_json: bool) -> ExitCode:
    """Look at everything that a connection needs, and say how it is.

    Returns:
        3 when the coordinator does not answer, 5 when something is wrong, else 0.

    Raises:
        NoConnection: the options name no endpoint.
    """
    found = look(options)
    findings = findings_of(found)
    for finding in findings:
        if as_json:
            click.echo(json.dumps(asdict(finding)))
        else:
            click.echo(f"{_MARKS[finding.grade]}  {text(finding.what)}: {text(finding.text, 500)}")
    if found.unreachable:
        return ExitCode.UNREACHABLE
    errors = any(finding.grade == "error" for finding in findings)
    return ExitCode.DEGRADED if errors else ExitCode.OK


def look(options: ClientOptions) -> Found:
    """Find out what there is to know."""
    endpoint = endpoint_of(options)
    host, port = host_and_port(endpoint)
    try:
        addresses = sorted({str(each[4][0]) for each in socket.getaddrinfo(host, port)})
    except OSError:
        addresses = []
    keys = _keys(options)
    known = Found(endpoint, version("waterspout"), time.time(), keys, addresses)
    if keys:
        return replace(known, unreachable="it was not asked: there is no key to ask it with")
    try:
        with connect(options) as client:
            return _asked(client, known)
    except (Unreachable, RequestRefused) as error:
        return replace(known, unreachable=str(error))


def _asked(client: Client, known: Found) -> Found:
    before = time.time()
    answer = client.ask({"kind": "doctor"})
    # The answer was made about half way between.
    return replace(known, answer=answer, wall=(before + time.time()) / 2)


def _keys(options: ClientOptions) -> str | None:
    if options.insecure:
        return None
    try:
        curve_of(options)
    except NoConnection as error:
        return str(error)
    return ""

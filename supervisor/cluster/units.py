"""What ``waterspout export`` prints: units for systemd, a file for docker compose.

Text in, text out. Programs are named by their full path, because a unit has no PATH of a user.
"""

from __future__ import annotations

from pathlib import Path

_SYSTEMD = """\
# {file}
[Unit]
Description=Waterspout {role}
Wants=network-online.target
After=network-online.target

[Service]
{check}ExecStart={program} {role} --config {config}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
# SIGTERM ends {role} alone: workers go on, and are found again.
KillMode=process
TimeoutStopSec=60
User=waterspout
StateDirectory=waterspout
Environment=XDG_STATE_HOME=/var/lib/waterspout
NoNewPrivileges=yes
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""

_COMPOSE = """\
# Workers run in the container of their supervisor, and end with it: `docker compose restart
# supervisor` restarts them, too. IMAGE needs Python and the package waterspout.
services:
  coordinator:
    image: IMAGE
    command: [waterspout, coordinator, --config, /etc/waterspout/cluster.yaml]
    volumes:
      - {config}:/etc/waterspout/cluster.yaml:ro
      - ./keys/coordinator:/etc/waterspout/coordinator:ro
      - coordinator:/var/lib/waterspout
    environment: {{XDG_STATE_HOME: /var/lib/waterspout}}
    ports: ["7461:7461", "7462:7462"]
    init: true
    restart: always
  supervisor:
    image: IMAGE
    command: [waterspout, supervisor, --config, /etc/waterspout/cluster.yaml]
    volumes:
      - {config}:/etc/waterspout/cluster.yaml:ro
      - ./keys/a:/etc/waterspout/host:ro
      - supervisor:/var/lib/waterspout
    environment: {{XDG_STATE_HOME: /var/lib/waterspout}}
    init: true
    restart: always
    stop_grace_period: 60s
volumes: {{coordinator: {{}}, supervisor: {{}}}}
"""


def systemd_units(program: Path, config: Path, topologies: tuple[Path, ...] = ()) -> str:
    """Return the units of coordinator and supervisor, one after the other.

    Args:
        program: the ``waterspout`` to start.
        config: settings of the cluster.
        topologies: files that are linted before the supervisor starts.
    """
    files = " ".join(str(path) for path in topologies)
    check = f"ExecStartPre={program} lint {files}\n" if topologies else ""
    return "\n".join(
        _SYSTEMD.format(
            file=f"/etc/systemd/system/waterspout-{role}.service", role=role, program=program,
            config=config, check=check if role == "supervisor" else "",
        )
        for role in ("coordinator", "supervisor")
    )  # fmt: skip


def compose_file(config: Path) -> str:
    """Return a file for docker compose with one coordinator and one supervisor."""
    return _COMPOSE.format(config=config)

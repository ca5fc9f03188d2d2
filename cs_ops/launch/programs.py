"""The programs of one CS Ops and the supervisor's configuration for them (why supervisor: docs/decisions/)."""

from __future__ import annotations

import shlex
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# A Unix socket path holds 107 bytes, and supervisord first binds it with its pid appended.
SOCKET_PATH_LIMIT = 95
LOG_BYTES = "10MB"
LOG_BACKUPS = 3


@dataclass(frozen=True)
class Program:
    """One supervised program. `stop_seconds`: how long it may finish its work before it is killed."""

    name: str
    command: Sequence[str]
    stop_seconds: int


@dataclass(frozen=True)
class Layout:
    """Where the supervisor keeps its files: configuration, socket and pid under var/run, logs under var/log."""

    base: Path
    var: Path

    @property
    def config(self) -> Path:
        return self.var / "run" / "supervisord.conf"

    @property
    def log(self) -> Path:
        return self.var / "log"

    @property
    def socket(self) -> Path:
        path = self.var / "run" / "supervisor.sock"
        if len(str(path)) <= SOCKET_PATH_LIMIT:
            return path
        return Path(tempfile.gettempdir()) / f"cs-ops-{zlib.crc32(bytes(self.var)):08x}.sock"


def programs(*, port: int, beat_schedule: str) -> list[Program]:
    """Return web, both workers and beat. Only worker-ml loads torch; solo, because forking after torch deadlocks."""
    celery = [sys.executable, "-m", "celery", "-A", "cs_ops"]
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return [
        Program(
            "web",
            [
                *(sys.executable, "-m", "uvicorn", "cs_ops.asgi:application"),
                *("--host", "127.0.0.1", "--port", str(port)),
                # Open live streams never end by themselves.
                *("--timeout-graceful-shutdown", "2", "--no-access-log"),
            ],
            stop_seconds=4,
        ),
        Program(
            "worker-main",
            [*celery, "worker", "-n", "main@%h", "-Q", "events,outbound,channels,batch", "-c", "2", *quiet],
            stop_seconds=7,
        ),
        Program(
            "worker-ml",
            [*celery, "worker", "-n", "ml@%h", "-Q", "ml,train", "--pool", "solo", *quiet],
            stop_seconds=6,
        ),
        Program(
            "beat", [*celery, "beat", "-s", beat_schedule, "--pidfile=", "--loglevel", "INFO"], stop_seconds=4
        ),
    ]


def render_config(layout: Layout, supervised: Sequence[Program]) -> str:
    """Return supervisord's configuration: one group, so that all programs stop at the same time."""
    run = layout.config.parent
    lines = [
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={_escape(layout.log / 'supervisord.log')}",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        f"pidfile={_escape(run / 'supervisord.pid')}",
        f"directory={_escape(layout.base)}",
        "[unix_http_server]",
        f"file={_escape(layout.socket)}",
        "chmod=0600",
        "[supervisorctl]",
        f"serverurl=unix://{_escape(layout.socket)}",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[group:cs-ops]",
        f"programs={','.join(program.name for program in supervised)}",
    ]
    for program in supervised:
        lines += [
            f"[program:{program.name}]",
            f"command={_escape(shlex.join(program.command))}",
            f"directory={_escape(layout.base)}",
            "autorestart=true",
            # A database or broker that is away for minutes must not end in a program that stays down.
            "startretries=1000",
            "startsecs=2",
            "stopsignal=TERM",
            f"stopwaitsecs={program.stop_seconds}",
            "killasgroup=true",
            "redirect_stderr=true",
            # Relative to supervisord's own folder (var): this one option is %-expanded twice.
            f"stdout_logfile=log/{program.name}.log",
            f"stdout_logfile_maxbytes={LOG_BYTES}",
            f"stdout_logfile_backups={LOG_BACKUPS}",
        ]
    return "\n".join(lines) + "\n"


def _escape(value: object) -> str:
    """Escape the supervisor's own %-expansion."""
    return str(value).replace("%", "%%")

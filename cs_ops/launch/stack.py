"""The running programs as one thing: start, wait until ready, watch, stop without leaving one behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cs_ops.launch.preflight import CannotStart
from cs_ops.launch.programs import Layout, Program, render_config
from cs_ops.launch.readiness import Readiness, ask_readyz, ask_supervisor

# The longest stop_seconds of a program, its kill, and the supervisor's own tick.
STOP_SECONDS = 9
POLL_SECONDS = 0.5
NEWS_SECONDS = 10


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Hold the lock of this data folder, or raise CannotStart when another launch holds it."""
    with (layout.config.parent / "launch.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStart(
                f"CS Ops is already running on {layout.var}; stop it with Ctrl-C in its terminal, "
                "or start a second one on another folder: VAR_DIR=/path PORT=8001 make run"
            ) from None
        yield


class Stack:
    """All programs of one CS Ops under one supervisord, in a session of their own."""

    def __init__(self, layout: Layout, supervised: list[Program]) -> None:
        self.layout = layout
        self.supervised = supervised
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write the configuration and start supervisord; it stops when this process ends (see supervised.py)."""
        self.layout.config.write_text(render_config(self.layout, self.supervised))
        self.process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, str(Path(__file__).with_name("supervised.py")), str(self.layout.config)],
            cwd=self.layout.var,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def is_running(self) -> bool:
        """Whether supervisord lives."""
        return self.process is not None and self.process.poll() is None

    def wait_until_ready(
        self, *, port: int, site_url: str, seconds: float, news: Callable[[str], None]
    ) -> None:
        """Return when everything serves; raise CannotStart with the failing checks and the logs after `seconds`."""
        started = told = time.monotonic()
        while True:
            state = self._readiness(port, site_url)
            if state.ok:
                return
            now = time.monotonic()
            if not self.is_running or now - started > seconds:
                raise CannotStart(
                    f"CS Ops did not become ready in {now - started:.0f} s. Not ready: {'; '.join(state.waiting_for)}. "
                    f"The logs are in {self.layout.log}"
                )
            if now - told > NEWS_SECONDS:
                told = now
                news("waiting for " + "; ".join(state.waiting_for))
            time.sleep(POLL_SECONDS)

    def _readiness(self, port: int, site_url: str) -> Readiness:
        programs_run = ask_supervisor(self.layout.socket)
        return ask_readyz(port=port, site_url=site_url) if programs_run.ok else programs_run

    def watch(self) -> None:
        """Block until supervisord ends; raise CannotStart, because only Ctrl-C should end it."""
        if self.process is not None:
            self.process.wait()
        raise CannotStart(
            f"The supervisor ended; its log is {self.layout.log / 'supervisord.log'}. Start again: make run"
        )

    def stop(self) -> None:
        """Stop every program within STOP_SECONDS; nothing of the session is left when this returns."""
        if self.process is None:
            return
        with suppress(BrokenPipeError):
            if self.process.stdin is not None:
                self.process.stdin.close()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        kill_session(self.process.pid)


def kill_session(session: int) -> None:
    """Kill what is left of a session, for example when supervisord itself was killed (Linux; elsewhere a no-op)."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if os.getsid(int(entry.name)) == session:
                os.kill(int(entry.name), signal.SIGKILL)

"""Runs the parser in a child process that is reused over many mails and killed when a mail takes too long.

A plain ``subprocess`` pipe is used because Celery's pool workers are daemons and may not have multiprocessing
children. One child per process; callers in several threads take turns.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from tickets.channels.email import limits
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.parse_child import LENGTH_BYTES
from tickets.channels.email.parsing import ParsedMail

_ROOT = Path(__file__).resolve().parents[3]
_MAILS_PER_CHILD = 2_000
_MODULE = "tickets.channels.email.parse_child"


class ParserProcess:
    """A parser in a child process. ``timeout_seconds`` is wall-clock time per mail, start of the child included."""

    def __init__(self, timeout_seconds: float = limits.PARSE_TIMEOUT_SECONDS, module: str = _MODULE) -> None:
        self._timeout = timeout_seconds
        self._module = module
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._parsed = 0

    def parse(self, raw: bytes) -> ParsedMail:
        """Parse ``raw``; raises ``MailRefused``, with code ``parse_timeout`` or ``parser_died`` if the child had
        to be killed or ended by itself. The next call then starts a new child."""
        if len(raw) > limits.MAX_MESSAGE_BYTES:
            raise MailRefused(
                "message_too_large", f"{len(raw)} bytes, at most {limits.MAX_MESSAGE_BYTES} are read"
            )
        with self._lock:
            return self._parse(raw)

    @property
    def pid(self) -> int | None:
        """The process id of the running child, for those who measure it; None before the first mail."""
        return self._child.pid if self._child is not None else None

    def _parse(self, raw: bytes) -> ParsedMail:
        child = self._running_child()
        timed_out = threading.Event()

        def give_up() -> None:
            timed_out.set()
            child.kill()

        watchdog = threading.Timer(self._timeout, give_up)
        watchdog.daemon = True
        watchdog.start()
        try:
            reply, contents = _exchange(child, raw)
            self._parsed += 1
        except (OSError, EOFError, ValueError) as error:
            self._stop()
            if timed_out.is_set():
                raise MailRefused("parse_timeout", f"parsing took over {self._timeout:g} s") from error
            raise MailRefused("parser_died", "the parser ended while reading this mail") from error
        finally:
            watchdog.cancel()
        if "refused" in reply:
            raise MailRefused(reply["refused"], reply["detail"])
        return ParsedMail.from_wire(reply["mail"], contents)

    def _running_child(self) -> subprocess.Popen[bytes]:
        # A forked worker inherits the object but must not share its parent's pipe.
        if self._child is not None and self._owner != os.getpid():
            self._child = None
        if self._child is not None and (self._child.poll() is not None or self._parsed >= _MAILS_PER_CHILD):
            self._stop()
        if self._child is None:
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-E", "-s", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=_ROOT,
                env={"LANG": "C.UTF-8"},
                start_new_session=True,
            )
            self._owner, self._parsed = os.getpid(), 0
        return self._child

    def _stop(self) -> None:
        if self._child is None or self._owner != os.getpid():
            return
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with suppress(OSError):  # unsent bytes to a dead child
                    pipe.close()
        self._child = None

    def close(self) -> None:
        """End the child process; a later ``parse`` starts a new one."""
        with self._lock:
            self._stop()


def _exchange(child: subprocess.Popen[bytes], raw: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Send one mail and read the answer. Raises OSError, EOFError or ValueError when the child is gone."""
    if child.stdin is None or child.stdout is None:
        raise EOFError("no pipe to the parser")
    child.stdin.write(len(raw).to_bytes(LENGTH_BYTES, "big"))
    child.stdin.write(raw)
    child.stdin.flush()

    def read(size: int) -> bytes:
        data = child.stdout.read(size) if child.stdout is not None else b""
        if len(data) < size:
            raise EOFError("the parser closed its pipe")
        return data

    reply = json.loads(read(int.from_bytes(read(LENGTH_BYTES), "big")))
    return reply, [read(size) for size in reply.get("sizes", [])]


_shared = ParserProcess()
atexit.register(_shared.close)


def parse_in_child(raw: bytes) -> ParsedMail:
    """Parse with this process's parser child. Raises ``MailRefused``."""
    return _shared.parse(raw)

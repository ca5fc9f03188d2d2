"""The process that parses strangers' mail: ``python -m tickets.channels.email.parse_child``.

Reads frames from standard input (8-byte big-endian length, raw mail) and answers each on standard output with a
JSON frame ({"mail": …, "sizes": […]} or {"refused": code, "detail": …}) followed by the attachments' bytes.
It imports no Django, gets an environment without secrets, may not write files, and may use the memory and, for each
mail, the CPU time that ``limits`` says. The parent kills it when even that does not end a mail.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from types import FrameType
from typing import BinaryIO

from tickets.channels.email import limits
from tickets.channels.email.limits import MailRefused
from tickets.channels.email.parsing import parse_mail

LENGTH_BYTES = 8


def main() -> int:
    """Serve until standard input closes."""
    memory = limits.PARSE_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _out_of_time)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        prefix = source.read(LENGTH_BYTES)
        if len(prefix) < LENGTH_BYTES:
            return 0
        size = int.from_bytes(prefix, "big")
        raw = source.read(size)
        if len(raw) < size:
            return 0
        answer(raw, sink)


def answer(raw: bytes, sink: BinaryIO) -> None:
    """Parse one mail and write the answer frame."""
    if b"calendar" in raw or b".ics" in raw:
        import icalendar  # noqa: F401 - half a second that is not this mail's
    contents: list[bytes] = []
    reply: dict[str, object]
    try:
        signal.setitimer(signal.ITIMER_PROF, limits.PARSE_CPU_SECONDS)
        try:
            record, contents = parse_mail(raw).to_wire()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        reply = {"mail": record, "sizes": [len(content) for content in contents]}
    except MailRefused as refusal:
        reply = {"refused": refusal.code, "detail": refusal.detail}
    except MemoryError:
        reply = {"refused": "out_of_memory", "detail": "the mail needs more memory than one mail may use"}
    except Exception as error:  # noqa: BLE001 - a defect of ours; the mail is kept and the worker goes on
        reply = {"refused": "parser_error", "detail": f"{type(error).__name__}: {error}"[:500]}
    frame = json.dumps(reply).encode()
    sink.write(len(frame).to_bytes(LENGTH_BYTES, "big") + frame)
    for content in contents:
        sink.write(content)
    sink.flush()


def _out_of_time(_signal: int, _frame: FrameType | None) -> None:
    raise MailRefused("parse_timeout", f"parsing took over {limits.PARSE_CPU_SECONDS:g} s of processor time")


if __name__ == "__main__":
    sys.exit(main())

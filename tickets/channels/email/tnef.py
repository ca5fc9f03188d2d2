"""Opens winmail.dat (TNEF), in which Outlook may put the files of a mail and, rarely, its only text.

Runs in the parser's child process. The winmail.dat itself stays a file of the mail, so nothing is lost where it cannot be read.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

MAX_FILES = 100
MAX_BYTES = 35 * 1024 * 1024
TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")


class Opened(NamedTuple):
    """What was in it: ``text`` and ``html`` are the body as bytes or text, empty when there is none; ``files`` (name,
    content)."""

    text: bytes | str
    html: bytes | str
    files: list[tuple[str, bytes]]


def is_tnef(content_type: str, filename: str) -> bool:
    """Whether a part is a TNEF container; some servers call it application/octet-stream."""
    return content_type in TYPES or filename.lower() in ("winmail.dat", "win.dat")


def open_tnef(content: bytes) -> Opened | None:
    """Open a container; None for one that is damaged. Raises nothing else than what ends the parser (memory, time)."""
    if len(content) > MAX_BYTES or not content.startswith(b"\x78\x9f\x3e\x22"):
        return None
    # Loaded for the few mails that have one.
    import tnefparse  # type: ignore[import-untyped]

    logging.getLogger("tnefparse").setLevel(logging.CRITICAL)
    try:
        found = tnefparse.TNEF(content, do_checksum=False)
        files = [
            (_words(one.long_filename()), bytes(one.data))
            for one in found.attachments[:MAX_FILES]
            if isinstance(one.data, bytes) and one.data
        ]
    except (
        ValueError,
        TypeError,
        IndexError,
        KeyError,
        LookupError,
        AttributeError,
        OverflowError,
        NameError,
    ):
        return None
    except Exception as error:
        # The library raises struct.error and, for odd properties, bare exceptions of its own.
        if type(error).__module__.split(".")[0] in ("struct", "tnefparse") or type(error) is Exception:
            return None
        raise
    return Opened(_body(found.body), _body(found.htmlbody), files)


def _words(name: object) -> str:
    if isinstance(name, bytes):
        name = name.decode("utf-8", "replace")
    return str(name).replace("\x00", "").strip()


def _body(value: object) -> bytes | str:
    if isinstance(value, list | tuple):
        value = value[0] if value else ""
    if isinstance(value, str):
        return value.replace("\x00", "")
    return value.rstrip(b"\x00") if isinstance(value, bytes) else ""

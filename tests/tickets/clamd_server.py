"""A clamd for tests: speaks INSTREAM and VERSION over TCP or a Unix socket, knows one signature, misbehaves on demand."""

import contextlib
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Literal

# The harmless test file of the industry, put together here so that no scanner takes this source for it.
EICAR = b"".join(
    (b"X5O!P%@AP[4", b"\\PZX54(P^)7CC)7}$", b"EICAR-STANDARD", b"-ANTIVIRUS-TEST", b"-FILE!$H+H*")
)
SIGNATURE = "Eicar-Test-Signature"
VERSION = "ClamAV 1.4.3/27500/Mon Nov 16 09:00:00 2026"

Trouble = Literal["", "stall", "hang_up", "nonsense"]


class ClamdServer:
    """Listens until the ``with`` block ends. ``limit`` is StreamMaxLength in bytes, ``trouble`` what it does instead of
    answering, ``looked`` are the contents it has read to the end."""

    def __init__(self, path: Path | None = None, *, limit: int = 1_000_000) -> None:
        self.limit = limit
        self.trouble: Trouble = ""
        self.looked: list[bytes] = []
        self._stop = threading.Event()
        if path is not None:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(path))
            self.url = f"unix://{path}"
        else:
            self._listener = socket.socket()
            self._listener.bind(("127.0.0.1", 0))
            self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "ClamdServer":
        self._listener.listen()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the door: whoever calls afterwards finds nobody."""
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                caller, _address = self._listener.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(5)
                try:
                    self._answer(caller)
                except OSError:
                    continue

    def _answer(self, caller: socket.socket) -> None:
        command = b""
        while not command.endswith(b"\0"):
            more = caller.recv(1)
            if not more:
                return
            command += more
        if command == b"zVERSION\0":
            caller.sendall(VERSION.encode() + b"\0")
            return
        assert command == b"zINSTREAM\0", command
        if self.trouble == "stall":
            self._stop.wait(5)
            return
        content = b""
        while size := struct.unpack("!L", _exactly(caller, 4))[0]:
            if len(content) + size > self.limit:
                caller.sendall(b"INSTREAM size limit exceeded. ERROR\0")
                return
            content += _exactly(caller, size)
            if self.trouble == "hang_up":
                return
        if self.trouble == "nonsense":
            caller.sendall(b"stream: Can't allocate memory ERROR\0")
            return
        self.looked.append(content)
        found = EICAR in content
        caller.sendall(f"stream: {SIGNATURE} FOUND\0".encode() if found else b"stream: OK\0")


def _exactly(caller: socket.socket, size: int) -> bytes:
    heard = b""
    while len(heard) < size:
        more = caller.recv(size - len(heard))
        if not more:
            raise ConnectionResetError
        heard += more
    return heard

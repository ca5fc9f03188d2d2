"""What must hold before CS Ops can start; each failure is one sentence with the way out.

Only the standard library and the environment are used, so that ``make run`` can run this file by its path before
Django reads the settings (which already write into ``var/``).
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FREE_BYTES = 1024**3
HOST = "127.0.0.1"


class CannotStart(Exception):
    """The sentence for the person at the terminal: what is wrong and the way out."""


def var_dir() -> Path:
    """Return the folder of all data, as the settings see it."""
    return Path(os.environ.get("VAR_DIR") or ROOT / "var").resolve()


def chosen_port() -> int:
    """Return PORT (1..65535, default 8000) or raise CannotStart."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise CannotStart(
            f"PORT must be a number from 1 to 65535, not {text!r}; for example: PORT=8001 make run"
        )
    return int(text)


def check_folder(folder: Path) -> None:
    """Raise CannotStart unless the folder exists or can be made, can be written to, and has space left."""
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
    except OSError as error:
        raise CannotStart(
            f"CS Ops cannot write to {folder} ({error.strerror}); "
            "make it writable for this user or name another folder: VAR_DIR=/path make run"
        ) from None
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        raise CannotStart(
            f"Only {free // 1024**2} MB are free on the disk of {folder} and CS Ops needs 1024 MB; "
            "free some space or name a folder on another disk: VAR_DIR=/path make run"
        )


def check_port(port: int) -> None:
    """Raise CannotStart when another program listens on the port or it may not be opened."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            raise CannotStart(
                f"This user may not open port {port}; choose one above 1023: PORT=8000 make run"
            ) from None
        except OSError:
            other = port + 1 if port < 65535 else 8000
            raise CannotStart(
                f"Port {port} is already in use (by CS Ops itself, if http://{HOST}:{port} shows it); "
                f"stop that program or choose another port: PORT={other} make run"
            ) from None


def check_assets() -> None:
    """Raise CannotStart when the web assets have not been built."""
    if not (ROOT / "frontend" / "dist" / "app.css").is_file():
        raise CannotStart("The web assets are not built; build them with: make setup-web")


def check_all() -> None:
    """Run every check; raise CannotStart at the first that fails."""
    check_folder(var_dir())
    check_port(chosen_port())
    check_assets()


if __name__ == "__main__":
    try:
        check_all()
    except CannotStart as error:
        sys.exit(str(error))

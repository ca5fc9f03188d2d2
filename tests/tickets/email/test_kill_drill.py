"""The short form of ``bench/drills/kill_mail_import.py``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("killed", [[], ["--workers"]], ids=["imports", "workers"])
def test_killed_processes_lose_and_double_nothing(killed: list[str]) -> None:
    command = [sys.executable, "bench/drills/kill_mail_import.py", "--mails", "60", "--kills", "4", "--json"]
    command += killed
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["ok"], result
    assert done.returncode == 0

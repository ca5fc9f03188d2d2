"""Killing workers (and Redis) loses and doubles nothing: the drill of bench/drills in its short form."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def drill(*words: str, port: int) -> None:
    """Run the drill and show what it found when it fails."""
    profile = ["--profile", "services"] if connection.vendor == "postgresql" else []
    if profile:
        database = settings.DATABASES["default"]
        host, place = database.get("HOST") or "127.0.0.1", database.get("PORT") or 5432
        password = f":{database['PASSWORD']}" if database.get("PASSWORD") else ""
        profile += ["--postgres", f"postgres://{database['USER']}{password}@{host}:{place}"]
    command = [
        sys.executable,
        "bench/drills/kill_workers.py",
        "--port",
        str(port),
        "--json",
        *profile,
        *words,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert json.loads(done.stdout.strip().splitlines()[-1])["ok"]


@pytest.mark.timeout(300)
def test_killed_workers_lose_and_double_nothing() -> None:
    drill("--tickets", "16", "--kills", "2", port=18511)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_three_hundred_tickets_and_ten_kills() -> None:
    drill("--tickets", "300", "--kills", "10", port=18531)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="the embedded profile has no Redis to kill")
def test_redis_killed_too() -> None:
    drill("--tickets", "100", "--kills", "4", "--kill-redis", port=18551)

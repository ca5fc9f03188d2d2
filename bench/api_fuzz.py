"""Fuzz the whole REST API with schemathesis, as every role and with every single scope.

    python3 -m venv /tmp/st && /tmp/st/bin/pip install schemathesis
    PYTHONPATH=. .venv/bin/python bench/api_fuzz.py --schemathesis /tmp/st/bin/schemathesis [--examples 20]
        [--database postgres://postgres@127.0.0.1:5432/postgres] [--callers admin,tickets:read] [--phases coverage,fuzzing]

Starts a web server of its own over a small demo world and asks, of each operation of the schema, what schemathesis thinks of: no
server error, no undocumented status, bodies and content types as described. Roles come with a session, scopes with a key; the
caller ``every-scope`` has all of them. Nothing leaves the machine: no worker runs. Without ``--database`` the database is SQLite
in a folder of the run; else a database is made on that server and dropped.

The last line of stdout is one JSON object: per caller the requests, and the failures with what they are.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

NAME = f"cs_ops_fuzz_{os.getpid()}"
CHECKS = "not_a_server_error,status_code_conformance,response_schema_conformance,content_type_conformance"
CSRF = "a" * 32

# Run inside the installation: prints {caller: headers}.
CALLERS = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.conf import settings
from people.models import User
from people.roles import SCOPES
from people.services.create_api_key import create_api_key
from people.viewer import system_viewer
callers = {}
for role in ("admin", "lead", "agent", "csm", "analyst"):
    user = User.objects.filter(role=role, is_active=True).first() or User.objects.create_user(
        f"{role}@fuzz.example", role=role, name=role)
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    cookie = f"{settings.SESSION_COOKIE_NAME}={session.session_key}; {settings.CSRF_COOKIE_NAME}=" + CSRF
    callers[role] = {"Cookie": cookie, "X-CSRFToken": CSRF}
for name, scopes in {"every-scope": list(SCOPES), **{scope: [scope] for scope in SCOPES}}.items():
    _key, secret = create_api_key(name=name, scopes=scopes, by=system_viewer("command"))
    callers[name] = {"Authorization": f"Bearer {secret}"}
print("CALLERS " + json.dumps(callers))
"""


def say(text: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Fuzz and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schemathesis", default="schemathesis")
    parser.add_argument("--examples", type=int, default=20, help="random cases per operation")
    parser.add_argument("--phases", default="coverage,fuzzing")
    parser.add_argument("--callers", default="", help="with commas between; all without")
    parser.add_argument("--accounts", type=int, default=6, help="size of the demo world")
    parser.add_argument("--database", default="")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", default="", help="folder for schemathesis' own reports")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="api-fuzz-")))
        environment = {**os.environ, "VAR_DIR": str(var), "API_RATE": "100000000/min", "PYTHONPATH": "."}
        if options.database:
            environment["DATABASE_URL"] = stack.enter_context(database(options.database))
        else:
            environment.pop("DATABASE_URL", None)
        say("the demo world")
        manage(environment, "migrate", "-v0")
        manage(environment, "seed_demo", "--no-models", "--accounts", str(options.accounts))
        told = manage(environment, "shell", "-v0", "-c", f"CSRF = {CSRF!r}\n{CALLERS}")
        callers = json.loads(told.partition("CALLERS ")[2])
        address = stack.enter_context(server(environment, var))
        for name in options.callers.split(",") if options.callers else callers:
            results[name] = fuzz(name, callers[name], address, options, Path(options.keep or var).resolve())
            say(f"{name}: {json.dumps(results[name])[:600]}")
    print(json.dumps({"callers": results, "failures": sum(one["failures"] for one in results.values())}))


def fuzz(
    name: str, headers: dict[str, str], address: str, options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Run schemathesis as one caller; return how many requests there were, and what failed."""
    report = folder / f"{re.sub('[^a-z-]', '-', name)}.ndjson"
    command = [
        options.schemathesis, "run", f"{address}/api/schema/?format=json", "--checks", CHECKS, "--phases", options.phases,
        "--max-examples", str(options.examples), "--seed", str(options.seed), "--continue-on-failure", "--no-color",
        "--suppress-health-check", "all", "--no-shrink", "--generation-database", "none", "--warnings", "off",
        "--request-timeout", "60", "--report", "ndjson", "--report-ndjson-path", str(report),
    ]  # fmt: skip
    for header, value in headers.items():
        command += ["--header", f"{header}: {value}"]
    started = time.monotonic()
    # Its own cache goes to the folder of the reports.
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    summary = (
        ended.stdout[ended.stdout.rfind("= SUMMARY =") :] if "= SUMMARY =" in ended.stdout else ended.stdout
    )
    (folder / f"{report.stem}.txt").write_text(ended.stdout + ended.stderr)
    statuses = Counter(re.findall(r'"status_code": ?(\d{3})', report.read_text(errors="replace")))
    kinds = Counter(re.findall(r"^- (.+)$", ended.stdout, flags=re.MULTILINE))
    generated = re.search(r"([\d,]+) generated", summary)
    return {
        "requests": int(generated.group(1).replace(",", "")) if generated else sum(statuses.values()),
        "statuses": dict(sorted(statuses.items())),
        "failures": max(sum(kinds.values()), 1 if ended.returncode else 0),
        "kinds": dict(kinds),
        "seconds": round(time.monotonic() - started),
        "exit": ended.returncode,
    }


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of the installation; return what it printed."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def server(environment: dict[str, str], var: Path) -> Iterator[str]:
    """The web server on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "cs_ops.asgi:application",
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    with (var / "web.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            for _second in range(120):
                with suppress(OSError):
                    urllib.request.urlopen(f"{address}/healthz", timeout=5)
                    break
                time.sleep(1)
            yield address
        finally:
            process.terminate()
            process.wait(30)
    for line in (var / "web.log").read_text(errors="replace").splitlines():
        if "Error" in line or "Traceback" in line:
            say(line[:300])


@contextmanager
def database(url: str) -> Iterator[str]:
    """A database of the run on this server."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{NAME}"))
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


if __name__ == "__main__":
    main()

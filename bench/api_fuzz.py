"""Fuzz the whole REST API with schemathesis, as every role and with every single scope.

    python3 -m venv /tmp/st && /tmp/st/bin/pip install schemathesis
    PYTHONPATH=. .venv/bin/python bench/api_fuzz.py --schemathesis /tmp/st/bin/schemathesis [--examples 20]
        [--database postgres://postgres@127.0.0.1:5432/postgres] [--callers admin,tickets:read] [--phases coverage,fuzzing]
        [--paths /ml/,/signals/]

Starts a web server of its own over a small demo world and asks, of each operation of the schema, what schemathesis thinks of: no
server error, no undocumented status, bodies and content types as described. Most ids are those of rows that there are
(``api_fuzz_hooks.py``). Roles come with a session, scopes with a key; the caller ``every-scope`` has all of them. Nothing leaves
the machine: no worker runs. Without ``--database`` the database is SQLite in a folder of the run; else a database is made on that
server and dropped. ``--phases stateful --examples 100`` follows links between operations, in so many chains of requests.

The last line of stdout is one JSON object: per caller the requests, their statuses and the failures (errors in the server's
log, too); and the operations at which no request has succeeded.
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
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

NAME = f"cs_ops_fuzz_{os.getpid()}"
CHECKS = "not_a_server_error,status_code_conformance,response_schema_conformance,content_type_conformance"
CSRF = "a" * 32
FOLDER = Path(__file__).resolve().parent
# As many rows of a list are asked about, and as many of them for the lists below them.
ROWS, PARENTS = 20, 4
NEXT_WEEK = (datetime.now(UTC) + timedelta(days=7)).isoformat()

# Run inside the installation: what the demo world does not have.
MORE = (FOLDER / "api_fuzz_rows.py").read_text()

# What is asked of the API itself before each caller, so that there are rows of it: addresses with bodies.
PLANTS: list[tuple[str, dict[str, Any]]] = [
    ("calls/", {"direction": "inbound", "number": "+4930901820", "note": "Wants a quote."}),
    ("tickets/{ticket}/", {"assignee": "{user}"}),
    ("tickets/{ticket}/messages/", {"kind": "note", "body": "Seen."}),
    ("tickets/{ticket}/messages/", {"kind": "inbound", "body": "Still broken."}),
    ("tickets/{ticket}/answers/", {"body": "Tomorrow.", "send_at": NEXT_WEEK}),
    ("tickets/{ticket}/checklist/", {"text": "Ask again"}),
    ("tickets/{ticket}/time/", {"minutes": 5}),
    ("tickets/{ticket}/links/", {"ticket": "{other}", "role": "related"}),
    ("tickets/{ticket}/followers/", {"user": "{user}"}),
    ("tickets/{ticket}/copies/", {"email": "copy@fuzz.example"}),
    ("ctas/", {"account": "{account}", "title": "Call", "reason": "Quiet"}),
    ("enrolments/", {"account": "{account}", "playbook": "{playbook}", "reason": "Fuzz"}),
    ("contacts/{contact}/identities/", {"kind": "email", "value": "second@fuzz.example"}),
    (
        "webhooks/",
        {"name": "Fuzz", "url": "https://192.0.2.7/", "patterns": ["tickets.*"], "scopes": ["tickets:read"]},
    ),
    ("exports/", {"format": "csv"}),
    ("tags/", {"name": "fuzz"}),
    ("tickets/bulk/", {"act": "tags", "value": {"add": ["fuzz"]}, "tickets": ["{ticket}"]}),
]

# Run inside the installation: prints {caller: its headers, and scopes or permissions}.
CALLERS = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.conf import settings
from people.models import User
from people.roles import PERMISSIONS, SCOPES
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
    headers = {"Cookie": cookie, "X-CSRFToken": CSRF}
    callers[role] = {"headers": headers, "permissions": sorted(PERMISSIONS[role])}
for name, scopes in {"every-scope": list(SCOPES), **{scope: [scope] for scope in SCOPES}}.items():
    _key, secret = create_api_key(name=name, scopes=scopes, by=system_viewer("command"))
    callers[name] = {"headers": {"Authorization": f"Bearer {secret}"}, "scopes": scopes}
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
    parser.add_argument("--paths", default="", help="parts of addresses with commas between; all without")
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
        manage(environment, "collectstatic", "--noinput", "-v0")
        manage(environment, "seed_demo", "--no-models", "--accounts", str(options.accounts))
        manage(environment, "shell", "-v0", "-c", MORE)
        told = manage(environment, "shell", "-v0", "-c", f"CSRF = {CSRF!r}\n{CALLERS}")
        callers = json.loads(told.partition("CALLERS ")[2])
        folder = Path(options.keep or var).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "web.log"
        address = stack.enter_context(server(environment, log))
        told_errors, done = 0, set[str]()
        for name in options.callers.split(",") if options.callers else callers:
            # Anew for each: the callers delete.
            everything = callers["every-scope"]["headers"]
            plant(address, everything, rows_of(address, everything, parents=0))
            pool = rows_of(address, everything)
            (folder / "pool.json").write_text(json.dumps(pool))
            results[name] = fuzz(name, callers[name], address, options, folder)
            errors = re.findall(
                r"^\w[\w.]*(?:Error|Exception)\b.*", log.read_text(errors="replace"), re.MULTILINE
            )
            results[name]["server_log"] = errors[told_errors:]
            results[name]["failures"] += len(errors) - told_errors
            told_errors = len(errors)
            done |= set(results[name].pop("succeeded"))
            say(f"{name}: {json.dumps(results[name])[:900]}")
        with urllib.request.urlopen(f"{address}/api/schema/?format=json", timeout=60) as answer:
            paths = json.load(answer)["paths"]
    paths = wanted_of(paths, options)
    never = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} - done
    failures = sum(one["failures"] for one in results.values())
    requests = sum(one["requests"] for one in results.values())
    print(
        json.dumps(
            {"callers": results, "requests": requests, "failures": failures, "never_succeeded": sorted(never)}
        )
    )


def plant(address: str, headers: dict[str, str], pool: dict[str, list[Any]]) -> None:
    """Make a row of each kind that has none in the demo world; one that is there already is refused, and that is fine."""

    def first(name: str, place: int = 0) -> Any:
        return (pool.get(f"/api/v1/{name}/") or [0, 0])[place]

    rows = {
        "ticket": first("tickets"), "other": first("tickets", 1), "user": first("people"), "account": first("accounts"),
        "contact": first("contacts"), "playbook": first("playbooks"),
    }  # fmt: skip
    for path, body in PLANTS:
        filled = {
            name: rows.get(str(value).strip("{}"), value) if isinstance(value, str) else value
            for name, value in body.items()
        }
        if filled.get("tickets"):
            filled["tickets"] = [rows["ticket"]]
        request = urllib.request.Request(
            f"{address}/api/v1/{path.format(**rows)}",
            data=json.dumps(filled).encode(),
            headers={**headers, "Content-Type": "application/json"},
            method="PATCH" if path == "tickets/{ticket}/" else "POST",
        )
        try:
            urllib.request.urlopen(request, timeout=60).close()
        except urllib.error.HTTPError as refusal:
            if refusal.code >= 500 or os.environ.get("FUZZ_VERBOSE"):
                say(f"{path}: {refusal.code} {refusal.read()[:200]!r}")


def rows_of(address: str, headers: dict[str, str], parents: int = PARENTS) -> dict[str, list[Any]]:
    """Return the ids of rows by the address of their list, of the lists below some of them, too."""

    def ask(path: str) -> Any:
        try:
            with urllib.request.urlopen(
                urllib.request.Request(f"{address}{path}", headers=headers), timeout=60
            ) as answer:
                return json.load(answer)
        except urllib.error.HTTPError:
            # A list that needs a parameter.
            return None

    def listed(path: str) -> list[Any]:
        found = ask(path)
        rows = found.get("results", found.get("items", ())) if isinstance(found, dict) else found or ()
        names = ("id", "reference", "key")
        ids = [
            next((row[name] for name in names if name in row), None) for row in rows if isinstance(row, dict)
        ]
        return [one for one in ids if one is not None][:ROWS]

    lists = [path for path, methods in ask("/api/schema/?format=json")["paths"].items() if "get" in methods]
    pool = {path: listed(path) for path in lists if "{" not in path and not path.endswith("/events/")}
    for path in lists:
        above, _brace, rest = path.partition("{")
        below = rest.partition("}")[2].removeprefix("/")
        if below and "{" not in below and not below.endswith("file/"):
            for one in pool.get(above, ())[:parents]:
                pool[f"{above}{one}/{below}"] = listed(f"{above}{one}/{below}")
    return {path: ids for path, ids in pool.items() if ids}


def fuzz(
    name: str, caller: dict[str, Any], address: str, options: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    """Ask as one caller, at length where the caller is let in, once elsewhere; return the requests and what failed."""
    with urllib.request.urlopen(f"{address}/api/schema/?format=json", timeout=60) as answer:
        paths = wanted_of(json.load(answer)["paths"], options)
    operations = [one for methods in paths.values() for one in methods.values()]
    inside = {one["operationId"] for one in operations if is_let_in(caller, one)}
    outside = {one["operationId"] for one in operations} - inside
    parts = [
        run_schemathesis(
            f"{name}-{part}", caller["headers"], address, options, folder, names, phases, examples
        )
        for part, names, phases, examples in (
            ("inside", inside, options.phases, options.examples),
            ("outside", outside, "fuzzing", 1),
        )
        if names
    ]
    statuses, kinds = Counter[str](), Counter[str]()
    for part in parts:
        statuses.update(part["statuses"])
        kinds.update(part["kinds"])
    return {
        "operations": len(inside),
        "requests": sum(part["requests"] for part in parts),
        "statuses": dict(sorted(statuses.items())),
        "failures": sum(part["failures"] for part in parts),
        "kinds": dict(kinds),
        "succeeded": sorted(set().union(*(part["succeeded"] for part in parts))),
        "seconds": sum(part["seconds"] for part in parts),
    }


def wanted_of(paths: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """The addresses of the schema that are asked about."""
    parts = options.paths.split(",")
    return {path: methods for path, methods in paths.items() if any(part in path for part in parts)}


def is_let_in(caller: dict[str, Any], operation: dict[str, Any]) -> bool:
    """Say whether the schema lets a caller in."""
    if "scopes" in caller:
        told = [set(way["apiKey"]) for way in operation["security"] if "apiKey" in way]
        return any(not scopes or scopes & set(caller["scopes"]) for scopes in told)
    needed = set(operation.get("x-permissions", ()))
    return not needed or bool(needed & set(caller["permissions"]))


def run_schemathesis(
    name: str,
    headers: dict[str, str],
    address: str,
    options: argparse.Namespace,
    folder: Path,
    operations: set[str],
    phases: str,
    examples: int,
) -> dict[str, Any]:
    """Run schemathesis over some operations; return what came of it."""
    report = folder / f"{re.sub('[^a-z-]', '-', name)}.ndjson"
    # Read here: schemathesis waits ten seconds for it, a busy machine needs more.
    schema = folder / "schema.json"
    with urllib.request.urlopen(f"{address}/api/schema/?format=json", timeout=60) as answer:
        schema.write_bytes(answer.read())
    command = [
        options.schemathesis, "run", str(schema), "--url", address, "--checks", CHECKS, "--phases", phases,
        "--max-examples", str(examples), "--seed", str(options.seed), "--continue-on-failure", "--no-color",
        "--generation-with-security-parameters", "false", "--suppress-health-check", "all",
        "--no-shrink", "--generation-database", "none", "--warnings", "off",
        "--request-timeout", "60", "--report", "ndjson", "--report-ndjson-path", str(report),
    ]  # fmt: skip
    for header, value in headers.items():
        command += ["--header", f"{header}: {value}"]
    for operation in sorted(operations):
        command += ["--include-operation-id", operation]
    hooks = {
        "SCHEMATHESIS_HOOKS": "api_fuzz_hooks",
        "PYTHONPATH": str(FOLDER),
        "FUZZ_POOL": str(folder / "pool.json"),
    }
    started = time.monotonic()
    # Its own cache goes to the folder of the reports.
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, **hooks}
    )
    (folder / f"{report.stem}.txt").write_text(ended.stdout + ended.stderr)
    statuses, succeeded = Counter[str](), set()
    for line in report.read_text(errors="replace").splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder") or {}
        for one in (recorder.get("interactions") or {}).values():
            status = (one.get("response") or {}).get("status_code", 0)
            statuses[str(status)] += 1
            if 200 <= status < 300:
                succeeded.add(recorder["label"])
    kinds = Counter(re.findall(r"^- (.+)$", ended.stdout, flags=re.MULTILINE))
    return {
        "requests": statuses.total(),
        "statuses": statuses,
        "failures": max(sum(kinds.values()), 1 if ended.returncode else 0),
        "kinds": kinds,
        "succeeded": succeeded,
        "seconds": round(time.monotonic() - started),
    }


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of the installation; return what it printed."""
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def server(environment: dict[str, str], log: Path) -> Iterator[str]:
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
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=environment, stdout=written, stderr=written)
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

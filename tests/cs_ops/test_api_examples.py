"""The examples of the guides, as they stand there, run against a server; samples of the schema can be read."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from core.job_runner import run_jobs
from customers.models import Account
from imports.models import Import
from people.models import ApiKey, User
from people.models.api_key import digest_of
from people.roles import SCOPES
from people.viewer import system_viewer
from tickets.models import Inbox, Message, Ticket
from tickets.services.create_ticket import create_ticket

ROOT = Path(__file__).parents[2]
SECRET = "the-key-of-the-examples"
HERE = "http://127.0.0.1:8000"
BASH = shutil.which("bash")
needs_curl = pytest.mark.skipif(not (BASH and shutil.which("curl")), reason="curl is not installed")


def blocks(path: str, *languages: str) -> Iterator[str]:
    """The code of a guide in a language."""
    for language, code in re.findall(
        r"^```(\w+)\n(.*?)^```", (ROOT / path).read_text(), re.MULTILINE | re.DOTALL
    ):
        if language in languages:
            yield code


def commands(path: str) -> Iterator[str]:
    """The requests of a guide, one by one."""
    waiting = ""
    for line in "".join(blocks(path, "sh", "bash")).splitlines():
        waiting += f"{line}\n"
        try:
            shlex.split(waiting, comments=True)
        except ValueError:
            continue  # within a quoted body
        if not line.rstrip().endswith("\\"):
            if "curl" in waiting and "/api/v1/" in waiting:
                yield waiting.strip()
            waiting = ""


class Shell:
    """Runs examples in a folder; ``names`` says what stands there for what has another id here."""

    def __init__(self, folder: Path, url: str, names: dict[str, str]) -> None:
        self.folder, self.names = folder, {HERE: url, "Bearer KEY": f"Bearer {SECRET}", **names}
        for name in ("invoice.pdf", "photo.png"):
            (folder / name).write_bytes(b"content")
        (folder / "customers.csv").write_text("Id;Company;Mascot\na1;Northwind;owl\n")

    def run(self, command: str) -> Any:
        """Run one; returns the answer, read as JSON where it is some."""
        for there, here in self.names.items():
            command = command.replace(there, here)
        script = (
            f'set -eo pipefail\ncurl() {{ command curl --fail-with-body --max-time 60 "$@"; }}\n{command}\n'
        )
        ended = subprocess.run(
            [str(BASH), "-c", script], cwd=self.folder, env={**os.environ, "KEY": SECRET}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        try:
            return json.loads(ended.stdout)
        except ValueError:
            return ended.stdout


@pytest.fixture
def key(transactional_db: None) -> ApiKey:
    """A key with every scope."""
    return ApiKey.objects.create(
        name="examples", hint="the-key", digest=digest_of(SECRET), scopes=list(SCOPES)
    )


@pytest.fixture
def shell(key: ApiKey, live_server: Any, tmp_path: Path, inbox: Inbox) -> Callable[..., Shell]:
    """Return a shell for examples, given what stands for what."""
    return lambda **names: Shell(tmp_path, live_server.url, names.get("names", {}))


@needs_curl
def test_the_guide_for_clients_does_what_it_says(shell: Callable[..., Shell]) -> None:
    by = system_viewer("command")
    ticket = create_ticket(subject="Old", body="Old.", contact_email="old@acme.example", by=by).ticket
    account = Account.objects.create(name="Acme")
    at_hand = shell(
        names={"/tickets/17/": f"/tickets/{ticket.pk}/", "/accounts/12/": f"/accounts/{account.pk}/"}
    )
    told = []
    for command in commands("docs/how-to/connect-an-api-client.md"):
        told.append(at_hand.run(command))
        if isinstance(told[-1], str) and (
            etag := re.search(r'etag: "([0-9a-f]{16})"', told[-1], re.IGNORECASE)
        ):
            at_hand.names["5c1f0a2b9d3e4f60"] = etag[1]
    answers = [one for one in told if isinstance(one, dict)]
    assert len(told) >= 9
    assert answers[0]["subject"] == "I was charged twice"
    batches = [
        {name: one[name] for name in ("created", "updated", "refused")}
        for one in answers
        if "unchanged" in one
    ]
    assert batches == [
        {"created": 1, "updated": 0, "refused": 1},
        {"created": 1, "updated": 1, "refused": 0},
    ]
    account.refresh_from_db()
    assert account.seats == 40
    message = Message.objects.get(ticket=ticket, body_text="See the invoice.")
    assert sorted(one.name for one in message.attachments.all()) == ["invoice.pdf", "photo.png"]


@needs_curl
def test_the_guide_for_moving_does_what_it_says(shell: Callable[..., Shell], admin: User) -> None:
    at_hand = shell()
    states = []
    for command in commands("docs/how-to/migrate.md"):
        at_hand.run(command)
        at_hand.names["/imports/1/"] = f"/imports/{Import.objects.get().pk}/"
        while run_jobs("batch"):
            pass
        states.append(Import.objects.get().state)
    assert states == ["read", "read", "read", "read", "checked", "checked", "done", "undone"]


@needs_curl
@pytest.mark.parametrize("path", ["README.md", "docs/how-to/receive-webhooks.md"])
def test_the_other_examples_are_taken(shell: Callable[..., Shell], path: str) -> None:
    answers = [shell().run(command) for command in commands(path)]
    assert answers
    assert all("id" in answer for answer in answers)


def test_the_example_in_python_does_what_it_says(key: ApiKey, live_server: Any) -> None:
    [code] = blocks("docs/how-to/connect-an-api-client.md", "python")
    code = f"KEY = {SECRET!r}\n{code}".replace(HERE, live_server.url)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    ticket = Ticket.objects.get()
    assert (ticket.status_id, ticket.messages.count()) == ("resolved", 2)


def test_samples_of_the_schema_can_be_read() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    samples = [
        sample
        for methods in schema["paths"].values()
        for operation in methods.values()
        for sample in operation["x-codeSamples"]
    ]
    assert len(samples) > 300
    for sample in samples:
        if sample["lang"] == "Python":
            compile(sample["source"], "sample", "exec")
        else:
            assert shlex.split(sample["source"])[0] == "curl"

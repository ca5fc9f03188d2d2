"""Rules that no linter knows, read from the syntax tree: what may be imported, called and written where.

Each rule carries code that breaks it and code that keeps it, so that no rule can rot into one that never fails.
An exception is one line in the rule's ``allowed`` with its reason.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "root_packages"
]
LONGEST_COUNTDOWN = 60


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a name or attribute chain, "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def imported(node: ast.AST) -> list[str]:
    """Return the full names that an import statement brings in; empty for any other node."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def imports_any(*modules: str) -> Callable[[ast.AST], bool]:
    """Return a predicate: does the node import one of the modules, or something inside it?"""

    def broken(node: ast.AST) -> bool:
        return any(
            name == module or name.startswith(module + ".") for name in imported(node) for module in modules
        )

    return broken


def names_any(*names: str) -> Callable[[ast.AST], bool]:
    """Return a predicate: does the node import or use one of these last names?"""

    def broken(node: ast.AST) -> bool:
        if isinstance(node, ast.Attribute):
            return node.attr in names
        if isinstance(node, ast.Name):
            return node.id in names
        return any(name.rpartition(".")[2] in names for name in imported(node))

    return broken


def loads_code(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and dotted(node.func).endswith(("torch.load", "read_pickle")):
        return True
    if isinstance(node, ast.keyword) and node.arg in {"allow_pickle", "trust_remote_code"}:
        return not (isinstance(node.value, ast.Constant) and node.value.value is False)
    return imports_any("pickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal")(node)


CLIENTS = (
    "requests", "httpx", "httpcore", "urllib3", "aiohttp", "pycurl", "urllib.request", "http.client", "xmlrpc.client",
    "websocket", "websockets", "grpc", "boto3", "botocore", "paramiko", "ldap3", "dns", "slack_sdk",
    "imaplib", "imapclient", "poplib", "ftplib", "telnetlib", "nntplib", "aiosmtplib", "smtplib.SMTP", "smtplib.SMTP_SSL",
    "smtplib.LMTP", "socket", "ssl", "asyncio.open_connection", "asyncio.open_unix_connection",
)  # fmt: skip
CONNECTS = frozenset(
    {
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "smtplib.LMTP",
        "asyncio.open_connection",
        "asyncio.open_unix_connection",
    }
)


def opens_connection(node: ast.AST) -> bool:
    """Whether a client library is brought in; of smtplib only its errors are used, Django's mail backend connects."""
    if isinstance(node, ast.Attribute):
        return dotted(node) in CONNECTS or node.attr == "create_connection"
    return imports_any(*CLIENTS)(node)


def sends_mail(node: ast.AST) -> bool:
    """Whether mail is made ready to leave: whoever builds or sends a message of Django's is named in the rule."""
    return imports_any("django.core.mail")(node)


def marks_safe(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in {"SafeString", "SafeText"}:
        return not all(isinstance(argument, ast.Constant) for argument in node.args)
    return names_any("mark_safe")(node)


def publishes_every_field(node: ast.AST) -> bool:
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign | ast.keyword) else None
    return isinstance(value, ast.Constant) and value.value == "__all__"


def delays_for_long(node: ast.AST) -> bool:
    if not isinstance(node, ast.keyword) or node.arg not in {"countdown", "eta", "default_retry_delay"}:
        return False
    seconds = node.value.value if isinstance(node.value, ast.Constant) else None
    return node.arg == "eta" or not isinstance(seconds, int | float) or seconds > LONGEST_COUNTDOWN


def sends_task(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"delay", "apply_async", "send_task"}
    )


@dataclass(frozen=True)
class Rule:
    """One rule: `broken(node)` per syntax node; `allowed` maps a path prefix to the reason for the exception."""

    name: str
    broken: Callable[[ast.AST], bool]
    bad: list[str]
    good: list[str]
    allowed: dict[str, str] = field(default_factory=dict)


RULES = [
    Rule(
        "models are data, never code: no pickle in any form",
        loads_code,
        bad=[
            "import joblib",
            "from joblib import load",
            "import pickle",
            "torch.load(path)",
            "numpy.load(path, allow_pickle=True)",
            "AutoModel.from_pretrained(name, trust_remote_code=flag)",
        ],
        good=["from skops.io import load", "AutoModel.from_pretrained(name, trust_remote_code=False)"],
    ),
    Rule(
        "HTML is made by templates and format_html",
        marks_safe,
        bad=[
            "from django.utils.safestring import mark_safe",
            "safestring.mark_safe(text)",
            "SafeString(text)",
        ],
        good=["format_html('<b>{}</b>', text)", "SafeString(' hidden')", "def icon() -> SafeString: ..."],
        allowed={
            "tickets/rich_text.py": "marks what nh3 has just cleaned",
            "tickets/mentions.py": "puts escaped names as chips into HTML that rich_text has cleaned",
        },
    ),
    Rule(
        "a stream must not hold a database connection: the live feed is the one stream",
        names_any("StreamingHttpResponse"),
        bad=["from django.http import StreamingHttpResponse", "http.StreamingHttpResponse(rows)"],
        good=["from django.http import FileResponse"],
    ),
    Rule(
        "forms and serializers name their fields",
        publishes_every_field,
        bad=["class Meta:\n    fields = '__all__'", "modelform_factory(Ticket, fields='__all__')"],
        good=["class Meta:\n    fields = ('subject',)", "__all__ = ['app']"],
    ),
    Rule(
        "one guarded door for each way out of this machine",
        opens_connection,
        bad=[
            "import requests",
            "from urllib import request",
            "import urllib.request",
            "from smtplib import SMTP",
            "smtplib.SMTP_SSL(host)",
            "import imaplib",
            "import socket",
            "from socket import create_connection",
            "await asyncio.open_connection(host, port)",
            "loop.create_connection(make, host, port)",
        ],
        good=["from urllib.parse import urlsplit", "import http", "import smtplib\nsmtplib.SMTPException"],
        allowed={
            "cs_ops/launch/readiness.py": "asks the programs it started itself, on 127.0.0.1",
            "core/guarded_http.py": "is the door: public addresses only, looked up once",
            "tickets/channels/email/server_connection.py": "opens the guarded door for mail servers and encrypts",
            "tickets/channels/email/mail_providers.py": "hands the requests that anymail words to the guarded door",
            "tickets/channels/email/imap_session.py": "speaks IMAP over that connection, connects to nothing by itself",
            "tickets/channels/email/smtp_session.py": "speaks SMTP over that connection, connects to nothing by itself",
            "tickets/channels/email/pop3_session.py": "speaks POP3 over that connection, connects to nothing by itself",
            "tickets/scanners/clamd.py": "hands files to the malware scanner that the operator names",
            "cs_ops/launch/preflight.py": "asks whether a port of this machine is free, connects to nothing",
        },
    ),
    Rule(
        "mail leaves through the senders of the outbox",
        sends_mail,
        bad=[
            "from django.core.mail import send_mail",
            "from django.core import mail",
            "import django.core.mail",
            "from django.core.mail.backends.smtp import EmailBackend",
        ],
        good=["from email.message import EmailMessage", "from django.core import management"],
        allowed={
            "core/outbound/notification_mail.py": "sends notifications",
            "people/outbound/account_mail.py": "sends what logging in needs",
            "success/outreach_mail.py": "writes the message that the sender sends",
            "tickets/channels/email/backends.py": "writes mail to files in place of sending it",
            "tickets/channels/email/outgoing.py": "writes the message that the sender sends",
            "tickets/outbound/acknowledgement.py": "names the type of what it sends",
            "tickets/channels/email/mail_providers.py": "hands to a provider what send_mail gives it",
            "tickets/channels/email/services/send_mail.py": "hands over what the senders of the outbox have written",
            "tickets/outbound/email_answer.py": "names the type of what it sends",
            "tickets/outbound/satisfaction_survey.py": "names the type of what it sends",
        },
    ),
    Rule(
        "no page gives up CSRF protection",
        names_any("csrf_exempt"),
        bad=[
            "from django.views.decorators.csrf import csrf_exempt",
            "@csrf.csrf_exempt\ndef view(request): ...",
        ],
        good=["from django.views.decorators.csrf import csrf_protect"],
        allowed={
            "success/pages/unsubscribe.py": "mail programs post the one click (RFC 8058); the signed token is the proof",
            "tickets/pages/chat.py": "asked from other people's pages without cookies; a bearer token is the proof",
            "tickets/pages/hooks.py": "providers call it without cookies; their signature is the proof",
            "tickets/pages/web_form.py": "shown in frames of other sites without cookies; a signed token is the proof",
            "tickets/pages/feedback.py": "opened from mails, in browsers without cookies too; the signed token is the proof",
        },
    ),
    Rule(
        f"no task is delayed over {LONGEST_COUNTDOWN} s: later work is a row with a due time",
        delays_for_long,
        bad=[
            "task.apply_async(countdown=61)",
            "task.apply_async(eta=when)",
            "self.retry(countdown=2 ** tries)",
        ],
        good=["task.apply_async(countdown=60)"],
    ),
    Rule(
        "workers are nudged in one place, after the commit",
        sends_task,
        bad=["task.delay(1)", "task.apply_async()", "current_app.send_task('core.run_jobs')"],
        good=["nudge.after_commit('tickets.received')"],
        allowed={
            "core/nudge.py": "the place",
            "cs_ops/celery.py": "beat's own canaries, which must not depend on a transaction",
        },
    ),
    Rule(
        "torch and transformers are imported inside functions, so that web processes never load them",
        lambda node: (
            isinstance(node, ast.Module)
            and any(imports_any("torch", "transformers")(statement) for statement in node.body)
        ),
        bad=["import torch", "from transformers import AutoModel"],
        good=["def encode():\n    import torch", "if TYPE_CHECKING:\n    import torch"],
    ),
]


def source_files(package: str) -> Iterator[Path]:
    for path in sorted((ROOT / package).rglob("*.py")):
        if "migrations" not in path.parts:
            yield path


def findings(rule: Rule, nodes: Iterable[ast.AST]) -> list[int]:
    """Return the line numbers that break the rule."""
    return [getattr(node, "lineno", None) or _line_of(node) for node in nodes if rule.broken(node)]


def _line_of(node: ast.AST) -> int:
    return getattr(getattr(node, "value", None), "lineno", 1)


@pytest.fixture(scope="module")
def trees() -> dict[str, list[ast.AST]]:
    """The nodes of the syntax trees of the packages, by path relative to the project: walked once, not by every rule."""
    return {
        path.relative_to(ROOT).as_posix(): list(ast.walk(ast.parse(path.read_text(), filename=str(path))))
        for package in PACKAGES
        for path in source_files(package)
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_packages_keep_the_rule(rule: Rule, trees: dict[str, list[ast.AST]]) -> None:
    broken = [
        f"{path}:{line}"
        for path, nodes in trees.items()
        if not path.startswith(tuple(rule.allowed))
        for line in findings(rule, nodes)
    ]
    assert broken == [], rule.name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_exception_of_a_rule_is_still_needed(rule: Rule, trees: dict[str, list[ast.AST]]) -> None:
    for prefix in rule.allowed:
        assert any(findings(rule, nodes) for path, nodes in trees.items() if path.startswith(prefix)), prefix


@pytest.mark.parametrize(("rule", "code"), [(rule, code) for rule in RULES for code in rule.bad])
def test_a_rule_finds_what_breaks_it(rule: Rule, code: str) -> None:
    assert findings(rule, ast.walk(ast.parse(code)))


@pytest.mark.parametrize(("rule", "code"), [(rule, code) for rule in RULES for code in rule.good])
def test_a_rule_lets_right_code_pass(rule: Rule, code: str) -> None:
    assert findings(rule, ast.walk(ast.parse(code))) == []


def test_every_query_count_in_the_tests_asserts_something() -> None:
    """`assertNumQueries(3)` as a bare statement builds a context manager and checks nothing."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and dotted(node.value.func).rpartition(".")[2]
        in {"assertNumQueries", "django_assert_num_queries", "django_assert_max_num_queries"}
    ]
    assert silent == []


TAG = re.compile(r"\{%(?!\s*autoescape).*?%\}", re.DOTALL)
TEMPLATE_RULES = {
    "output is escaped": re.compile(r"\|\s*safe\b|\{%\s*autoescape\s+off"),
    "no inline script or style: the content security policy refuses them": re.compile(
        r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")|<style\b|\sstyle=\"|\son[a-z]+=\"",
        re.IGNORECASE,
    ),
    "nothing is loaded from another host": re.compile(
        r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=\"(?:https?:)?//"
    ),
}
# Mail is read in mail programs, which know no style sheets and no content security policy.
MAIL_TEMPLATES = re.compile(r"(^|/)(mail|mails|emails?)(/|_)")


@pytest.mark.parametrize("name", TEMPLATE_RULES)
def test_templates_keep_the_rule(name: str) -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {match.group().strip()}"
        for path in sorted((ROOT / "templates").rglob("*.html"))
        if not MAIL_TEMPLATES.search(path.relative_to(ROOT / "templates").as_posix())
        for match in TEMPLATE_RULES[name].finditer(TAG.sub("", path.read_text()))
    ]
    assert broken == [], name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("output is escaped", "{{ body|safe }}"),
        ("output is escaped", "{% autoescape off %}"),
        (list(TEMPLATE_RULES)[1], "<script>run()</script>"),
        (list(TEMPLATE_RULES)[1], '<p style="color:red">'),
        (list(TEMPLATE_RULES)[1], '<a onclick="go()">'),
        (list(TEMPLATE_RULES)[2], '<script src="//cdn.example/x.js">'),
        (list(TEMPLATE_RULES)[2], '<link rel="stylesheet" href="https://cdn.example/x.css">'),
    ],
)
def test_a_template_rule_finds_what_breaks_it(name: str, text: str) -> None:
    assert TEMPLATE_RULES[name].search(text)


def test_the_import_floors_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr

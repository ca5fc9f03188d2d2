"""System checks for settings whose absence loses data or slows every request (specs in docs/architecture.md)."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def sqlite_is_immediate(**_: Any) -> list[CheckMessage]:
    """SQLite without IMMEDIATE fails read-then-write transactions at once; WAL keeps readers running."""
    database = settings.DATABASES["default"]
    if "sqlite3" not in database["ENGINE"]:
        return []
    options = database.get("OPTIONS", {})
    if options.get("transaction_mode") == "IMMEDIATE" and "journal_mode=WAL" in options.get(
        "init_command", ""
    ):
        return []
    return [Error("SQLite needs transaction_mode IMMEDIATE and WAL.", id="core.E001")]


@register()
def celery_accepts_json_only(**_: Any) -> list[CheckMessage]:
    """A pickled message is code; a message acknowledged before its work is done is lost with the worker."""
    problems: list[CheckMessage] = []
    if settings.CELERY_ACCEPT_CONTENT != ["json"]:
        problems.append(Error("Celery must accept JSON only.", id="core.E002"))
    if not (settings.CELERY_TASK_ACKS_LATE and settings.CELERY_TASK_REJECT_ON_WORKER_LOST):
        problems.append(Error("Celery tasks must be acknowledged late.", id="core.E003"))
    return problems


@register()
def hosts_are_named(**_: Any) -> list[CheckMessage]:
    """A wildcard host lets an attacker choose the host of password reset links."""
    if "*" in settings.ALLOWED_HOSTS:
        return [Error("ALLOWED_HOSTS must not contain '*'.", id="core.E004")]
    return []


@register()
def assets_are_built(**_: Any) -> list[CheckMessage]:
    """Pages need the built stylesheet; tests and commands do not."""
    if Path(settings.FRONTEND_DIST, "app.css").is_file():
        return []
    return [Warning("The frontend is not built.", hint="Run: make setup-web", id="core.W001")]

"""What `/readyz` asks: each check is a part, apps add theirs in ``<app>/health_checks.py``."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from core.models import Heartbeat
from core.registry import Part, Registry

SHORT_QUEUES = ("events", "outbound", "channels", "ml")
CANARY_AGE = timedelta(seconds=60)


@dataclass(frozen=True)
class Finding:
    """One check's verdict with a sentence for the operator."""

    ok: bool
    detail: str


class HealthCheck(Part):
    """One thing that must work before traffic may come."""

    def look(self) -> Finding:
        """Look, quickly and without side effects."""
        raise NotImplementedError


health_checks: Registry[HealthCheck] = Registry(HealthCheck, "health_checks")


def heartbeat_finding(name: str, max_age: timedelta = CANARY_AGE) -> Finding:
    """Judge the age of a heartbeat row."""
    beat = Heartbeat.objects.filter(name=name).first()
    if beat is None:
        return Finding(False, "never seen")
    age = timezone.now() - beat.beat_at
    return Finding(age <= max_age, f"seen {age.total_seconds():.0f} s ago")


def look_at_everything() -> dict[str, Finding]:
    """Run every check; a check that raises is a failed one. Without a database only that is reported."""
    findings: dict[str, Finding] = {}
    try:
        connection.ensure_connection()
        findings["database"] = Finding(True, connection.vendor)
    except DatabaseError as error:
        return {"database": Finding(False, type(error).__name__)}
    for check in health_checks:
        try:
            findings[check.key] = check.look()
        except Exception as error:  # noqa: BLE001 - a broken check must not hide the others
            findings[check.key] = Finding(False, type(error).__name__)
    return findings


def unapplied_migrations() -> int:
    """Return the number of migrations the database has not seen."""
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))

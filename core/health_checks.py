"""Readiness checks of the ground floor: migrations, the canaries of the short queues and beat."""

from datetime import datetime, timedelta

from django.utils import timezone

from core.readiness import SHORT_QUEUES, Finding, HealthCheck, heartbeat_finding, unapplied_migrations


class Migrations(HealthCheck):
    """The database has every table the code expects."""

    key = "migrations"

    def look(self) -> Finding:
        """Count what is not applied."""
        missing = unapplied_migrations()
        return Finding(missing == 0, f"{missing} not applied")


class ShortQueues(HealthCheck):
    """Each short queue has worked a canary within the last minute."""

    key = "queues"

    def look(self) -> Finding:
        """Name the queues that are silent."""
        silent = [queue for queue in SHORT_QUEUES if not heartbeat_finding(f"queue:{queue}").ok]
        return Finding(not silent, "silent: " + ", ".join(silent) if silent else "all canaries are fresh")


class Beat(HealthCheck):
    """The scheduler ticks."""

    key = "beat"

    def look(self) -> Finding:
        """Judge beat's own heartbeat."""
        return heartbeat_finding("beat")


class SearchIndex(HealthCheck):
    """The search index is kept up. Texts that wait for it are named, they do not keep traffic away."""

    key = "search"

    def look(self) -> Finding:
        """Read the last count; a count that is long overdue means that nobody indexes what was missed."""
        from core.search.sources import COUNT_EVERY, index_state

        state = index_state()
        if not state.counted_at:
            return Finding(True, "not counted yet")
        missing = sum(state.missing.values())
        age = timezone.now() - datetime.fromisoformat(state.counted_at)
        late = age > 2 * COUNT_EVERY + timedelta(minutes=5)
        return Finding(
            not late, f"{missing} texts not indexed, counted {age.total_seconds() / 60:.0f} min ago"
        )

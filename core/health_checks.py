"""Readiness checks of the ground floor: migrations, the canaries of the short queues and beat."""

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

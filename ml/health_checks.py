"""Readiness of the models, as the ml worker reports it; web processes never load one."""

from datetime import timedelta

from core.models import Heartbeat
from core.readiness import Finding, HealthCheck, heartbeat_finding
from ml.services.report_models import HEARTBEAT

REPORT_AGE = timedelta(seconds=90)  # three reports; a long batch on the worker's one process may delay one


class Models(HealthCheck):
    """The ml worker is alive and holds every model it should."""

    key = "models"

    def look(self) -> Finding:
        """Judge the age of the report, then name the models that could not be loaded."""
        age = heartbeat_finding(HEARTBEAT, REPORT_AGE)
        beat = Heartbeat.objects.filter(name=HEARTBEAT).first()
        errors = beat.detail.get("errors", {}) if beat else {}
        if age.ok and errors:
            return Finding(False, "; ".join(f"{name}: {why}" for name, why in sorted(errors.items())))
        return age

"""The roof: settings, URLs, Celery app, schedule and entry points. Wires the apps together; nobody imports it."""

from cs_ops.celery import app as celery_app

__all__ = ["celery_app"]

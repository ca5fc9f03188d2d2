"""The Celery application and the beat schedule. Tasks live in the apps' ``tasks.py``; a task is an id in, one service out."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")

app: Celery = Celery("cs_ops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def _every(task: str, seconds: float, *, queue: str, **kwargs: Any) -> dict[str, Any]:
    """One schedule entry; the message expires with its interval, so a stopped worker finds no pile of stale ticks."""
    return {
        "task": task,
        "schedule": seconds,
        "kwargs": kwargs,
        "options": {"queue": queue, "expires": max(seconds, 10)},
    }


# Work is found by looking at rows; these ticks only say "look now". A lost tick delays work until the next one.
app.conf.beat_schedule = {
    "pump-events": _every("core.pump_events", 3, queue="events"),
    "pump-ml-events": _every("core.pump_events", 3, queue="ml", only_queue="ml"),
    "send-outbound": _every("core.send_outbound", 5, queue="outbound"),
    "mail-notifications": _every("core.mail_notifications", 30, queue="events"),
    "run-jobs": _every("core.run_jobs", 10, queue="batch"),
    "run-training-jobs": _every("core.run_jobs", 10, queue="train", only_queue="train"),
    "index-missing-texts": _every("core.index_missing", 30, queue="batch"),
    "seal-events": _every("core.seal_events", 60, queue="batch"),
    "beat": _every("core.canary", 20, queue="events", name="beat"),
    **{
        f"canary-{queue}": _every("core.canary", 20, queue=queue, name=f"queue:{queue}")
        for queue in ("events", "outbound", "channels", "ml")
    },
    "report-models": _every("ml.report_models", 20, queue="ml"),
    "start-due-trainings": _every("ml.start_due_trainings", 3600, queue="batch"),
    "verify-artefacts": _every("ml.verify_artefacts", 86_400, queue="batch"),
    "sweep-model-files": _every("ml.sweep_files", 3600, queue="batch"),
    "answer-in-shadow": _every("ml.answer_in_shadow", 30, queue="ml"),
    "answer-questions": _every("ml.answer_requests", 5, queue="ml"),
    "watch-models": _every("ml.watch_service", 30, queue="batch"),
    "watch-classes": _every("ml.watch_classes", 300, queue="batch"),
    "watch-drift": _every("ml.watch_drift", 300, queue="batch"),
    "draw-audit-samples": _every("ml.draw_audit_samples", 3600, queue="batch"),
    "forget-old-predictions": _every("ml.forget_old_predictions", 3600, queue="batch"),
    "materialise-features": _every("ml.materialise_features", 600, queue="batch"),
    "find-similar-tickets": _every("tickets.find_similar", 60, queue="ml"),
    "forecast-stale-tickets": _every("tickets.forecast_stale_tickets", 60, queue="ml"),
    "poll-drop-folders": _every("tickets.poll_drop_folders", 5, queue="channels"),
    "fetch-mailboxes": _every("tickets.fetch_mailboxes", 5, queue="channels"),
    "check-mailboxes": _every("tickets.check_mailboxes", 300, queue="channels"),
    "take-payloads": _every("tickets.take_payloads", 5, queue="channels"),
    "forget-old-payloads": _every("tickets.forget_old_payloads", 3600, queue="batch"),
    "take-submissions": _every("tickets.take_submissions", 5, queue="channels"),
    "end-submissions": _every("tickets.end_submissions", 600, queue="batch"),
    "fetch-templates": _every("tickets.fetch_templates", 86_400, queue="channels"),
    "watch-channels": _every("tickets.watch_channels", 300, queue="channels"),
    "process-mail-ledger": _every("tickets.process_waiting_mail", 30, queue="channels"),
    "scan-files": _every("tickets.scan_files", 5, queue="channels"),
    "sla-clock": _every("tickets.mark_sla_breaches", 30, queue="batch"),
    "wake-tickets": _every("tickets.wake_due_tickets", 20, queue="batch"),
    "sla-steps": _every("tickets.take_sla_steps", 30, queue="batch"),
    "escalations": _every("tickets.check_escalations", 60, queue="batch"),
    "find-silent-sponsors": _every("tickets.find_silent_sponsors", 21_600, queue="batch"),
    "watch-promises": _every("tickets.watch_promises", 60, queue="batch"),
    "forget-unused-chats": _every("tickets.forget_unused_chats", 3600, queue="batch"),
    "forget-old-presence": _every("tickets.forget_old_presence", 3600, queue="batch"),
    "close-resolved-tickets": _every("tickets.close_resolved_tickets", 600, queue="batch"),
    "assign-waiting-tickets": _every("tickets.assign_waiting_tickets", 30, queue="events"),
    "count-due-tickets": _every("tickets.count_due_tickets", 30, queue="batch"),
    "resume-bulk-acts": _every("tickets.resume_bulk_acts", 30, queue="batch"),
    "recount-views": _every("tickets.recount_views", 3600, queue="batch"),
    "clear-expired-exports": _every("tickets.clear_expired_exports", 600, queue="batch"),
    "copy-value-at-risk": _every("tickets.copy_value_at_risk", 300, queue="batch"),
    "hand-over-tickets": _every("tickets.hand_over", 60, queue="batch"),
    "roll-up-usage": _every("customers.roll_up_usage", 30, queue="batch"),
    "measure-adoption": _every("customers.measure_adoption", 300, queue="batch"),
    "evaluate-segments": _every("customers.evaluate_segments", 60, queue="batch"),
    "move-stages": _every("customers.move_stages", 600, queue="batch"),
    "end-accounts": _every("customers.end_accounts", 3600, queue="batch"),
    "delete-expired-exports": _every("customers.delete_expired_exports", 3600, queue="batch"),
    "score-accounts": _every("health.score_due_accounts", 3, queue="batch"),
    "run-playbooks": _every("success.run_due_steps", 30, queue="batch"),
    "forget-old-deliveries": _every("integrations.forget_old_deliveries", 3600, queue="batch"),
    "sync-crms": _every("integrations.sync_crms", 300, queue="batch"),
    "forget-old-imports": _every("imports.forget_old", 3600, queue="batch"),
    "forget-old-logins": _every("people.forget_old_logins", 3600, queue="batch"),
}


@signals.worker_ready.connect
def _prove_queues(sender: Any, **_: Any) -> None:
    """Send a canary through each queue of a starting worker, so that `/readyz` need not wait for beat's first tick."""
    for queue in sender.app.amqp.queues.consume_from:
        app.send_task("core.canary", queue=queue, kwargs={"name": f"queue:{queue}"}, ignore_result=True)
        if queue == "ml":
            app.send_task("ml.report_models", queue=queue, ignore_result=True)


@signals.beat_init.connect
def _prove_beat(sender: Any, **_: Any) -> None:
    """Let beat show itself at its start."""
    app.send_task("core.canary", queue="events", kwargs={"name": "beat"}, ignore_result=True)

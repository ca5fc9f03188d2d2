"""Celery entries of success."""

from celery import shared_task

from success.services.run_due_steps import run_due_steps


@shared_task(name="success.run_due_steps")
def run_playbook_steps() -> None:
    """Run the due steps of playbooks."""
    run_due_steps()

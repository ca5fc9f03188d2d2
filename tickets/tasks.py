"""Celery entries of tickets: each looks at rows and works what is due."""

import logging
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from core.job_runner import start_job
from people.viewer import system_viewer
from tickets.channels.chat.services.forget_chats import forget_unused_chats
from tickets.channels.email.services.fetch_mailbox import VISIT_SECONDS, fetch_due_mailboxes
from tickets.channels.email.services.poll_drop_folder import poll_drop_folders
from tickets.channels.email.services.process_waiting_mail import process_waiting_mail
from tickets.channels.email.services.reconcile_mailbox import reconcile_due_mailboxes
from tickets.channels.email.services.renew_sign_in import renew_due_sign_ins
from tickets.channels.email.services.watch_mailboxes import watch_mailboxes
from tickets.channels.web.floods import forget_old_counts
from tickets.channels.web.services.end_submissions import end_submissions
from tickets.channels.web.services.take_submissions import take_submissions
from tickets.services.assign_waiting_tickets import assign_waiting_tickets
from tickets.services.change_many import resume_bulk_acts
from tickets.services.close_resolved_tickets import close_resolved_tickets
from tickets.services.copy_value_at_risk import copy_value_at_risk
from tickets.services.count_views import count_due_tickets
from tickets.services.escalate_by_rules import escalate_by_time
from tickets.services.export_tickets import clear_expired_exports
from tickets.services.fetch_templates import fetch_all_templates
from tickets.services.find_silent_sponsors import find_silent_sponsors
from tickets.services.forget_old_payloads import forget_old_payloads
from tickets.services.hand_over_tickets import hand_over_absences, take_back_unattended
from tickets.services.mark_sla_breaches import mark_sla_breaches
from tickets.services.note_presence import forget_old_presence
from tickets.services.scan_files import scan_waiting_files
from tickets.services.snooze_ticket import wake_due_tickets
from tickets.services.take_payload import take_payloads
from tickets.services.take_sla_steps import take_sla_steps
from tickets.services.watch_channels import watch_channels
from tickets.services.watch_promises import watch_promises

logger = logging.getLogger(__name__)

BUDGET = timedelta(seconds=45)


@shared_task(name="tickets.poll_drop_folders")
def poll_drop_folders_task() -> None:
    """Take mails out of the watched folders into the ledger and process them."""
    if poll_drop_folders():
        process_waiting_mail(until=timezone.now() + BUDGET)


@shared_task(name="tickets.fetch_mailboxes")
def fetch_mailboxes_task() -> None:
    """Fetch mails from the mailboxes that are due into the ledger and process them."""
    until = timezone.now() + BUDGET
    if fetch_due_mailboxes():
        process_waiting_mail(until=until)


@shared_task(name="tickets.take_payloads")
def take_payloads_task() -> None:
    """Take in what providers have sent."""
    take_payloads(until=timezone.now() + BUDGET)


@shared_task(name="tickets.forget_old_payloads")
def forget_old_payloads_task() -> None:
    """Forget what providers have sent long ago."""
    forget_old_payloads()


@shared_task(name="tickets.take_submissions")
def take_submissions_task() -> None:
    """Open the tickets of web forms that were confirmed."""
    take_submissions(until=timezone.now() + BUDGET)


@shared_task(name="tickets.end_submissions")
def end_submissions_task() -> None:
    """Drop web forms that nobody confirmed, and old counts."""
    end_submissions()
    forget_old_counts()


@shared_task(name="tickets.fetch_templates")
def fetch_templates_task() -> None:
    """Fetch the templates that providers have approved."""
    fetch_all_templates(until=timezone.now() + BUDGET)


@shared_task(name="tickets.watch_channels")
def watch_channels_task() -> None:
    """Notice channels that are silent or out of reach."""
    watch_channels()


@shared_task(name="tickets.check_mailboxes")
def check_mailboxes_task() -> None:
    """Keep accounts signed in, compare mailboxes with the ledger, notice those that are silent or out of reach."""
    until = timezone.now() + BUDGET
    renew_due_sign_ins(until=timezone.now() + BUDGET / 4)
    watch_mailboxes()
    # A comparison that has begun may last as long as a visit.
    reconcile_due_mailboxes(until=until - timedelta(seconds=VISIT_SECONDS))


@shared_task(name="tickets.scan_files")
def scan_files_task() -> None:
    """Look for malware in stored files."""
    scan_waiting_files(until=timezone.now() + BUDGET)


@shared_task(name="tickets.process_waiting_mail")
def process_waiting_mail_task() -> None:
    """Process mails of the ledger that nobody works on."""
    process_waiting_mail(until=timezone.now() + BUDGET)


@shared_task(name="tickets.mark_sla_breaches")
def mark_sla_breaches_task() -> None:
    """Note broken promises."""
    mark_sla_breaches()


@shared_task(name="tickets.take_sla_steps")
def take_sla_steps_task() -> None:
    """Warn of deadlines and take the other steps of SLA policies."""
    take_sla_steps()


@shared_task(name="tickets.check_escalations")
def check_escalations_task() -> None:
    """Escalate tickets by the rules that ask about the time."""
    escalate_by_time()


@shared_task(name="tickets.assign_waiting_tickets")
def assign_waiting_tickets_task() -> None:
    """Give waiting tickets to people who have become available."""
    assign_waiting_tickets()


@shared_task(name="tickets.close_resolved_tickets")
def close_resolved_tickets_task() -> None:
    """Close what has been resolved for longer than the days of grace."""
    close_resolved_tickets()


@shared_task(name="tickets.find_similar")
def find_similar_task() -> None:
    """Queue ml: learn what no event told of, and look again beside open tickets. Waits while there is no encoder."""
    from ml.encoders import ModelUnavailable
    from tickets.services.find_similar import catch_up

    try:
        catch_up()
    except ModelUnavailable as error:
        logger.warning("similar tickets wait: %s", error)


@shared_task(name="tickets.forecast_stale_tickets")
def forecast_stale_tickets_task() -> None:
    """Queue ml: forecast open tickets again whose forecast is old, after the trivial forecasts were learned when due."""
    from tickets.services.forecast_tickets import forecast_stale_tickets
    from tickets.services.learn_baselines import learn_due_baselines

    until = timezone.now() + BUDGET
    learn_due_baselines()
    forecast_stale_tickets(until=until)


@shared_task(name="tickets.wake_due_tickets")
def wake_due_tickets_task() -> None:
    """Wake tickets whose time to come back has come."""
    wake_due_tickets()


@shared_task(name="tickets.count_due_tickets")
def count_due_tickets_task() -> None:
    """Count what time has moved from view to view."""
    count_due_tickets()


@shared_task(name="tickets.recount_views")
def recount_views_task() -> None:
    """Start the hourly repair of the counters."""
    start_job(kind="tickets.recount_views", key="all", by=system_viewer("task"))


@shared_task(name="tickets.copy_value_at_risk")
def copy_value_at_risk_task() -> None:
    """Bring the value at risk of customers to their tickets."""
    copy_value_at_risk()


@shared_task(name="tickets.forget_old_presence")
def forget_old_presence_task() -> None:
    """Delete the signs of people who have long left a ticket."""
    forget_old_presence()


@shared_task(name="tickets.forget_unused_chats")
def forget_unused_chats_task() -> None:
    """Delete chats in which nobody ever wrote."""
    forget_unused_chats()


@shared_task(name="tickets.hand_over")
def hand_over_task() -> None:
    """Hand over tickets of people whose absence has begun, or who let customers wait while they are away."""
    hand_over_absences()
    take_back_unattended()


@shared_task(name="tickets.resume_bulk_acts")
def resume_bulk_acts_task() -> None:
    """Find acts on many tickets that a killed process has left."""
    resume_bulk_acts()


@shared_task(name="tickets.clear_expired_exports")
def clear_expired_exports_task() -> None:
    """Delete the files of exports that nobody may fetch any more."""
    clear_expired_exports()


@shared_task(name="tickets.find_silent_sponsors")
def find_silent_sponsors_task() -> None:
    """Find key people of customers who have gone silent."""
    find_silent_sponsors(by=system_viewer("task"))


@shared_task(name="tickets.watch_promises")
def watch_promises_task() -> None:
    """Remind people of what they promised, and note what was not kept."""
    watch_promises()

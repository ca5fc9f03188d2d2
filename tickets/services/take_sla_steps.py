"""Take the steps of SLA policies that have become due: warn, raise the priority, reassign, call a webhook."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Event
from core.outbox import enqueue_outbound
from people.viewer import Viewer, system_viewer
from tickets.events import SLA_STEP_TAKEN, SLA_WARNED
from tickets.models import SLAPolicy, SLAStep, SLAStepRun, Status, Ticket
from tickets.responsible import active, assignee_or_team, leads, members
from tickets.services.assign_ticket import WORKING_ROLES, give_to
from tickets.services.change_priority import set_priority
from tickets.services.mark_sla_breaches import stamp_breaches
from tickets.sla_terms import DueStep, clock_of, due_steps, policy_of, promise_of, status_changes_of
from tickets.ticket_rows import lock_ticket, save_ticket

WEBHOOK_KIND = "tickets.sla_webhook"
BATCH = 200
# Steps that change the ticket: once while a promise runs, however often its deadline moves.
CHANGING = frozenset({SLAStep.Action.RAISE, SLAStep.Action.REASSIGN, SLAStep.Action.RETURN})
MOST_AT_ONCE = 20


@dataclass(frozen=True)
class _Look:
    """What one look at a ticket found: its steps by their moment, those taken before among them."""

    steps: list[DueStep]
    runs: list[SLAStepRun]

    def ripe(self, moment: datetime) -> DueStep | None:
        """The first step that is due and has not been taken."""
        return next((due for due in self.steps if due.at <= moment and not self._settled(due)), None)

    def next_at(self, moment: datetime) -> datetime | None:
        """When the next step will be due."""
        return min((due.at for due in self.steps if due.at > moment), default=None)

    def _settled(self, due: DueStep) -> bool:
        """Whether a step has been taken, or lies before the step was thought of."""
        return due.at < due.step.created_at or any(_covers(run, due) for run in self.runs)


def _covers(run: SLAStepRun, due: DueStep) -> bool:
    if run.step_id != due.step.pk or run.promise != due.promise:
        return False
    if run.due_at == due.due_at:
        return True
    # The deadline has moved while the promise ran: what was warned of at this moment, or changed at all, is not again.
    return run.episode_at == due.episode_at and (due.step.action in CHANGING or run.ran_at >= due.at)


def take_sla_steps(*, now: datetime | None = None) -> int:
    """Take every step that is due, each once per deadline; returns how many were taken."""
    moment = now or timezone.now()
    waiting = Ticket.objects.filter(sla_step_at__lte=moment, status_category__in=Status.ACTIVE)
    ids = list(waiting.order_by("sla_step_at").values_list("pk", flat=True)[:BATCH])
    by = system_viewer("task")
    return sum(_take(ticket_id, moment, by) for ticket_id in ids)


@transaction.atomic
def _take(ticket_id: int, moment: datetime, by: Viewer) -> int:
    ticket = lock_ticket(ticket_id)
    policy = policy_of(ticket)
    taken = 0
    look = _look(ticket, policy)
    while taken < MOST_AT_ONCE and (due := look.ripe(moment)) is not None:
        if taken == 0:
            stamp_breaches(ticket, moment)
        _act(ticket, due, moment, by)
        taken += 1
        look = _look(ticket, policy)
    ticket.sla_step_at = look.next_at(moment)
    if taken:
        save_ticket(ticket)
    else:
        Ticket.objects.filter(pk=ticket.pk).update(sla_step_at=ticket.sla_step_at)
    return taken


def _look(ticket: Ticket, policy: SLAPolicy | None) -> _Look:
    promise = promise_of(policy, ticket.priority)
    clock = clock_of(ticket, promise, status_changes_of([ticket.pk])[ticket.pk])
    if policy is None or promise is None or clock is None:
        return _Look([], [])
    steps = sorted(due_steps(ticket, policy, promise, clock), key=lambda due: (due.at, due.step.position))
    return _Look(steps, list(SLAStepRun.objects.filter(ticket=ticket)))


def _act(ticket: Ticket, due: DueStep, moment: datetime, by: Viewer) -> None:
    """Take one step of a locked ticket and note that it was taken."""
    step = due.step
    run = SLAStepRun.objects.create(
        step=step, ticket=ticket, promise=due.promise, due_at=due.due_at, episode_at=due.episode_at, ran_at=moment
    )  # fmt: skip
    overdue = moment >= due.due_at
    if overdue and step.timing != SLAStep.Timing.AFTER:
        # The look came too late: the breach says more than a warning of it.
        run.outcome = _("the deadline had passed before")
    elif step.action == SLAStep.Action.WARN:
        run.outcome = _warn(ticket, due, overdue, by)
    else:
        run.outcome = _change(ticket, due, run, by)
    run.save(update_fields=["outcome"])


def _warn(ticket: Ticket, due: DueStep, overdue: bool, by: Viewer) -> str:
    to = _recipients(ticket, due.step)
    SLA_WARNED.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={
            "promise": due.promise,
            "due_at": due.due_at,
            "step": due.step.pk,
            "to": to,
            "overdue": overdue,
        },
    )
    return _("told %d people") % len(to)


def _recipients(ticket: Ticket, step: SLAStep) -> list[int]:
    match step.recipient:
        case SLAStep.Recipient.TEAM:
            return members(ticket.team_id)
        case SLAStep.Recipient.LEAD:
            return leads(ticket.team_id)
        case SLAStep.Recipient.PERSON:
            return active([step.person_id] if step.person_id else [])
    return assignee_or_team(ticket)


def _change(ticket: Ticket, due: DueStep, run: SLAStepRun, by: Viewer) -> str:
    """Take a step that changes something; returns what came of it."""
    event = SLA_STEP_TAKEN.record(
        by=by,
        subject_id=ticket.pk,
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
        detail={
            "promise": due.promise,
            "due_at": due.due_at,
            "step": due.step.pk,
            "action": due.step.action,
        },
    )
    match due.step.action:
        case SLAStep.Action.RAISE:
            return _raise(ticket, by, event)
        case SLAStep.Action.REASSIGN:
            return _reassign(ticket, due.step, by, event)
        case SLAStep.Action.RETURN:
            if ticket.assignee_id is None:
                return _("nobody had it")
            give_to(ticket, None, by=by, reason="", automatic=True, cause=event)
            return _("returned to the team")
    enqueue_outbound(
        kind=WEBHOOK_KIND,
        idempotency_key=f"sla-step:{run.pk}",
        payload={"run": run.pk},
        ticket_id=ticket.pk,
        account_id=ticket.account_id,
    )
    return _("on its way")


def _raise(ticket: Ticket, by: Viewer, event: Event) -> str:
    levels = list(Ticket.Priority.values)
    place = levels.index(ticket.priority)
    if place == len(levels) - 1:
        return _("was the highest already")
    set_priority(ticket, levels[place + 1], by=by, cause=event)
    return _("raised to %s") % Ticket.Priority(ticket.priority).label


def _reassign(ticket: Ticket, step: SLAStep, by: Viewer, event: Event) -> str:
    person = step.person
    if person is None or not person.is_active or person.role not in WORKING_ROLES:
        return _("nobody who can answer tickets was named")
    if ticket.assignee_id == person.pk:
        return _("had it already")
    give_to(ticket, person, by=by, reason=_("By a step of the SLA policy"), automatic=True, cause=event)
    return _("given to %s") % person

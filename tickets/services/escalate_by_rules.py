"""Escalate tickets by the rules that people have written.

A rule escalates a ticket once: not again while its escalation lasts, nor after a person has taken it back. When the
ticket was resolved and comes back, it may. Rules only raise: of those that hold, the highest level wins, then the order.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from core.events import MAX_DEPTH
from core.models import Event
from people.viewer import Viewer, system_viewer
from tickets.condition_fields import ConditionFields
from tickets.conditions import as_q, clauses, depends_on_time, holds, load_people
from tickets.models import Escalation, EscalationRule, Status, Ticket
from tickets.services.escalate_ticket import Owner, end_escalation, open_escalation
from tickets.ticket_rows import lock_ticket, save_ticket

BATCH = 200
# An escalation that follows from a chain of automatic acts longer than this starts no further ones.
DEEPEST_CAUSE = MAX_DEPTH - 2


def active_rules() -> list[EscalationRule]:
    """Return the rules that are on, the highest level first, then by their order."""
    rules = EscalationRule.objects.filter(is_active=True).select_related("owner", "owner_team")
    return sorted(rules, key=lambda rule: (-rule.level, rule.position, rule.pk))


def escalate_by_events(events: Sequence[Event]) -> int:
    """Look at the tickets of events under all rules; returns how many were escalated. Events deep in a chain start nothing."""
    causes = {
        event.ticket_id: event
        for event in events
        if event.ticket_id is not None and event.depth < DEEPEST_CAUSE
    }
    rules = active_rules()
    if not rules or not causes:
        return 0
    tickets = _loaded(Ticket.objects.active().filter(pk__in=list(causes)))
    return escalate_those(tickets, rules, causes=causes)


def escalate_by_time(*, now: datetime | None = None) -> int:
    """Look at the rules whose answer changes as time passes; returns how many tickets were escalated."""
    moment = now or timezone.now()
    rules = active_rules()
    found = 0
    for rule in rules:
        if depends_on_time(rule.condition):
            tickets = _loaded(candidates(rule, moment).order_by("pk")[:BATCH])
            found += escalate_those(tickets, rules, now=moment)
    return found


def escalate_those(
    tickets: Iterable[Ticket],
    rules: Sequence[EscalationRule],
    *,
    now: datetime | None = None,
    causes: dict[int, Event] | None = None,
) -> int:
    """Escalate those of the loaded tickets for which a rule holds, each in a transaction of its own: call it outside of one."""
    moment, fields, by = now or timezone.now(), ConditionFields(), system_viewer("task")
    loaded = sorted(tickets, key=lambda ticket: ticket.pk)
    load_people(loaded, {clause["field"] for rule in rules for clause in clauses(rule.condition)})
    spent = _spent(loaded)
    found = 0
    for ticket in loaded:
        rule = _first_rule(ticket, rules, spent.get(ticket.pk, set()), moment, fields)
        if rule is not None:
            found += _escalate(ticket.pk, rule, moment, by, (causes or {}).get(ticket.pk))
    return found


def matching(rule: EscalationRule, moment: datetime) -> QuerySet[Ticket]:
    """Return the living tickets for which a rule holds now, whatever their level; the rule need not be saved."""
    found = Ticket.objects.active().filter(as_q(rule.condition, me=None, now=moment))
    if rule.repeat_count:
        since = moment - timedelta(days=rule.repeat_days)
        again = (
            Ticket.objects.filter(created_at__gte=since)
            .order_by()
            .values("contact")
            .annotate(tickets=Count("pk"))
            .filter(tickets__gte=rule.repeat_count)
            .values("contact")
        )
        found = found.filter(contact__in=again)
    return found


def candidates(rule: EscalationRule, moment: datetime) -> QuerySet[Ticket]:
    """Return the tickets that a rule would escalate now."""
    used = Escalation.objects.filter(rule=rule).filter(_USED).values("ticket")
    return matching(rule, moment).filter(escalation_level__lt=rule.level).exclude(pk__in=used)


def end_with_tickets(ticket_ids: Collection[int], *, causes: dict[int, Event]) -> None:
    """End the escalations of tickets that are over."""
    over = Ticket.objects.filter(pk__in=ticket_ids, escalation_level__gt=0).exclude(
        status_category__in=Status.ACTIVE
    )
    for ticket_id in list(over.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            ticket = lock_ticket(ticket_id)
            if ticket.status.category in Status.ACTIVE:
                continue
            cause = causes.get(ticket_id)
            if end_escalation(
                ticket,
                kind=Escalation.End.RESOLVED,
                by=system_viewer("task"),
                cause=cause if cause is not None and cause.depth < MAX_DEPTH else None,
            ):
                save_ticket(ticket)


# What keeps a rule from being used on a ticket again: it lasts, it went further, or a person took it back.
_USED = ~Q(end_kind=Escalation.End.RESOLVED)


def _spent(tickets: Sequence[Ticket]) -> dict[int, set[int]]:
    """The rules that have done their part, by ticket: one query."""
    found: dict[int, set[int]] = {}
    rows = Escalation.objects.filter(_USED, ticket__in=tickets, rule__isnull=False)
    for ticket_id, rule_id in rows.values_list("ticket_id", "rule_id"):
        found.setdefault(ticket_id, set()).add(rule_id)
    return found


def _loaded(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    return tickets.select_related("status", "account", "contact").prefetch_related(
        "ticket_tags__tag", "field_values"
    )


def _first_rule(
    ticket: Ticket,
    rules: Sequence[EscalationRule],
    spent: set[int],
    moment: datetime,
    fields: ConditionFields,
) -> EscalationRule | None:
    return next(
        (
            rule
            for rule in rules
            if rule.level > ticket.escalation_level
            and rule.pk not in spent
            and holds(rule.condition, ticket, me=None, now=moment, fields=fields)
            and _repeats(rule, ticket, moment)
        ),
        None,
    )


def _repeats(rule: EscalationRule, ticket: Ticket, moment: datetime) -> bool:
    """Whether the contact has opened as many tickets as the rule asks for; no query for rules that do not ask."""
    if not rule.repeat_count:
        return True
    since = moment - timedelta(days=rule.repeat_days)
    recent = Ticket.objects.filter(contact_id=ticket.contact_id, created_at__gte=since)
    return recent.count() >= rule.repeat_count


@transaction.atomic
def _escalate(
    ticket_id: int, rule: EscalationRule, moment: datetime, by: Viewer, cause: Event | None
) -> bool:
    """Escalate one ticket if the rule still holds for it under its lock."""
    ticket = lock_ticket(ticket_id)
    if ticket.status.category not in Status.ACTIVE or ticket.escalation_level >= rule.level:
        return False
    if not holds(rule.condition, ticket, me=None, now=moment):
        return False
    open_escalation(
        ticket,
        level=rule.level,
        reason=rule.name,
        by=by,
        owner=_owner(rule, ticket),
        rule=rule,
        notify=rule.notify,
        cause=cause,
    )
    save_ticket(ticket)
    return True


def _owner(rule: EscalationRule, ticket: Ticket) -> Owner:
    match rule.owner_kind:
        case EscalationRule.Owner.PERSON:
            return Owner(user=rule.owner)
        case EscalationRule.Owner.TEAM:
            return Owner(team=rule.owner_team)
        case EscalationRule.Owner.ASSIGNEE:
            return Owner(user=ticket.assignee)
    return Owner()

"""Merge a ticket into another one, and take a merge back. A merge is a pointer: no row moves."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import MERGE_RECEIVED, MERGE_RELEASED, MERGED, UNMERGED
from tickets.families import merge_target
from tickets.models import Status, Ticket, TicketLink, TicketMerge
from tickets.services.apply_sla import set_deadlines
from tickets.services.change_status import move_to
from tickets.services.recount_messages import recount_messages
from tickets.ticket_rows import lock_both, lock_ticket, save_ticket

_MOMENTS = ("resolved_at", "closed_at", "snoozed_until")


@transaction.atomic
def merge_tickets(
    *, ticket: Ticket, into: Ticket, by: Viewer, confirm_different_requesters: bool = False
) -> TicketMerge:
    """Let ``into`` go on with what ``ticket`` is about; when it was itself merged, the end of that chain does.

    ``ticket`` is closed and points to the other one, whose conversation shows both from now on; its requester and its
    copies get copies of the answers. What the customer writes to ``ticket`` arrives in ``into``. Raises ValidationError
    naming ``into`` for the ticket itself, a closed one, one of another customer or of another private team; naming
    ``confirm_different_requesters``, unless that is given, for requesters whom no account joins: they get to see each other's
    answers.
    """
    by.require("tickets.edit")
    source, target = _lock_for_merge(ticket, into, by)
    _refuse(source, target)
    if not confirm_different_requesters and are_strangers(source, target):
        sentence = _(
            "%(one)s and %(other)s belong to no common customer: each would get the other's answers. Confirm this first."
        )
        people = {"one": _named(source), "other": _named(target)}
        raise ValidationError({"confirm_different_requesters": sentence % people})
    now = timezone.now()
    merge = TicketMerge.objects.create(
        source=source, target=target, before=_columns(source), merged_by_id=by.user_id, merged_at=now
    )
    if source.status_id != "closed":
        move_to(source, Status.objects.get(pk="closed"), by=by, reason="merged", at=now)
    source.merged_into = target
    source.snoozed_until, source.snoozed_by = None, None
    event = MERGED.record(
        by=by,
        subject_id=source.pk,
        ticket_id=source.pk,
        account_id=source.account_id,
        detail={"into": target.pk, "number": target.number},
        occurred_at=now,
    )
    save_ticket(source, now=now)
    target.merged_count += 1
    recount_messages(target)
    set_deadlines(target)
    MERGE_RECEIVED.record(
        by=by,
        subject_id=target.pk,
        ticket_id=target.pk,
        account_id=target.account_id,
        detail={"from": source.pk, "number": source.number},
        occurred_at=now,
        cause=event,
    )
    save_ticket(target, now=now)
    return merge


@transaction.atomic
def unmerge_ticket(*, ticket: Ticket, by: Viewer) -> Ticket:
    """Take the merge of ``ticket`` back: it has its status and its conversation again.

    What was written after the merge stays in the other ticket. When that was merged itself, the end of the chain is counted
    anew, too. Raises ValidationError for a ticket that is not merged.
    """
    by.require("tickets.edit")
    if not Ticket.objects.visible_to(by).filter(pk=ticket.pk).exists():
        raise Ticket.DoesNotExist
    merge = TicketMerge.objects.filter(source=ticket.pk, undone_at=None).first()
    if merge is None:
        raise ValidationError({"ticket": _("This ticket is not merged.")})
    if not Ticket.objects.visible_to(by).filter(pk=merge.target_id).exists():
        raise ValidationError({"ticket": _("It was merged into a ticket that you do not see.")})
    source, target, end = _lock_for_unmerge(merge, by)
    merge = TicketMerge.objects.filter(pk=merge.pk, undone_at=None).first()
    if merge is None:
        raise ValidationError({"ticket": _("This ticket is not merged.")})
    now = timezone.now()
    merge.undone_at = now
    merge.save(update_fields=["undone_at"])
    source.merged_into = None
    _restore(source, merge.before, by, now)
    recount_messages(source)
    event = UNMERGED.record(
        by=by,
        subject_id=source.pk,
        ticket_id=source.pk,
        account_id=source.account_id,
        detail={"from": target.pk, "number": target.number},
        occurred_at=now,
    )
    save_ticket(source, now=now)
    target.merged_count -= 1
    for released in dict.fromkeys((target, end)):
        recount_messages(released)
        set_deadlines(released)
        MERGE_RELEASED.record(
            by=by,
            subject_id=released.pk,
            ticket_id=released.pk,
            account_id=released.account_id,
            detail={"from": source.pk, "number": source.number},
            occurred_at=now,
            cause=event,
        )
        save_ticket(released, now=now)
    return source


def are_strangers(one: Ticket, other: Ticket) -> bool:
    """Whether the requesters are different people whom no account joins. Tickets that one was split off from the other are
    one conversation that was."""
    if (one.contact.merged_into_id or one.contact_id) == (other.contact.merged_into_id or other.contact_id):
        return False
    if one.account_id is not None and one.account_id == other.account_id:
        return False
    split = TicketLink.objects.filter(kind=TicketLink.Kind.SPLIT)
    return not split.filter(
        Q(from_ticket=one, to_ticket=other) | Q(from_ticket=other, to_ticket=one)
    ).exists()


def _named(ticket: Ticket) -> str:
    """The requester by name and address: two strangers may share the name."""
    contact = ticket.contact
    return f"{contact} <{contact.email}>" if contact.email and contact.name else str(contact)


def private_team_of(ticket: Ticket) -> int | None:
    """The private team that keeps a ticket to itself, None for a ticket that everybody may see."""
    return ticket.team_id if ticket.team is not None and ticket.team.is_private else None


def _lock_for_merge(ticket: Ticket, into: Ticket, by: Viewer) -> tuple[Ticket, Ticket]:
    """Lock both ends. Two tickets that are locked and not merged can be joined without ever closing a circle."""
    while True:
        end = merge_target(Ticket.objects.select_related("merged_into").get(pk=into.pk))
        if end.pk == ticket.pk:
            lock_ticket(ticket.pk, by)
            raise ValidationError({"into": _("Choose another ticket: this would merge it into itself.")})
        if end.pk != into.pk and not Ticket.objects.visible_to(by).filter(pk=end.pk).exists():
            raise ValidationError(
                {"into": _("#%d was merged into a ticket that you do not see.") % into.number}
            )
        source, target = lock_both(ticket.pk, end.pk, by, merged_too=True)
        if source.merged_into_id is not None:
            raise ValidationError({"into": _("#%d was merged before.") % source.number})
        if target.merged_into_id is None:
            return source, target


def _lock_for_unmerge(merge: TicketMerge, by: Viewer) -> tuple[Ticket, Ticket, Ticket]:
    """Lock the two ends of a merge and the ticket in which both go on at present, which is the target unless that was merged
    itself."""
    while True:
        end = merge_target(Ticket.objects.select_related("merged_into").get(pk=merge.target_id))
        seen_by = {merge.source_id: by, merge.target_id: by}
        locked = {pk: lock_ticket(pk, seen_by.get(pk), merged_too=True) for pk in sorted({*seen_by, end.pk})}
        # Somebody may have merged the end, or taken a merge of the chain back, while this waited for the locks.
        if merge_target(locked[merge.target_id]).pk == end.pk:
            return locked[merge.source_id], locked[merge.target_id], locked[end.pk]


def _refuse(source: Ticket, target: Ticket) -> None:
    """Raise ValidationError for tickets whose conversations must not become one."""
    if target.status_category == Status.Category.CLOSED:
        sentence = _("#%d is closed. Merge it into the open ticket instead.")
        raise ValidationError({"into": sentence % target.number})
    if private_team_of(source) != private_team_of(target):
        raise ValidationError({"into": _("A ticket of a private team stays with its team.")})
    accounts = {source.account_id, target.account_id} - {None}
    if len(accounts) > 1:
        raise ValidationError({"into": _("The two tickets belong to different customers.")})


def _columns(ticket: Ticket) -> dict[str, Any]:
    """What a merge overwrites and taking it back restores; moments in ISO 8601."""
    moments = {name: getattr(ticket, name) for name in _MOMENTS}
    return {
        "status": ticket.status_id,
        "unread": ticket.unread,
        "reopen_count": ticket.reopen_count,
        "snoozed_by": ticket.snoozed_by_id,
        **{name: None if moment is None else moment.isoformat() for name, moment in moments.items()},
    }


def _restore(ticket: Ticket, before: dict[str, Any], by: Viewer, now: datetime) -> None:
    status = Status.objects.filter(pk=before["status"]).first() or Status.objects.get(pk="open")
    if status.pk != ticket.status_id:
        move_to(ticket, status, by=by, reason="unmerged", at=now)
    for name in _MOMENTS:
        setattr(ticket, name, None if before[name] is None else datetime.fromisoformat(before[name]))
    ticket.snoozed_by_id = before["snoozed_by"]
    ticket.unread = before["unread"]
    ticket.reopen_count = before["reopen_count"]

"""What an agent does with a call: take it, write down what came of it, put it to a ticket or open one."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.identities import Identity
from customers.phone_numbers import shown_number
from people.viewer import Viewer
from tickets.calls import talk_time
from tickets.events import CALL_LINKED, CALL_NOTED, CALL_TAKEN
from tickets.incoming import IncomingMessage
from tickets.message_text import storable
from tickets.models import Call, Ticket
from tickets.services.add_note import add_note
from tickets.services.receive_message import receive_message
from tickets.services.take_call import call_facts, show_call

LONGEST_NOTE = 10_000


@transaction.atomic
def claim_call(*, call: Call, by: Viewer) -> Call:
    """Say that oneself is on the phone, where the system does not tell. Raises ValidationError when somebody else is."""
    by.require("tickets.note")
    locked = lock_call(call.pk, by)
    if locked.agent_id is not None and locked.agent_id != by.user_id:
        raise ValidationError(_("%s has taken this call.") % locked.agent)
    if locked.agent_id is None and by.user_id is not None:
        locked.agent_id = by.user_id
        locked.rung = sorted({*locked.rung, by.user_id})
        locked.save(update_fields=["agent", "rung"])
        CALL_TAKEN.record(by=by, subject_id=locked.pk, account_id=_account(locked), detail=call_facts(locked))
        show_call(locked, people=locked.rung, by=by)
    return locked


@transaction.atomic
def write_up_call(
    *,
    call: Call,
    by: Viewer,
    note: str = "",
    outcome: str = "",
    ticket: Ticket | None = None,
    opens: bool = False,
) -> Call:
    """Note what came of a call, and take it from the screen once it is over.

    With ``ticket`` the call is put to it; with ``opens`` to a new one of the caller, where it is in none yet. There the note is a
    private note, too. Raises ValidationError naming the field, PermissionDenied.
    """
    by.require("tickets.note")
    locked = lock_call(call.pk, by)
    text = storable(note).strip()
    if len(text) > LONGEST_NOTE:
        raise ValidationError({"note": _("At most %d characters.") % LONGEST_NOTE})
    if outcome not in Call.Outcome.values:
        raise ValidationError(
            {"outcome": _("Choose one of: %s.") % ", ".join(filter(None, Call.Outcome.values))}
        )
    is_new = text != locked.note
    locked.note, locked.outcome = text, outcome
    if locked.agent_id is None and by.user_id is not None:
        locked.agent_id = by.user_id
    if locked.is_over:
        locked.wrapped_at = locked.wrapped_at or timezone.now()
    put = _ticket_for(locked, ticket, opens, by)
    if put is not None and put.pk != locked.ticket_id:
        locked.ticket = put
        link_call(locked, by)
        is_new = bool(text)
    locked.save()
    # One's own call may belong to a ticket that has gone to a private team: the note then stays with the call.
    if locked.ticket is not None and text and is_new and _is_seen(locked.ticket, by):
        add_note(ticket=locked.ticket, body=f"{words_of_call(locked)}\n\n{text}", by=by)
    CALL_NOTED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.ticket_id,
        account_id=_account(locked),
        detail=call_facts(locked) | {"outcome": outcome},
    )
    show_call(locked, people={*locked.rung, *([locked.agent_id] if locked.agent_id else [])}, by=by)
    return locked


def link_call(call: Call, by: Viewer) -> None:
    """Record that a call belongs to its ticket; in the caller's transaction."""
    CALL_LINKED.record(
        by=by,
        subject_id=call.pk,
        ticket_id=call.ticket_id,
        account_id=None if call.ticket is None else call.ticket.account_id,
        detail=call_facts(call),
    )


def lock_call(call_id: int, by: Viewer) -> Call:
    """Return a call that the viewer may see, locked. Raises Call.DoesNotExist."""
    Call.objects.visible_to(by).only("pk").get(pk=call_id)
    rows = Call.objects.select_for_update(of=("self",))
    return rows.select_related("contact__account", "ticket", "agent", "inbox").get(pk=call_id)


def words_of_call(call: Call) -> str:
    """Return a call in one line: whom with, how long, what came of it."""
    who = str(call.contact or call.caller_name or shown_number(call.number) or _("a withheld number"))
    first = _("Call from %s") if call.direction == Call.Direction.INBOUND else _("Call to %s")
    parts = [
        first % who,
        talk_time(call.duration_seconds),
        call.get_outcome_display() if call.outcome else "",
    ]
    return " · ".join(part for part in parts if part)


def _is_seen(ticket: Ticket, by: Viewer) -> bool:
    return Ticket.objects.visible_to(by).filter(pk=ticket.pk).exists()


def _ticket_for(call: Call, ticket: Ticket | None, opens: bool, by: Viewer) -> Ticket | None:
    if ticket is not None:
        if not _is_seen(ticket, by):
            raise ValidationError({"ticket": _("There is no such ticket.")})
        return ticket
    return _open(call, by) if opens and call.ticket is None else None


def _open(call: Call, by: Viewer) -> Ticket:
    """A ticket of the caller; who withheld the number is nobody whom a ticket could belong to."""
    by.require("tickets.create")
    address = call.contact.email if call.contact is not None else ""
    if not call.number and not address:
        raise ValidationError({"ticket": _("The number was withheld: open a ticket by hand.")})
    if call.number.startswith("+"):
        sender = Identity("phone", call.number)
    else:
        sender = Identity.email(address) if address else Identity("handle", f"phone:{call.number}")
    incoming = IncomingMessage(
        channel="phone",
        sender=sender,
        sender_name=call.caller_name,
        subject=words_of_call(call),
        text=words_of_call(call),
        external_id=f"call:{call.pk}",
        occurred_at=call.started_at,
    )
    return receive_message(incoming=incoming, inbox=call.inbox, by=by).ticket


def _account(call: Call) -> int | None:
    return None if call.contact is None else call.contact.account_id

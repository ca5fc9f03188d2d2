"""Write down a call that no telephone system has told of."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Contact, ContactIdentity
from customers.phone_numbers import e164
from people.viewer import Viewer
from tickets.events import CALL_LOGGED
from tickets.models import Call, Ticket
from tickets.services.take_call import call_facts
from tickets.services.write_up_call import write_up_call

LONGEST_SECONDS = 24 * 3600


@transaction.atomic
def log_call(
    *,
    direction: str,
    by: Viewer,
    number: str = "",
    contact: Contact | None = None,
    ticket: Ticket | None = None,
    started_at: datetime | None = None,
    duration_seconds: int | None = None,
    note: str = "",
    outcome: str = "",
) -> Call:
    """Keep the call, and with ``ticket`` a private note there. One of number, contact and ticket says whom it was with.

    Raises ValidationError naming the field, PermissionDenied.
    """
    by.require("tickets.note")
    now = timezone.now()
    moment = started_at or now
    stored = e164(number) if number.strip() else ""
    refused: Mapping[str, Any] = {
        "direction": direction not in Call.Direction.values and _("Choose inbound or outbound."),
        "number": bool(number.strip())
        and not stored
        and _("This is no telephone number. Begin it with + and the country code."),
        "started_at": moment > now + timedelta(minutes=1) and _("This is in the future."),
        "duration_seconds": duration_seconds is not None
        and not 0 <= duration_seconds <= LONGEST_SECONDS
        and _("A call lasts a day at most."),
    }
    errors = {name: sentence for name, sentence in refused.items() if sentence}
    person = contact or (None if ticket is None else ticket.contact) or _who_has(stored)
    if not errors and person is None and not stored:
        errors = {"number": _("Enter a number, or choose a person or a ticket.")}
    if errors:
        raise ValidationError(errors)
    call = Call.objects.create(
        direction=direction,
        state=Call.State.ENDED,
        number=stored or _number_of(person),
        contact=person,
        agent_id=by.user_id,
        started_at=moment,
        answered_at=moment,
        ended_at=moment + timedelta(seconds=duration_seconds or 0),
        duration_seconds=duration_seconds,
    )
    CALL_LOGGED.record(
        by=by,
        subject_id=call.pk,
        account_id=None if person is None else person.account_id,
        detail=call_facts(call),
        occurred_at=moment,
    )
    return write_up_call(call=call, note=note, outcome=outcome, ticket=ticket, by=by)


def _who_has(number: str) -> Contact | None:
    if not number:
        return None
    found = ContactIdentity.objects.filter(kind="phone", value=number).select_related("contact").first()
    return None if found is None else found.contact


def _number_of(contact: Contact | None) -> str:
    """The only number of a person; of several nobody knows which it was."""
    if contact is None:
        return ""
    numbers = [one.value for one in contact.identities.all() if one.kind == "phone"]
    return numbers[0] if len(numbers) == 1 else ""

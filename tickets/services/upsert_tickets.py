"""Open and change many tickets at once, found by the id that another system gave the message which opened them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from customers.upserts import Upserted, refuse_repeated
from people.viewer import Viewer
from tickets.families import merge_target
from tickets.message_text import storable
from tickets.models import Message, Ticket
from tickets.selectors import visible_tickets
from tickets.services.change_status import change_status
from tickets.services.change_ticket import CHANGEABLE, change_ticket
from tickets.services.open_ticket import KNOWN, open_ticket
from tickets.services.receive_message import known_message

MOST_TICKETS = 100
CHANNEL = "api"


def upsert_tickets(*, rows: Sequence[Mapping[str, Any]], by: Viewer) -> list[Upserted]:
    """Write each row and return what became of it, in their order.

    A row has an ``external_id``, ``channel`` (CHANNEL when absent), and of ``subject``, ``body``, ``contact`` (email, name),
    ``inbox``, ``cc`` and CHANGEABLE what it knows. An id that the channel has not sent before opens a ticket, as ``open_ticket``
    does; of a known one, or of the ticket that it was merged into, what is named in CHANGEABLE changes, and what opens a ticket
    is left alone. Each row is a transaction of its own: one that is refused holds no other up, and nobody who opens a ticket
    waits for the whole batch. Raises ValidationError for more than MOST_TICKETS.
    """
    by.require("tickets.create")
    if len(rows) > MOST_TICKETS:
        raise ValidationError({"items": _("At most %d at a time.") % MOST_TICKETS})
    told = [{"channel": CHANNEL, **row} for row in rows]
    refused = refuse_repeated(told, names=("channel", "external_id"))
    done = []
    for index, row in enumerate(told):
        external_id = str(row["external_id"])
        if index in refused:
            done.append(Upserted.refusal(index, external_id, refused[index]))
            continue
        try:
            with transaction.atomic():
                ticket, changed = _upsert(row, by)
            done.append(Upserted.of(index, external_id, ticket.pk, changed))
        except ValidationError as error:
            done.append(Upserted.refusal(index, external_id, _named(error)))
        except PermissionDenied as error:
            done.append(Upserted.refusal(index, external_id, {"non_field_errors": [str(error)]}))
        except Ticket.DoesNotExist:
            # Somebody has moved it out of sight, or deleted it, since it was looked up.
            gone = _("Its ticket is not there any more for you.")
            done.append(Upserted.refusal(index, external_id, {"external_id": [gone]}))
    return done


def _upsert(row: Mapping[str, Any], by: Viewer) -> tuple[Ticket, Mapping[str, Any] | None]:
    """The ticket, and what has changed on it (None: it is new)."""
    known = known_message(row["channel"], storable(str(row["external_id"]))[:255])
    if known is not None:
        return _change(known, row, by)
    contact = row.get("contact") or {}
    received = open_ticket(
        subject=row.get("subject", ""),
        body=row.get("body", ""),
        contact_email=contact.get("email", ""),
        contact_name=contact.get("name", ""),
        channel=row["channel"],
        external_id=str(row["external_id"]),
        inbox=row.get("inbox"),
        known={name: row[name] for name in KNOWN if name in row},
        by=by,
    )
    if received.outcome == "duplicate":
        # Another batch was faster.
        return _change(received.message, row, by)
    if "status" in row and row["status"] != received.ticket.status_id:
        change_status(ticket=received.ticket, status=row["status"], by=by)
    return received.ticket, None


def _change(message: Message, row: Mapping[str, Any], by: Viewer) -> tuple[Ticket, Mapping[str, Any]]:
    ticket = visible_tickets(by).filter(pk=merge_target(message.ticket).pk).first()
    if ticket is None:
        raise ValidationError({"external_id": _("There is one already that you may not see.")})
    wanted = {name: row[name] for name in CHANGEABLE if name in row}
    # Where the row says nothing new, what people have done about the routing since stays.
    if all(getattr(ticket, name) == row[name] for name in ("team", "category") if name in row):
        wanted = {name: value for name, value in wanted.items() if name not in {"team", "category"}}
    change_ticket(ticket=ticket, wanted=wanted, by=by)
    after = Ticket.objects.only("version").get(pk=ticket.pk).version
    return ticket, {} if after == ticket.version else {"version": [ticket.version, after]}


def _named(error: ValidationError) -> Mapping[str, Any]:
    return error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}

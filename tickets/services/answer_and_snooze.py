"""Answer the customer and put the ticket aside, as one act."""

from datetime import datetime
from typing import Any

from django.db import transaction

from people.viewer import Viewer
from tickets.models import Message, Ticket
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.snooze_ticket import snooze_ticket
from tickets.services.undo_answer import undone_together


@transaction.atomic
def answer_and_snooze(*, ticket: Ticket, until: datetime, by: Viewer, **answer: Any) -> Message:
    """Write an answer and snooze the ticket until ``until``: both or neither, and undo takes both back.

    ``answer`` are the other arguments of ``reply_to_ticket``. Raises what that and ``snooze_ticket`` raise.
    """
    by.require("tickets.edit")
    message = reply_to_ticket(ticket=ticket, by=by, **answer)
    with undone_together(message, ticket):
        snooze_ticket(ticket=ticket, until=until, by=by)
    return message

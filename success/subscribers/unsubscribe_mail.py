"""Heeds mails to the unsubscribe address: mail programs send one when a person presses their unsubscribe button."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from success.services.withdraw_consent import token_in_subject, withdraw_by_token
from tickets.models import Ticket


class UnsubscribeMail(Subscriber):
    """Withdraws consent when a new ticket's subject is "unsubscribe TOKEN" with a token that we signed.

    Not replayable: an old no must not undo what the contact has agreed to since.
    """

    key = "success.unsubscribe_mail"
    label = _("Unsubscribe by mail")
    verbs = frozenset({"tickets.created"})
    replayable = False

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        """Read the subjects; everything else is left to the people who answer tickets."""
        ids = [event.ticket_id for event in events if event.ticket_id is not None]
        subjects = Ticket.objects.filter(pk__in=ids, subject__istartswith="unsubscribe").values_list(
            "subject", flat=True
        )
        for subject in subjects:
            if token := token_in_subject(subject):
                withdraw_by_token(token=token, source="unsubscribe mail")

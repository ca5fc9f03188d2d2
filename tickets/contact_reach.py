"""When people were last heard: their messages on tickets."""

from collections.abc import Collection, Mapping
from datetime import datetime

from django.db.models import Max

from customers.registry import ContactReach
from tickets.models import Message


class TicketReach(ContactReach):
    """Inbound messages that a person wrote."""

    key = "tickets"

    def last_heard(self, contact_ids: Collection[int]) -> Mapping[int, datetime]:
        """Return the last message of each, one query."""
        said = Message.objects.filter(contact__in=contact_ids, kind=Message.Kind.INBOUND, is_automatic=False)
        rows = said.values("contact").annotate(at=Max("created_at")).order_by().values_list("contact", "at")
        return {pk: at for pk, at in rows if pk is not None}

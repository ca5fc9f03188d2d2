"""Let search know what the people and customers of tickets are called now.

The newest tickets are indexed at once, so that what one works on is found by the new name the moment it holds; the rest of a
large customer by a job, ``tickets.index_names``, which a rename begins anew.
"""

from typing import Literal

from django.db import transaction
from django.db.models import QuerySet

from core.actors import Actor
from core.job_runner import start_job
from core.search.documents import forget
from customers.models import Contact
from customers.services.export_contact import person_ids
from tickets.models import Ticket
from tickets.search_index import TICKET, index_tickets

INDEX_KIND = "tickets.index_names"
AT_ONCE = 200

Named = Literal["contact", "account", "erased"]


@transaction.atomic
def index_names(*, of: Named, number: int, because: str, by: Actor) -> int:
    """Index the newest tickets of a contact, a customer or an erased person; a job of the key ``because`` does the rest.

    Returns how many were indexed at once. A repetition does no harm.
    """
    ids = index_newest(of, number, most=AT_ONCE)
    if len(ids) == AT_ONCE:
        start_job(
            kind=INDEX_KIND,
            key=f"{of}:{number}:{because}"[:120],
            by=by,
            params={"of": of, "id": number, "below": ids[-1]},
        )
    return len(ids)


def tickets_named(of: str, number: int) -> QuerySet[Ticket]:
    """Return the tickets whose documents hold the name; of an erased person those of all its merged contacts."""
    if of == "account":
        return Ticket.objects.filter(account_id=number)
    if of == "contact":
        return Ticket.objects.filter(contact_id=number)
    contact = Contact.objects.filter(pk=number).first()
    return Ticket.objects.filter(contact_id__in=[] if contact is None else person_ids(contact))


@transaction.atomic
def index_newest(of: str, number: int, *, most: int, below: int | None = None) -> list[int]:
    """Index the newest tickets with an id under ``below``; returns their ids, newest first.

    The words of an erased name leave the index with the documents: nothing suggests them any more.
    """
    tickets = tickets_named(of, number)
    if below is not None:
        tickets = tickets.filter(pk__lt=below)
    ids = list(tickets.order_by("-pk").values_list("pk", flat=True)[:most])
    if of == "erased":
        forget(TICKET, ids)
    index_tickets(ids)
    return ids

"""Which text of a ticket and of its messages is indexed for search, and the calls by which services keep it so.

A ticket's document holds its numbers, subject, people, tags and texts of custom fields; a message's its body and the names of
its files. Notes are indexed for staff. New tickets and messages are indexed where they are inserted (``start_ticket``,
``add_files``); a service that changes subject, people, tags or fields calls ``index_ticket``, one that moves a message
``index_message``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from core.search.documents import Document, put
from core.search.sources import SearchSource, index, search_sources
from tickets.models import Attachment, CustomField, FieldValue, Message, Ticket, TicketTag

LONGEST_BODY = 100_000
TICKET = "ticket"
MESSAGE = "message"


class TicketTexts(SearchSource):
    """What describes a ticket."""

    key = TICKET
    label = _("Tickets")

    def rows(self) -> QuerySet[Any]:
        """Return all tickets."""
        return Ticket.objects.all()

    def changed_since(self, moment: datetime) -> QuerySet[Any]:
        """Return tickets by their last change."""
        return Ticket.objects.filter(updated_at__gte=moment)

    def documents(self, ids: Sequence[int]) -> Iterable[Document]:
        """Read tickets with their people, tags and fields: four queries."""
        texts = (CustomField.Kind.TEXT, CustomField.Kind.CHOICE, CustomField.Kind.MULTI)
        tickets = (
            Ticket.objects.filter(pk__in=ids)
            .select_related("contact", "account")
            .only("number", "reference", "subject", "created_at", "contact__name", "account__name")
            .prefetch_related(
                "contact__identities",
                Prefetch("ticket_tags", TicketTag.objects.select_related("tag")),
                Prefetch("field_values", FieldValue.objects.filter(field__kind__in=texts)),
            )
        )
        return [
            document_of(
                ticket,
                tags=[one.tag.name for one in ticket.ticket_tags.all()],
                fields=[value.text for value in ticket.field_values.all()],
            )
            for ticket in tickets
        ]


class MessageTexts(SearchSource):
    """What is said on tickets, notes too."""

    key = MESSAGE
    label = _("Messages")

    def rows(self) -> QuerySet[Any]:
        """Return all messages."""
        return Message.objects.all()

    def documents(self, ids: Sequence[int]) -> Iterable[Document]:
        """Read messages with the names of their files: two queries."""
        messages = (
            Message.objects.filter(pk__in=ids)
            .only("ticket_id", "kind", "body_text", "created_at")
            .prefetch_related(Prefetch("attachments", Attachment.objects.only("message_id", "name")))
        )
        return [
            message_document(message, [file.name for file in message.attachments.all()])
            for message in messages
        ]


def document_of(ticket: Ticket, *, tags: Sequence[str] = (), fields: Sequence[str] = ()) -> Document:
    """Return the document of a ticket; contact with its identities and account are read from the row."""
    people = [
        ticket.contact.name,
        *(identity.value for identity in ticket.contact.identities.all()),
        ticket.account.name if ticket.account else "",
        *tags,
    ]
    return Document(
        kind=TICKET,
        object_id=ticket.pk,
        stream_id=ticket.pk,
        at=ticket.created_at,
        title=f"{ticket.number} {ticket.reference} {ticket.subject}",
        people=" ".join(people),
        files=" ".join(fields),
    )


def message_document(message: Message, files: Sequence[str] = ()) -> Document:
    """Return the document of a message with the names of its files."""
    return Document(
        kind=MESSAGE,
        object_id=message.pk,
        stream_id=message.ticket_id,
        at=message.created_at,
        files=" ".join(files),
        body=message.body_text[:LONGEST_BODY],
        internal=message.kind == Message.Kind.NOTE,
    )


def index_new_ticket(ticket: Ticket) -> None:
    """Index a ticket that was just inserted and has neither tags nor fields yet."""
    put([document_of(ticket)])


def index_new_messages(messages: Sequence[tuple[Message, Sequence[str]]], *, opens: bool = False) -> None:
    """Index messages that were just inserted, with the names of their files, and the new ticket that each ``opens``."""
    new = [document_of(message.ticket) for message, _files in messages] if opens else []
    put([*new, *(message_document(message, files) for message, files in messages)])


def index_ticket(ticket_id: int) -> None:
    """Index a ticket anew, in the transaction of what changed it: its subject, people, tags or fields."""
    index(search_sources.get(TICKET), [ticket_id])


def index_tickets(ticket_ids: Sequence[int]) -> None:
    """Index several tickets anew, without their messages."""
    index(search_sources.get(TICKET), ticket_ids)


def index_message(message_id: int) -> None:
    """Index a message anew, in the transaction of what changed it or moved it to another ticket."""
    index(search_sources.get(MESSAGE), [message_id])


def index_many(ticket_ids: Sequence[int]) -> int:
    """Index tickets with all their messages, for what is written in bulk; returns how many texts."""
    done = index(search_sources.get(TICKET), ticket_ids)
    for start in range(0, len(ticket_ids), 500):
        messages = Message.objects.filter(ticket_id__in=ticket_ids[start : start + 500]).order_by("pk")
        done += index(search_sources.get(MESSAGE), list(messages.values_list("pk", flat=True)))
    return done

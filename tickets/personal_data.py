"""What tickets keep about a person: what was written by, to and about the person, files, raw mails, ratings."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from core.api.idempotency import forget_answers
from core.job_runner import start_job
from core.models import Event, Notification, Outbound
from core.search.documents import forget
from core.services.erase_details import erase_details
from customers.models import ContactIdentity
from customers.registry import PersonalData
from ml.services.erase_subjects import erase_subjects
from ml.services.forget_predictions import forget_subjects
from ml.services.forget_vectors import forget_vectors
from people.viewer import system_viewer
from tickets.calls import recording_name, recording_of
from tickets.channels.web.services.end_submissions import delete_unused, erase_submissions
from tickets.channels.web.services.submit_form import address_digest
from tickets.drafts import keys_of_drafts
from tickets.file_scans import verdict_of
from tickets.models import (
    AnswerUndo,
    Attachment,
    Call,
    CarbonCopy,
    ChannelPayload,
    ChannelThread,
    ChatSession,
    ConversationSignal,
    CustomField,
    Draft,
    FieldValue,
    FormSubmission,
    IncidentTicket,
    MailLedger,
    Mention,
    Message,
    MessageAlias,
    ProviderMessage,
    SatisfactionSurvey,
    SimilarTickets,
    StoredFile,
    Ticket,
)
from tickets.search_index import MESSAGE, TICKET, index_many
from tickets.services.export_tickets import discard_all_exports
from tickets.similar import TICKET_VECTORS
from tickets.stored_files import read_file

ERASED_SUBJECT = "–"
_ERASED_ID = Concat(Value("erased:"), Cast("pk", CharField()))
FILES_JOB = "tickets.delete_files"
# Events that quote people in their details; all others hold ids, numbers and stable words.
_CALL_TOLD = (
    "direction", "state", "number", "line", "caller_name", "started_at", "ended_at", "duration_seconds", "transcript", "outcome",
)  # fmt: skip
_QUOTING = (
    "tickets.fields_changed",
    "tickets.message_bounced",
    "tickets.automatic_reply_received",
    "tickets.answer_failed",
    "tickets.message_edited",
    "tickets.message_delivered",
    "tickets.answer_delayed",
    "tickets.promise_made",
    "tickets.promise_due",
    "tickets.promise_kept",
    "tickets.promise_broken",
)


class TicketData(PersonalData):
    """Tickets that the person has asked for, and what the person wrote on others."""

    key = "tickets"
    order = 500

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return tickets with all that was said to the customer, messages on others' tickets, ratings. No private notes."""
        tickets = Ticket.objects.filter(contact__in=contact_ids).order_by("pk")
        told = ("reference", "subject", "channel", "status__customer_label", "created_at", "resolved_at")
        said = _said(contact_ids).exclude(kind=Message.Kind.NOTE).order_by("ticket_id", "created_at", "pk")
        surveys = SatisfactionSurvey.objects.filter(contact__in=contact_ids, rated_at__isnull=False)
        fields = FieldValue.objects.filter(ticket__in=tickets).order_by("pk")
        return {
            "tickets": list(tickets.values(*told)),
            "fields": list(
                fields.values("ticket__reference", "field__label", "text", "number", "date", "boolean")
            ),
            "messages": list(
                said.values(
                    "ticket__reference", "kind", "channel", "subject", "body_text", "recipients", "created_at"
                )
            ),
            "calls": list(_calls(contact_ids).values(*_CALL_TOLD)),
            "ratings": list(surveys.values("ticket__reference", "score", "comment", "rated_at")),
        }

    def files(self, contact_ids: Collection[int]) -> Iterator[tuple[str, bytes]]:
        """Yield the files of those messages; one that is lost is left out, for one with malware a text says so."""
        said = _said(contact_ids).exclude(kind=Message.Kind.NOTE)
        rows = (
            Attachment.objects.with_verdict()
            .filter(message__in=said)
            .select_related("message__ticket")
            .order_by("pk")
        )
        for row in rows:
            name = row.name.replace("/", "_").replace("\\", "_")
            path = f"files/{row.message.ticket.reference}/{row.pk}-{name}"
            verdict = verdict_of(row)
            if verdict.scan == StoredFile.Scan.INFECTED:
                yield f"{path}.txt", verdict.label.encode()
                continue
            try:
                content = read_file(row.storage_key)
            except (FileNotFoundError, ValueError):
                continue
            yield path, content
        for call in _calls(contact_ids).exclude(recording_key=""):
            try:
                yield f"files/calls/{call.pk}-{recording_name(call)}", recording_of(call)
            except (FileNotFoundError, ValueError):
                continue

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Empty texts, delete files, raw mails, drafts and notices; ids, times, states and scores stay."""
        addresses = list(
            ContactIdentity.objects.filter(contact__in=contact_ids, kind="email").values_list(
                "value", flat=True
            )
        )
        own = list(Ticket.objects.filter(contact__in=contact_ids).values_list("pk", flat=True))
        messages = list(_said(contact_ids).values_list("pk", "ticket_id"))
        message_ids = [pk for pk, _ticket in messages]
        # Whoever stores a vector of one of them has read its words before, and holds this lock while it does.
        touched = sorted({*own, *(ticket_id for _pk, ticket_id in messages)})
        list(Ticket.objects.select_for_update().filter(pk__in=touched).order_by("pk").values_list("pk"))
        counts = {"tickets": len(own), "messages": len(message_ids)}
        keys = _mail_keys(message_ids, addresses) | _file_keys(message_ids)
        keys |= keys_of_drafts(Draft.objects.filter(ticket__in=own))
        keys |= set(_calls(contact_ids).exclude(recording_key="").values_list("recording_key", flat=True))
        counts["calls"] = _erase_calls(contact_ids)
        counts["mails"] = _erase_mails(message_ids, addresses)
        counts["files"] = Attachment.objects.filter(message__in=message_ids).delete()[0]
        _erase_messages(message_ids)
        counts["copies"] = _erase_copies(contact_ids, addresses)
        _erase_tickets(own)
        _erase_previews({ticket_id for _pk, ticket_id in messages} - set(own), set(message_ids))
        SatisfactionSurvey.objects.filter(contact__in=contact_ids).update(comment="")
        forget_subjects(subjects={"ticket": own, "message": message_ids})
        erase_subjects(subjects={"ticket": own, "message": message_ids}, by=system_viewer("task"))
        # Those of others' tickets come again, from what is left of their words.
        forget_vectors(TICKET_VECTORS, touched)
        SimilarTickets.objects.filter(ticket__in=own).delete()
        IncidentTicket.objects.filter(ticket__in=own).delete()
        told = Event.objects.filter(ticket_id__in=own)
        Notification.objects.filter(event_id__in=told.values("pk")).delete()
        counts["event_details"] = erase_details(events=told.filter(verb__in=_QUOTING))
        forget(MESSAGE, message_ids)
        forget(TICKET, own)
        index_many(touched)
        if keys:
            start_job(
                kind=FILES_JOB,
                key=f"{min(contact_ids)}-{len(keys)}",
                by=system_viewer("task"),
                params={"keys": sorted(keys)},
            )
        return counts


class ChannelData(PersonalData):
    """Conversations at providers: how the person is known there, and what the provider sent about it."""

    key = "channels"
    order = 400

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return the conversations; the messages are with their tickets."""
        rows = ChannelThread.objects.filter(contact__in=contact_ids).order_by("pk")
        return {"conversations": list(rows.values("inbox__channel", "inbox__name", "key", "last_inbound_at"))}

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Empty what names the person. Who writes again from there is somebody new."""
        threads = ChannelThread.objects.filter(contact__in=contact_ids)
        known = {key.encode() for key in threads.values_list("key", flat=True)}
        handles = ContactIdentity.objects.filter(contact__in=contact_ids).exclude(kind="email")
        known |= {
            value.rpartition(":")[2].lstrip("+").encode() for value in handles.values_list("value", flat=True)
        }
        inboxes = set(threads.values_list("inbox_id", flat=True))
        counts = {"calls": _erase_payloads(inboxes, known - {b""}, contact_ids)}
        messages = Message.objects.filter(Q(contact__in=contact_ids) | Q(ticket__contact__in=contact_ids))
        ProviderMessage.objects.filter(message__in=messages).update(
            provider_id=_ERASED_ID, text="", detail=""
        )
        counts["conversations"] = threads.update(key=_ERASED_ID, data={}, contact=None, last_inbound_at=None)
        return counts


class FormData(PersonalData):
    """Web forms that were sent with the person's addresses, whether or not a ticket came of them."""

    key = "web_forms"
    order = 600

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return what was sent, and what became of it."""
        told = ("state", "proof", "values", "received_at", "confirmed_at", "ticket__reference")
        return {"web_forms": list(_submissions(contact_ids).order_by("pk").values(*told))}

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Empty the submissions and delete their files; one that waits ends. States and times stay."""
        rows = _submissions(contact_ids)
        ids = list(rows.values_list("pk", flat=True))
        open_states = (
            FormSubmission.State.WAITING,
            FormSubmission.State.CONFIRMED,
            FormSubmission.State.FAILED,
        )
        rows.filter(state__in=open_states).update(state=FormSubmission.State.REFUSED)
        keys = erase_submissions(ids)
        if keys:
            delete_unused(keys, name=f"forms-of-{min(contact_ids)}-{len(keys)}")
        return {"web_forms": len(ids)}


def _submissions(contact_ids: Collection[int]) -> QuerySet[FormSubmission]:
    addresses = ContactIdentity.objects.filter(contact__in=contact_ids, kind="email")
    digests = [address_digest(value) for value in addresses.values_list("value", flat=True)]
    return FormSubmission.objects.filter(
        Q(address_digest__in=digests) | Q(ticket__contact__in=contact_ids)
    ).distinct()


class ChatData(PersonalData):
    """Chats on web pages: what visitors said about themselves, and the pages that they were on."""

    key = "chats"
    order = 510

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return the sessions; what was said is among the messages."""
        told = ("name", "email", "user_id", "page_url", "browser", "consent_text", "consented_at")
        return {"chats": list(_chats(contact_ids).order_by("pk").values(*told, "created_at", "last_seen_at"))}

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Delete the sessions with their entries."""
        chats = list(_chats(contact_ids).values_list("pk", flat=True))
        ChatSession.objects.filter(pk__in=chats).delete()
        return {"chats": len(chats)}


class TicketExportData(PersonalData):
    """Lists that were taken out and may name the person; after the contact, so that no new one still finds the name."""

    key = "ticket_exports"
    order = 1100

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Delete every file, also of other customers' tickets; whoever needs one exports again."""
        answers = forget_answers(method="POST", path=reverse("api-exports"))
        return {"exports": discard_all_exports(by=system_viewer("task")), "answers": answers}


def _erase_payloads(inboxes: Collection[int], known: Collection[bytes], contact_ids: Collection[int]) -> int:
    """Empty the calls that led to the person's tickets, or that name the person in their content."""
    led = ChannelPayload.objects.filter(ticket__contact__in=contact_ids).exclude(body=b"")
    emptied = led.update(body=b"", query="", headers={}, error="", result="")
    for row in ChannelPayload.objects.filter(inbox__in=inboxes).exclude(body=b"").only("body").iterator():
        if any(one in bytes(row.body) for one in known):
            emptied += ChannelPayload.objects.filter(pk=row.pk).update(
                body=b"", query="", headers={}, error="", result=""
            )
    return emptied


def _chats(contact_ids: Collection[int]) -> QuerySet[ChatSession]:
    """The chats that led to the person's tickets, or in which the person's address or user id was given."""
    known = ContactIdentity.objects.filter(contact__in=contact_ids)
    return ChatSession.objects.filter(
        Q(ticket__contact__in=contact_ids)
        | Q(email__in=known.filter(kind="email").values("value"))
        | Q(user_id__in=known.filter(kind="user").values("value"))
    )


def _said(contact_ids: Collection[int]) -> QuerySet[Message]:
    """What the person wrote anywhere, and what we wrote on the person's own tickets; not what other customers wrote."""
    ours = Q(ticket__contact__in=contact_ids) & ~Q(kind=Message.Kind.INBOUND)
    return Message.objects.filter(Q(contact__in=contact_ids) | ours)


def _calls(contact_ids: Collection[int]) -> QuerySet[Call]:
    """Calls with the person, also from a number that became known as the person's only later."""
    numbers = ContactIdentity.objects.filter(contact__in=contact_ids, kind="phone").values("value")
    return Call.objects.filter(Q(contact__in=contact_ids) | Q(number__in=numbers)).order_by("pk")


def _erase_calls(contact_ids: Collection[int]) -> int:
    """Times and lengths stay."""
    ids = list(_calls(contact_ids).values_list("pk", flat=True))
    return Call.objects.filter(pk__in=ids).update(
        number="",
        caller_name="",
        transcript="",
        note="",
        recording_key="",
        recording_sha256="",
        recording_size=None,
    )


def _file_keys(message_ids: Collection[int]) -> set[str]:
    return set(Attachment.objects.filter(message__in=message_ids).values_list("storage_key", flat=True))


def _mails(message_ids: Collection[int], addresses: Collection[str]) -> QuerySet[MailLedger]:
    return MailLedger.objects.filter(Q(message__in=message_ids) | Q(sender__in=addresses))


def _mail_keys(message_ids: Collection[int], addresses: Collection[str]) -> set[str]:
    keys = _mails(message_ids, addresses).exclude(storage_key="")
    return set(keys.values_list("storage_key", flat=True))


def _erase_mails(message_ids: Collection[int], addresses: Collection[str]) -> int:
    """The digest stays, so that the same mail, delivered again, is recognised."""
    return _mails(message_ids, addresses).update(
        subject="", sender="", header_id="", source="", error="", storage_key=""
    )


def _erase_messages(message_ids: Collection[int]) -> None:
    rows = Message.objects.filter(pk__in=message_ids)
    ids = rows.filter(channel="email").exclude(external_id="").values_list("external_id", flat=True)
    MessageAlias.objects.filter(message_id__in=list(ids)).delete()
    Mention.objects.filter(message__in=message_ids).delete()
    AnswerUndo.objects.filter(message__in=message_ids).delete()
    ConversationSignal.objects.filter(message__in=message_ids).update(words="", start=None, end=None)
    rows.update(
        subject="",
        body_text="",
        body_html="",
        facts={},
        quote_offsets=[],
        recipients={},
        external_id="",
        delivery_detail="",
    )


def _erase_copies(contact_ids: Collection[int], addresses: Collection[str]) -> int:
    """Take the person off copies and out of the recipients of others' messages."""
    gone, _rows = CarbonCopy.objects.filter(contact__in=contact_ids).delete()
    for address in addresses:
        for message in Message.objects.filter(recipients__icontains=address).only("recipients"):
            message.recipients = {
                kind: [one for one in entries if _address_of(one) not in addresses]
                if isinstance(entries, list)
                else entries
                for kind, entries in message.recipients.items()
            }
            message.save(update_fields=["recipients"])
            gone += 1
    return gone


def _address_of(entry: Any) -> str:
    """The address of a stored recipient, in lower case."""
    return str(entry if isinstance(entry, str) else entry.get("address", "")).lower()


def _erase_tickets(ticket_ids: Collection[int]) -> None:
    Ticket.objects.filter(pk__in=ticket_ids).update(subject=ERASED_SUBJECT, last_message_preview="")
    texts = FieldValue.objects.filter(ticket__in=ticket_ids, field__kind=CustomField.Kind.TEXT)
    texts.delete()
    Draft.objects.filter(ticket__in=ticket_ids).delete()
    Outbound.objects.filter(ticket_id__in=ticket_ids).update(last_error="")


def _erase_previews(ticket_ids: Collection[int], message_ids: Collection[int]) -> None:
    """Empty the line in lists of others' tickets whose last message was the person's."""
    for ticket_id in ticket_ids:
        said = Message.objects.filter(ticket=ticket_id).exclude(kind=Message.Kind.NOTE)
        last = said.order_by("-created_at", "-pk").values_list("pk", flat=True).first()
        if last in message_ids:
            Ticket.objects.filter(pk=ticket_id).update(last_message_preview="")

"""Bring an agent's answer into the visitor's chat, and plan the mail for when nobody reads it there."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.outbox import PermanentFailure, enqueue_outbound
from tickets.channels.chat.services.add_entry import add_entry, known_entry, lock_session
from tickets.channels.chat.settings import ChatSettings
from tickets.channels.chat.transcript import public_name
from tickets.models import ChatEntry, ChatSession, Message

FALLBACK_KIND = "tickets.chat_fallback"


@transaction.atomic
def deliver_answer(*, thread_key: str, message: Message) -> str:
    """Add an answer to the chat, once, and return its id; somebody new is announced first.

    Raises PermanentFailure when the chat is gone, or has ended and its visitor can be reached by no mail.
    """
    found = ChatSession.objects.filter(key=thread_key).select_related("inbox").first()
    if found is None:
        raise PermanentFailure(_("The chat does not exist any more."))
    session = lock_session(found.pk)
    session.inbox = found.inbox
    known = known_entry(session, _key(message))
    if known is not None:
        return provider_id_of(session, known)
    if session.state == ChatSession.State.ENDED and not mail_address(session, message):
        raise PermanentFailure(_("The visitor has ended the chat and left no e-mail address."))
    name = public_name(message.author, session.inbox)
    if message.author is not None and message.author_id != session.agent_id:
        session.agent = message.author
        session.save(update_fields=["agent"])
        add_entry(session=session, key=f"joined:{message.pk}", kind=ChatEntry.Kind.JOINED, name=name)
    entry = add_entry(
        session=session, key=_key(message), kind=ChatEntry.Kind.AGENT, message=message, name=name
    )
    return provider_id_of(session, entry)


def entry_of(message: Message) -> ChatEntry | None:
    """Return the entry that an answer became, with its session."""
    entries = ChatEntry.objects.filter(message=message, key=_key(message))
    return entries.select_related("session__inbox").first()


def plan_fallback(*, message: Message) -> None:
    """Have an answer mailed unless the visitor sees it in time; in the caller's transaction. Once per answer."""
    entry = entry_of(message)
    if entry is None or entry.session.seen_number >= entry.number or not mail_address(entry.session, message):
        return
    enqueue_outbound(
        kind=FALLBACK_KIND,
        idempotency_key=fallback_key(entry),
        payload={"message": message.pk, "entry": entry.pk},
        ticket_id=message.ticket_id,
        account_id=message.ticket.account_id,
        not_before=_mailed_at(entry.session),
    )


def mail_address(session: ChatSession, message: Message) -> str:
    """Return where the visitor gets mails, "" nowhere."""
    return session.email or message.ticket.contact.email


def provider_id_of(session: ChatSession, entry: ChatEntry) -> str:
    """Return the id of an answer as the chat knows it."""
    return f"{session.key}:{entry.number}"


def fallback_key(entry: ChatEntry) -> str:
    """Return the key of the mail's row in the outbox."""
    return f"chat-mail:{entry.pk}"


def _key(message: Message) -> str:
    return f"a:{message.pk}"


def _mailed_at(session: ChatSession) -> datetime:
    """After the minutes of the inbox; at once when the visitor has ended the chat."""
    if session.state == ChatSession.State.ENDED:
        return timezone.now()
    return timezone.now() + timedelta(minutes=ChatSettings.of(session.inbox.config).mail_after_minutes)

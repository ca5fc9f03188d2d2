"""Take what a visitor writes: into the chat, and into its ticket."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.identities import Identity
from customers.models import ContactIdentity
from customers.services.save_contact import identify_contact
from people.viewer import Viewer, system_viewer
from tickets.attachment_policy import attachment_policy
from tickets.channel import MessageArrival
from tickets.channels.chat.identity import user_identity
from tickets.channels.chat.limits import LONGEST_TEXT, check_message, take_file_room
from tickets.channels.chat.services.add_entry import add_entry, known_entry, lock_session
from tickets.channels.chat.settings import ChatSettings
from tickets.incoming import IncomingFile
from tickets.message_text import storable
from tickets.models import ChatEntry, ChatSession
from tickets.services.receive_message import known_message
from tickets.services.take_payload import apply_arrivals
from tickets.stored_files import store_files

LONGEST_KEY = 64


def post_message(
    *, session: ChatSession, key: str, text: str, files: Sequence[IncomingFile] = ()
) -> ChatEntry:
    """Take a message with the widget's own ``key``: sent again it gives the first one back.

    The first message opens a ticket. Raises ValidationError naming the field, and TooMuch.
    """
    key = key.strip()
    if not 8 <= len(key) <= LONGEST_KEY or not all(char.isalnum() or char in "-_" for char in key):
        raise ValidationError({"id": _("Every message needs an id of its own.")})
    words = storable(text).strip()
    _check(session, words, files)
    if files and session.state == ChatSession.State.OPEN and known_entry(session, f"v:{key}") is None:
        check_message(session)
        # Counted for good before the disk is touched: of many at once none gets round the budget.
        with transaction.atomic():
            take_file_room(session, sum(len(one.content) for one in files))
        # Before the transaction, in which whoever opens a ticket would wait for the disk.
        store_files([one.content for one in files])
    return _post(session, key, words, files)


@transaction.atomic
def _post(session: ChatSession, key: str, words: str, files: Sequence[IncomingFile]) -> ChatEntry:
    locked = lock_session(session.pk)
    again = known_entry(locked, f"v:{key}")
    if again is not None:
        return again
    if locked.state != ChatSession.State.OPEN:
        raise ValidationError({"text": _("This chat has ended.")})
    check_message(locked)
    by = system_viewer("chat")
    now = timezone.now()
    arrival = MessageArrival(
        thread_key=locked.key,
        message_id=f"{locked.key}:{key}",
        sender=_identity(locked, by),
        sender_name=locked.name,
        subject="" if words else (files[0].name if files else ""),
        text=words,
        occurred_at=now,
        files=files,
        thread_data={"is_signed": bool(locked.user_id)},
    )
    ticket = apply_arrivals(inbox=session.inbox, arrivals=[arrival])
    message = known_message("chat", f"{locked.inbox_id}:{arrival.message_id}")
    entry = add_entry(
        session=locked,
        key=f"v:{key}",
        kind=ChatEntry.Kind.VISITOR,
        message=message,
        name=locked.name,
    )
    locked.ticket, locked.last_seen_at, locked.typing_at = ticket, now, None
    locked.save(update_fields=["ticket", "last_seen_at", "typing_at"])
    return entry


def _check(session: ChatSession, words: str, files: Sequence[IncomingFile]) -> None:
    if not words and not files:
        raise ValidationError({"text": _("Write something.")})
    if len(words) > LONGEST_TEXT:
        raise ValidationError({"text": _("A message has at most %d characters.") % LONGEST_TEXT})
    if files:
        if not ChatSettings.of(session.inbox.config).takes_files:
            raise ValidationError({"files": _("This chat takes no files.")})
        attachment_policy().check([(one.name, len(one.content)) for one in files])


def _identity(session: ChatSession, by: Viewer) -> Identity:
    """Whom the visitor is known as.

    A user id comes with the page's word. An address that a stranger typed at the beginning names a customer without proof: a new
    one is marked so, and beside the ticket stands who has vouched for whom. One that is left later changes nothing about it.
    """
    if session.user_id:
        return user_identity(session.inbox, session.user_id)
    begun = _identity_so_far(session)
    if begun is not None:
        return begun
    if session.email:
        address = Identity.email(session.email)
        identify_contact(identity=address, name=session.name, by=by, verified=False)
        return address
    nobody = Identity("handle", f"chat:{session.key}")
    identify_contact(identity=nobody, name=session.name or _("Visitor"), by=by)
    return nobody


def _identity_so_far(session: ChatSession) -> Identity | None:
    """As whom the visitor wrote first."""
    entries = ChatEntry.objects.filter(session=session, kind=ChatEntry.Kind.VISITOR)
    first = entries.select_related("message__contact").first()
    if first is None or first.message is None or first.message.contact is None:
        return None
    known = ContactIdentity.objects.filter(contact=first.message.contact.person).first()
    return None if known is None else Identity(known.kind, known.value)

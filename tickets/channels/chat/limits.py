"""How much a visitor may do. What is over it is answered with 429 and the seconds to wait."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from core.networks import network_of
from tickets.attachment_policy import attachment_policy
from tickets.channels.web.floods import Limit, TooMany, ensure_room, take_room
from tickets.models import ChatEntry, ChatSession, Inbox

LONGEST_TEXT = 5_000
MESSAGES_A_MINUTE = 20
# An office behind one address has several visitors.
ADDRESS_MESSAGES_A_MINUTE = 90
ADDRESS_CHATS_AN_HOUR = 30
# Far more than people begin: against who has many addresses.
INBOX_CHATS_AN_HOUR = 2_000
# Of files, from one visitor or address; at least two full messages.
FILE_MEGABYTES_AN_HOUR = 50
INBOX_FILE_MEGABYTES_A_DAY = 5_000
STREAMS_PER_CHAT = 6
STREAMS_PER_ADDRESS = 60
TOKEN_DAYS = 30

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)


class TooMuch(Exception):
    """The visitor has to wait ``seconds``; the text says so."""

    def __init__(self, seconds: int) -> None:
        super().__init__(_("That was very fast. Please wait a moment."))
        self.seconds = seconds


def digest_of_token(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def digest_of_address(address: str) -> str:
    """Return what is stored of a network address: enough to count, useless without the installation's secret."""
    return salted_hmac(
        "tickets.chat.address", network_of(address), secret=settings.SECRET_KEY, algorithm="sha256"
    ).hexdigest()


def check_new_chat(inbox: Inbox, address_digest: str) -> None:
    """Count a new chat, in the caller's transaction. Raises TooMuch when an address, or everybody together, has begun too many
    within the hour."""
    since = timezone.now() - _HOUR
    begun = ChatSession.objects.filter(address_digest=address_digest, created_at__gt=since)
    if begun.count() >= ADDRESS_CHATS_AN_HOUR:
        raise TooMuch(int(_HOUR.total_seconds()))
    _ask(take_room, [Limit("chats", 3600, INBOX_CHATS_AN_HOUR, str(inbox.pk))], 1)


def check_room(session: ChatSession, size: int) -> None:
    """Raise TooMuch when files of ``size`` bytes would be too much: to be asked before they are read."""
    _ask(ensure_room, _file_limits(session), _kilobytes(size))


def take_file_room(session: ChatSession, size: int) -> None:
    """Count files of ``size`` bytes, in the caller's transaction, before they are stored; raises TooMuch."""
    _ask(take_room, _file_limits(session), _kilobytes(size))


def check_message(session: ChatSession) -> None:
    """Raise TooMuch when too much was written within the minute, in this chat or from its address."""
    written = ChatEntry.objects.filter(kind=ChatEntry.Kind.VISITOR, created_at__gt=timezone.now() - _MINUTE)
    if written.filter(session=session).count() >= MESSAGES_A_MINUTE:
        raise TooMuch(int(_MINUTE.total_seconds()))
    neighbours = ChatSession.objects.filter(
        address_digest=session.address_digest, last_seen_at__gt=timezone.now() - _HOUR
    )
    if written.filter(session__in=neighbours).count() >= ADDRESS_MESSAGES_A_MINUTE:
        raise TooMuch(int(_MINUTE.total_seconds()))


def _file_limits(session: ChatSession) -> list[Limit]:
    """In kB."""
    hourly = max(FILE_MEGABYTES_AN_HOUR, 2 * attachment_policy().megabytes_together) * 1024
    return [
        Limit("chat-files", 3600, hourly, session.key),
        Limit("chat-files", 3600, hourly, session.address_digest),
        Limit("chat-files", 86_400, INBOX_FILE_MEGABYTES_A_DAY * 1024, str(session.inbox_id)),
    ]


def _kilobytes(size: int) -> int:
    """Rounded up: an empty file is one, too."""
    return size // 1024 + 1


def _ask(ask: Callable[[Sequence[Limit], int], None], limits: Sequence[Limit], amount: int) -> None:
    try:
        ask(limits, amount)
    except TooMany as error:
        raise TooMuch(error.retry_after) from error

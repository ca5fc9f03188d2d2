"""How much a visitor may do. What is over it is answered with 429 and the seconds to wait."""

import hashlib
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from tickets.models import ChatEntry, ChatSession

LONGEST_TEXT = 5_000
MESSAGES_A_MINUTE = 20
# An office behind one address has several visitors.
ADDRESS_MESSAGES_A_MINUTE = 90
ADDRESS_CHATS_AN_HOUR = 30
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
        "tickets.chat.address", address, secret=settings.SECRET_KEY, algorithm="sha256"
    ).hexdigest()


def check_new_chat(address_digest: str) -> None:
    """Raise TooMuch when an address has begun too many chats within the hour."""
    since = timezone.now() - _HOUR
    begun = ChatSession.objects.filter(address_digest=address_digest, created_at__gt=since)
    if begun.count() >= ADDRESS_CHATS_AN_HOUR:
        raise TooMuch(int(_HOUR.total_seconds()))


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

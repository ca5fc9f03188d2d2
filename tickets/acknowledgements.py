"""The automatic acknowledgement of an inbox: what it says, and when it must keep silent.

It answers the mail that opens a ticket. The rules are those of RFC 3834 and of what mail loops have taught: never to automatic
mail, once for each ticket, seldom for one address, and not at all while the inbox writes far more of them than it usually does.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from tickets.models import Inbox

SENDER_KIND = "tickets.acknowledgement"
CONFIG_KEY = "acknowledgement"
MAX_TEXT = 4_000
# Tokens of one address, over all its tickets: so many at once, one more every eight hours.
ADDRESS_TOKENS = 3
ADDRESS_REFILL = timedelta(hours=8)
# A late acknowledgement tells nobody anything: mails found later (a mailbox that was down) get none.
FRESH = timedelta(hours=12)
# Variables that say nothing of what a sender can choose. To somebody who may not have written at all the others have no value.
OWN_VARIABLES = frozenset({"ticket.reference", "ticket.status", "team.name", "inbox.name", "inbox.address"})
# The breaker: more in an hour than this, and than five times the busiest hour of the week before.
BREAKER_LEAST = 30
BREAKER_TIMES = 5


@dataclass(frozen=True)
class AcknowledgementRules:
    """Of one inbox. ``text`` is plain text with variables. ``paused_at`` is when the breaker opened, ``why`` the words for it."""

    is_on: bool = False
    text: str = ""
    paused_at: str = ""
    why: str = ""

    @property
    def words(self) -> str:
        """The text that is sent."""
        return self.text.strip() or default_text()


def default_text() -> str:
    """What is sent when the inbox has no words of its own."""
    return _(
        "Hello {{contact.first_name|and welcome}},\n\nwe have your message and opened {{ticket.reference}} for it. "
        "A person will answer you. If there is something to add, simply answer this mail.\n\n{{inbox.name}}"
    )


def rules_of(inbox: Inbox) -> AcknowledgementRules:
    """The rules of an inbox; off where nobody has set any."""
    kept: Mapping[str, Any] = inbox.config.get(CONFIG_KEY) or {}
    return AcknowledgementRules(
        is_on=bool(kept.get("is_on")),
        text=str(kept.get("text", "")),
        paused_at=str(kept.get("paused_at", "")),
        why=str(kept.get("why", "")),
    )


def outbound_key(address: str, message_id: int) -> str:
    """The key in the outbox; its start is the address's, so that its rows are found without naming it."""
    return f"{key_start(address)}{message_id}"


def key_start(address: str) -> str:
    """How the keys of all acknowledgements to an address begin. What stands behind a "+" makes no other address of it."""
    name, at, domain = address.lower().rpartition("@")
    one = f"{name.partition('+')[0] or name}{at}{domain}"
    return f"ack:{hashlib.sha256(one.encode()).hexdigest()[:24]}:"


def tokens_left(sent_at: list[datetime], now: datetime) -> float:
    """Tokens of an address that was written to at these times, in any order; below 1 nothing may leave."""
    tokens, last = float(ADDRESS_TOKENS), None
    for moment in [*sorted(sent_at), now]:
        if last is not None:
            tokens = min(float(ADDRESS_TOKENS), tokens + (moment - last) / ADDRESS_REFILL)
        if moment is not now:
            tokens -= 1
        last = moment
    return tokens

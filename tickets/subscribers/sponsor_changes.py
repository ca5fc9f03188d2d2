"""Mails that say that somebody is gone: an address that is unknown for good, an automatic reply with those words."""

import re
from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Event
from core.subscription import Subscriber
from customers.domains import normalise_address
from customers.models import ContactIdentity, SponsorChange
from customers.services.judge_sponsor import report_sponsor_change
from people.viewer import system_viewer
from tickets.channels.email.events import AUTOMATIC_REPLY_RECEIVED, MESSAGE_BOUNCED

# RFC 3463: 5.1.1 bad mailbox, 5.1.6 mailbox has moved, 5.1.10 the recipient takes no mail at all (RFC 7505).
GONE = frozenset(("5.1.1", "5.1.6", "5.1.10"))
# Not what absences say: "no longer in the office today".
_WORDS = (
    r"no longer (?:with|employed|at|part of)\b",
    r"no longer works? (?:for|at|with|here)\b",
    r"(?:have|has|had) left (?:the )?(?:company|organi[sz]ation|firm|business)\b",
    r"left the company\b",
    r"nicht mehr (?:bei|für|im|in)\b[^.!?\n]*\b(?:tätig|beschäftigt|angestellt)\b",
    r"arbeitet? nicht mehr (?:bei|für)\b",
    r"(?:nicht mehr im unternehmen|unternehmen verlassen)\b",
    r"ne (?:travaille plus|fait plus partie)\b",
    r"ya no (?:trabaja|forma parte)\b",
    r"non lavora più\b",
)
_SAYS_SO = re.compile(rf"[^.!?\n]*\b(?:{'|'.join(_WORDS)})[^.!?\n]*", re.IGNORECASE)


def says_gone(text: str) -> str:
    """Return the sentence of an automatic reply that says that its writer has left; empty when none does."""
    found = _SAYS_SO.search(text[:4_000])
    return " ".join(found.group().split())[:300] if found else ""


class SponsorMails(Subscriber):
    """Reads bounces and automatic replies."""

    key = "tickets.sponsor_mails"
    label = _("Mails that say that somebody is gone")
    verbs = frozenset({MESSAGE_BOUNCED.verb, AUTOMATIC_REPLY_RECEIVED.verb})

    def apply(self, events: Sequence[Event], prepared: None) -> None:
        """Write findings about whom the mails are."""
        for event in events:
            told = event.detail.data or {}
            if event.verb == MESSAGE_BOUNCED.verb:
                if told.get("status") in GONE:
                    text = str(told.get("reason") or told["status"])
                    self._report(told.get("recipients") or [], SponsorChange.Kind.BOUNCED, text, event)
            elif text := says_gone(f"{told.get('subject', '')}\n{told.get('text', '')}"):
                self._report([told.get("sender", "")], SponsorChange.Kind.AUTO_REPLY, text, event)

    def _report(self, addresses: Sequence[str], kind: str, text: str, event: Event) -> None:
        wanted = {normalise_address(str(one)) for one in addresses}
        for identity in ContactIdentity.objects.filter(kind="email", value__in=wanted).select_related(
            "contact"
        ):
            report_sponsor_change(
                contact=identity.contact,
                kind=kind,
                evidence={"text": text, "ticket": event.ticket_id, "event": event.pk},
                by=system_viewer("subscriber"),
            )

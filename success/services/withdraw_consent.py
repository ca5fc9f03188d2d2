"""A recipient says no: through the link, the one-click button of a mail program, or a mail with the link's token."""

import re

from customers.models import ConsentEvent
from customers.services.record_consent import record_consent
from people.viewer import contact_viewer
from success.topics import TOPICS
from success.unsubscribe_tokens import outreach_of, recipient_of

_SUBJECT = re.compile(r"\s*unsubscribe\s+([A-Za-z0-9._-]{10,120})\s*", re.IGNORECASE)


def withdraw_by_token(*, token: str, source: str) -> bool:
    """Withdraw the consent for every topic, at once and for good; repeating changes nothing.

    Returns whether the token was one of ours. A token of a contact who is gone counts as done.
    """
    outreach = outreach_of(token)
    if outreach is None:
        return False
    contact = recipient_of(outreach)
    for topic, _label in TOPICS:
        record_consent(
            contact=contact,
            status=ConsentEvent.Status.WITHDRAWN,
            source=source,
            basis=f"outreach:{outreach.pk}",
            channel=outreach.channel,
            topic=topic,
            by=contact_viewer(contact.pk, source),
        )
    return True


def token_in_subject(subject: str) -> str:
    """Return the token of a mail whose subject asks to unsubscribe, as our List-Unsubscribe header makes it, else ""."""
    match = _SUBJECT.fullmatch(subject)
    return match.group(1) if match else ""

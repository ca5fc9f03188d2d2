"""Who must not be written to through a channel: the consent ledger, as answers ask it."""

from customers.models import ConsentEvent, Contact
from customers.selectors import consent_of
from tickets.channel import Channel

# Answers to questions of the customer; what is sent unasked has topics of its own.
TOPIC = "service"
_STOPPED = frozenset({ConsentEvent.Status.WITHDRAWN, ConsentEvent.Status.COMPLAINED})


def has_opted_out(channel: Channel, contact: Contact) -> bool:
    """Say whether the person behind a contact has stopped a channel. No query for channels that nobody can stop."""
    if not channel.consent_channel:
        return False
    return consent_of(contact.person, channel=channel.consent_channel, topic=TOPIC) in _STOPPED

"""Take in a word by which a customer stops the messages of a channel, or has them again."""

from customers.models import ConsentEvent
from customers.services.record_consent import record_consent
from customers.services.save_contact import identify_contact
from people.viewer import Viewer, contact_viewer
from tickets.channel import ConsentArrival
from tickets.connections import channel_of
from tickets.families import merge_target
from tickets.incoming import IncomingMessage
from tickets.models import ChannelThread, Inbox, Status, Ticket
from tickets.opt_outs import TOPIC, has_opted_out
from tickets.services.receive_message import receive_message


def take_consent(*, inbox: Inbox, news: ConsentArrival, by: Viewer) -> Ticket | None:
    """Keep the word in the consent ledger, and show it in the ticket that is open; returns that one. In the caller's
    transaction; a repetition changes nothing.

    A yes counts only after a no: nobody has to agree to answers.
    """
    channel = channel_of(inbox)
    contact = identify_contact(identity=news.sender, by=by)
    if news.status == ConsentEvent.Status.WITHDRAWN or has_opted_out(channel, contact):
        record_consent(
            contact=contact,
            status=news.status,
            source=f"{channel.key}: {news.text}"[:80],
            channel=channel.consent_channel,
            topic=TOPIC,
            by=contact_viewer(contact.pk, by.source),
        )
    thread = ChannelThread.objects.filter(inbox=inbox, key=news.thread_key[:255]).first()
    ticket = None if thread is None or thread.ticket is None else merge_target(thread.ticket)
    if ticket is None or ticket.status.category not in Status.ACTIVE:
        return None
    incoming = IncomingMessage(
        channel=inbox.channel,
        sender=news.sender,
        text=news.text,
        external_id=f"{inbox.pk}:{news.message_id}",
        occurred_at=news.occurred_at,
        is_automatic=True,
    )
    return receive_message(incoming=incoming, inbox=inbox, ticket=ticket, by=by).ticket

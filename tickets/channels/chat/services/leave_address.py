"""Take the e-mail address that a visitor gives in the middle of a chat."""

from django.core.exceptions import ValidationError
from django.db import transaction

from customers.models import ContactIdentity
from customers.services.save_contact import add_identity
from people.viewer import system_viewer
from tickets.channels.chat.services.add_entry import lock_session
from tickets.channels.chat.services.start_chat import check_address
from tickets.message_text import storable
from tickets.models import ChatSession


@transaction.atomic
def leave_address(*, session: ChatSession, email: str) -> ChatSession:
    """Note where answers may be mailed. It becomes the contact's, if that has none and nobody else has it.

    Whom a page vouches for keeps the address that the page has signed. Raises ValidationError.
    """
    address = storable(email).strip().lower()
    check_address(address)
    locked = lock_session(session.pk)
    if locked.user_id and locked.email:
        raise ValidationError({"email": locked.email})
    locked.email = address
    locked.save(update_fields=["email"])
    ticket = locked.ticket
    if ticket is None or ticket.contact.email:
        return locked
    if not ContactIdentity.objects.filter(kind="email", value=address).exists():
        add_identity(contact=ticket.contact, kind="email", value=address, by=system_viewer("chat"))
    return locked

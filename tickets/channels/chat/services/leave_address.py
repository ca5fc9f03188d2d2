"""Take the e-mail address that a visitor gives in the middle of a chat."""

from django.core.exceptions import ValidationError
from django.db import transaction

from tickets.channels.chat.services.add_entry import lock_session
from tickets.channels.chat.services.start_chat import check_address
from tickets.message_text import storable
from tickets.models import ChatSession


@transaction.atomic
def leave_address(*, session: ChatSession, email: str) -> ChatSession:
    """Note where answers may be mailed. Anybody can type an address: it becomes nobody's identity by that.

    Whom a page vouches for keeps the address that is known already. Raises ValidationError.
    """
    address = storable(email).strip().lower()
    check_address(address)
    locked = lock_session(session.pk)
    if locked.user_id and locked.email:
        raise ValidationError({"email": locked.email})
    locked.email = address
    locked.save(update_fields=["email"])
    return locked

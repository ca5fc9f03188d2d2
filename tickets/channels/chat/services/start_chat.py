"""Begin a chat: who the visitor is, as far as anybody knows, and the token by which the chat goes on."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from customers.identities import Identity
from customers.models import ContactIdentity
from customers.services.save_contact import add_identity, identify_contact
from people.viewer import system_viewer
from tickets.channels.chat.identity import is_vouched_for, user_identity
from tickets.channels.chat.limits import check_new_chat, digest_of_address, digest_of_token
from tickets.channels.chat.settings import ChatSettings
from tickets.message_text import one_line, storable
from tickets.models import ChatSession, Inbox


@dataclass(frozen=True)
class Visitor:
    """What a widget says about its visitor. ``signature`` is the page's word for ``user_id`` (and ``email``)."""

    name: str = ""
    email: str = ""
    user_id: str = ""
    signature: str = field(default="", repr=False)
    agreed: bool = False
    page_url: str = ""
    page_title: str = ""
    browser: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Visitor":
        """Read it from a JSON object; what is no text counts as nothing."""
        texts = {
            name: str(values.get(name) or "")
            for name in ("name", "email", "user_id", "signature", "page_url", "page_title")
            if isinstance(values.get(name, ""), str)
        }
        return cls(**texts, agreed=values.get("agreed") is True)


@transaction.atomic
def start_chat(*, inbox: Inbox, visitor: Visitor, address: str) -> tuple[ChatSession, str]:
    """Begin a chat in an inbox; returns it with its token, which is stored nowhere.

    ``address`` is the visitor's network address. Whom the page vouches for is not asked anything but consent. Raises
    ValidationError naming the field, and TooMuch.
    """
    digest = digest_of_address(address)
    check_new_chat(inbox, digest)
    chosen = ChatSettings.of(inbox.config)
    name, email = one_line(storable(visitor.name), 160), storable(visitor.email).strip()[:254]
    user_id = storable(visitor.user_id).strip()
    vouched = is_vouched_for(inbox, user_id, email, visitor.signature)
    if user_id and not vouched:
        raise ValidationError({"user_id": _("The page's signature for this visitor is not right.")})
    if chosen.only_verified and not vouched:
        raise ValidationError({"user_id": _("This chat is for visitors who have logged in.")})
    if not vouched:
        _check(chosen, name, email)
    if chosen.consent and not visitor.agreed:
        raise ValidationError({"agreed": _("Please agree first.")})
    if email:
        check_address(email)
    if vouched and email:
        _join_address(user_identity(inbox, user_id), email, name)
    now = timezone.now()
    token = secrets.token_urlsafe(32)
    session = ChatSession.objects.create(
        key=secrets.token_hex(16),
        inbox=inbox,
        token_digest=digest_of_token(token),
        name=name,
        email=email.lower(),
        user_id=user_id,
        consent_text=chosen.consent,
        consented_at=now if chosen.consent else None,
        page_url=shown_url(visitor.page_url),
        page_title=one_line(storable(visitor.page_title), 200),
        language=(get_language() or "")[:16],
        browser=one_line(storable(visitor.browser), 300),
        address_digest=digest,
        last_seen_at=now,
        created_at=now,
    )
    return session, token


def check_address(email: str) -> None:
    """Raise ValidationError for what is no mail address."""
    try:
        validate_email(email)
    except ValidationError as error:
        raise ValidationError({"email": _("This is no e-mail address.")}) from error


def shown_url(address: str) -> str:
    """The page's address as agents see it: only of the web, without what logs somebody in."""
    text = storable(address).strip()
    if not text.lower().startswith(("http://", "https://")) or any(char.isspace() for char in text):
        return ""
    return text.partition("?")[0].partition("#")[0][:1000]


def _join_address(user: Identity, email: str, name: str) -> None:
    """Make a user, and the customer of the address that the page has signed with the id, one. Only here: what is typed into a
    chat later is signed by nobody."""
    by = system_viewer("chat")
    for _attempt in range(2):
        if ContactIdentity.objects.filter(kind=user.kind, value=user.value).exists():
            return
        try:
            with transaction.atomic():
                person = identify_contact(identity=Identity.email(email), name=name, by=by)
                add_identity(contact=person, kind=user.kind, value=user.value, by=by)
            return
        except IntegrityError:
            continue  # another chat of the same user began at the same moment


def _check(chosen: ChatSettings, name: str, email: str) -> None:
    missing = {}
    if chosen.ask_name == "required" and not name:
        missing["name"] = _("Please tell us your name.")
    if chosen.ask_email == "required" and not email:
        missing["email"] = _("Please give us an e-mail address.")
    if missing:
        raise ValidationError(missing)

"""Tokens of the unsubscribe link: they name one outreach mail, are signed for this purpose alone and never expire."""

from django.core.signing import BadSignature, Signer

from customers.models import Contact
from success.models import Outreach

_SALT = "success.unsubscribe"


def token_for(outreach: Outreach) -> str:
    """Return the token of a stored outreach mail, in letters that survive every mail program."""
    return _signer().sign(str(outreach.pk))


def outreach_of(token: str) -> Outreach | None:
    """Return the outreach mail of a token, None for anything we did not sign."""
    try:
        number = _signer().unsign(token)
    except BadSignature:
        return None
    return Outreach.objects.select_related("contact", "account").filter(pk=int(number)).first()


def recipient_of(outreach: Outreach) -> Contact:
    """Return who speaks through the link: the recipient, or the contact that has taken the recipient over."""
    contact = outreach.contact
    while contact.merged_into is not None:
        contact = contact.merged_into
    return contact


def _signer() -> Signer:
    return Signer(salt=_SALT, sep=".")

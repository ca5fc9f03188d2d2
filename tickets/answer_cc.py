"""The Cc of an answer as a person has edited it, checked against what the server computed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from tickets.models import Ticket
from tickets.recipients import Recipient, Recipients, own_addresses, without_tag

MOST_CC = 50


def with_cc(computed: Recipients, cc: Sequence[str] | None) -> Recipients:
    """The recipients with exactly these Cc addresses; None leaves them as computed.

    Our own addresses and those in To are dropped. Raises ValidationError({"cc": …}) for what is no address.
    """
    if cc is None:
        return computed
    known = {one.address.lower(): one for one in computed.cc}
    left_out = {one.address.lower() for one in computed.to} | own_addresses()
    chosen: dict[str, Recipient] = {}
    for written in cc:
        address = written.strip()
        if not address:
            continue
        try:
            validate_email(address)
        except ValidationError:
            raise ValidationError({"cc": _("“%s” is no e-mail address.") % address[:80]}) from None
        lower = address.lower()
        if lower not in left_out and without_tag(lower) not in left_out:
            chosen.setdefault(lower, known.get(lower) or Recipient(address, is_new=True))
    if len(chosen) > MOST_CC:
        raise ValidationError({"cc": _("A copy can go to at most %d people.") % MOST_CC})
    return replace(computed, cc=tuple(chosen.values()))


def split_addresses(values: Iterable[str]) -> list[str]:
    """The addresses in what was typed, separated by commas, semicolons or white space, each once."""
    found: dict[str, str] = {}
    for value in values:
        for part in value.replace(",", " ").replace(";", " ").split():
            found.setdefault(part.lower(), part.strip("<>"))
    return list(found.values())


def is_outsider(recipient: Recipient, ticket: Ticket) -> bool:
    """Whether a new address belongs neither to the customer's domains nor to ours: worth a second look."""
    if not recipient.is_new:
        return False
    domain = recipient.address.rpartition("@")[2].lower()
    inside: set[Any] = {ticket.contact.email.rpartition("@")[2].lower()}
    if ticket.account is not None:
        inside.add(ticket.account.domain.lower())
    if ticket.inbox is not None:
        inside.add(ticket.inbox.address.rpartition("@")[2].lower())
    return domain not in inside

"""Say in which language a ticket is."""

import re

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import LANGUAGE_CHANGED
from tickets.models import Ticket
from tickets.ticket_rows import lock_ticket, save_ticket

_CODE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})?")


@transaction.atomic
def change_language(*, ticket: Ticket, language: str, by: Viewer) -> Ticket:
    """Give the ticket a language by its code ("de", "pt-br"), empty for not known. Raises ValidationError."""
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    code = language.strip().lower().replace("_", "-")
    if code and not _CODE.fullmatch(code):
        raise ValidationError({"language": _("Give the code of a language, like “de” or “pt-br”.")})
    if code == locked.language:
        return locked
    before, locked.language = locked.language, code
    LANGUAGE_CHANGED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"from": before, "to": code},
    )
    save_ticket(locked)
    return locked

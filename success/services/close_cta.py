"""Close a call to action: by a person with an outcome, or because its cause has cleared."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.services.save_account import update_account
from people.viewer import Viewer
from success.events import CTA_CLOSED
from success.models import CTA


@transaction.atomic
def close_cta(*, cta: CTA, outcome: str, by: Viewer, note: str = "") -> bool:
    """Close the CTA with what came of it; returns False when it was closed already.

    Needs ``success.act``. Raises ValidationError without a valid outcome. The account's next step becomes the title of
    the open CTA that is due first, or nothing.
    """
    by.require("success.act")
    if outcome not in CTA.Outcome.values:
        raise ValidationError({"outcome": _("Say what came of it.")})
    closed = (
        CTA.objects.open()
        .filter(pk=cta.pk)
        .update(outcome=outcome, outcome_note=note.strip(), closed_at=timezone.now())
    )
    if not closed:
        return False
    CTA_CLOSED.record(
        by=by,
        subject_id=cta.pk,
        account_id=cta.account_id,
        detail={"title": cta.title, "outcome": outcome, "note": note.strip()},
    )
    following = CTA.objects.open().filter(account_id=cta.account_id).order_by("due_on", "pk").first()
    next_step = following.title if following else ""
    update_account(account=cta.account, values={"next_step": next_step}, by=by.lent("customers.edit"))
    return True

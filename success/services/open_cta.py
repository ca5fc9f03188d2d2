"""Open a call to action, or add evidence to the one that is open."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Event
from core.services.notify_user import notify_user
from customers.models import Account
from customers.services.save_account import update_account
from people.viewer import Viewer
from success.events import CTA_EVIDENCE_ADDED, CTA_OPENED
from success.models import CTA, Enrolment


@transaction.atomic
def open_cta(
    *,
    account: Account,
    by: Viewer,
    title: str,
    reason: str,
    reason_key: str,
    kind: str = CTA.Kind.RISK,
    evidence: Mapping[str, Any] | None = None,
    due_on: date | None = None,
    enrolment: Enrolment | None = None,
    cause: Event | None = None,
) -> CTA:
    """Return the open CTA of (account, kind, reason key), opened now or with the evidence added to it.

    The owner is the account's CSM, who is notified. The account's next step becomes the title. Needs ``success.act``.
    """
    by.require("success.act")
    now = timezone.now()
    Account.objects.select_for_update().get(pk=account.pk)
    seen = {"at": now.isoformat(), "reason": reason, **(evidence or {})}
    present = CTA.objects.open().filter(account=account, kind=kind, reason_key=reason_key).first()
    if present is not None:
        present.evidence = [*present.evidence, seen]
        present.save(update_fields=["evidence"])
        CTA_EVIDENCE_ADDED.record(
            by=by, subject_id=present.pk, account_id=account.pk, detail={"reason": reason}, cause=cause
        )
        return present
    cta = CTA.objects.create(
        account=account,
        kind=kind,
        title=title[:200],
        reason=reason[:300],
        reason_key=reason_key[:80],
        evidence=[seen],
        owner_id=account.csm_id,
        due_on=due_on,
        enrolment=enrolment,
        created_at=now,
    )
    event = CTA_OPENED.record(
        by=by,
        subject_id=cta.pk,
        account_id=account.pk,
        detail={"title": cta.title, "reason": cta.reason},
        cause=cause,
    )
    update_account(account=account, values={"next_step": cta.title}, by=by.lent("customers.edit"))
    if cta.owner_id is not None and cta.owner_id != by.user_id:
        notify_user(
            user_id=cta.owner_id,
            by=by,
            verb=CTA_OPENED.verb,
            text=_("%(account)s: %(title)s") % {"account": account.name, "title": cta.title},
            url=reverse("success-cockpit"),
            group=f"account:{account.pk}",
            cause=event,
        )
    return cta

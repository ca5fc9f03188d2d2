"""Note under which ids other systems know an account, and find accounts by them."""

import re
from collections.abc import Collection, Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import EXTERNAL_ID_ADDED, EXTERNAL_ID_REMOVED
from customers.models import Account, AccountExternalId
from people.viewer import Viewer

_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
MOST_PER_ACCOUNT = 50


@transaction.atomic
def add_external_id(
    *, account: Account, source: str, value: str, by: Viewer, remote_changed_at: datetime | None = None
) -> AccountExternalId:
    """Note that the system ``source`` knows the account as ``value``; one that it has already only moves the watermark.

    Raises ValidationError naming the field, also where another account has the id.
    """
    by.require("customers.edit")
    source, value = source.strip().lower(), value.strip()
    if not _SOURCE.fullmatch(source):
        raise ValidationError(
            {"source": _("Give the short name of a system: small letters, digits, - and _, as in hubspot.")}
        )
    if not 0 < len(value) <= 120 or "\x00" in value:
        raise ValidationError({"value": _("Give an id of 1 to 120 letters.")})
    account = Account.objects.select_for_update().get(pk=account.pk)
    known = AccountExternalId.objects.select_for_update().filter(source=source, value=value).first()
    if known is not None and known.account_id == account.pk:
        if remote_changed_at is not None and remote_changed_at != known.remote_changed_at:
            known.remote_changed_at, known.changed_at = remote_changed_at, timezone.now()
            known.save(update_fields=["remote_changed_at", "changed_at"])
        return known
    if known is not None:
        raise ValidationError({"value": _("This id belongs to another customer.")})
    if AccountExternalId.objects.filter(account=account).count() >= MOST_PER_ACCOUNT:
        raise ValidationError({"value": _("A customer has at most %d ids.") % MOST_PER_ACCOUNT})
    try:
        with transaction.atomic():
            row = AccountExternalId.objects.create(
                account=account,
                source=source,
                value=value,
                changed_at=timezone.now(),
                remote_changed_at=remote_changed_at,
            )
    except IntegrityError as error:
        raise ValidationError({"value": _("This id belongs to another customer.")}) from error
    EXTERNAL_ID_ADDED.record(
        by=by, subject_id=account.pk, account_id=account.pk, detail={"text": f"{source}: {value}"}
    )
    return row


@transaction.atomic
def remove_external_id(*, row: AccountExternalId, by: Viewer) -> None:
    """Forget an id; does nothing where it is gone."""
    by.require("customers.edit")
    deleted, _rows = AccountExternalId.objects.filter(pk=row.pk).delete()
    if deleted:
        EXTERNAL_ID_REMOVED.record(
            by=by,
            subject_id=row.account_id,
            account_id=row.account_id,
            detail={"text": f"{row.source}: {row.value}"},
        )


def accounts_known_as(source: str, values: Iterable[str]) -> dict[str, int]:
    """Return account ids by the ids that a system has for them, in one query; unknown ones are missing."""
    wanted: Collection[str] = set(values)
    rows = AccountExternalId.objects.filter(source=source, value__in=wanted)
    return dict(rows.values_list("value", "account"))

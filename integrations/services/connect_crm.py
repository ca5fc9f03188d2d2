"""Connect a CRM, change the connection, test it, switch it off, disconnect it."""

import json
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.guarded_http import RefusedAddress, check_url
from core.secret_box import CannotOpen, seal, unseal
from integrations.crm.contract import OBJECTS, CrmFailure, CrmSystem, crm_systems
from integrations.crm.session import PURPOSE, CrmSession
from integrations.events import CRM_DELETED, CRM_SAVED, CRM_SWITCHED, CRM_TESTED
from integrations.models import CrmConnection, CrmField, CrmStream
from people.viewer import Viewer

# Written by the product; their absence is no mistake of the one who fills the form in.
_NOT_TYPED = (
    "created_by", "token", "quota", "sign_in_refused_at", "last_error_at", "paused_until", "first_pass_at", "last_pass_at",
    "last_check_at", "proven_at",
)  # fmt: skip


@transaction.atomic
def save_crm_connection(
    *,
    system: str,
    name: str,
    base_url: str,
    credentials: Mapping[str, str],
    by: Viewer,
    creates_missing: bool = False,
    filter_field: str = "",
    filter_value: str = "",
    quota_percent: int = 80,
    connection: CrmConnection | None = None,
) -> CrmConnection:
    """Save a connection, without ``connection`` a new one with the suggested field map.

    Of ``credentials`` empty ones stay as they are; they are stored sealed and told to nobody again. Raises ValidationError naming
    the field.
    """
    by.require("crm.manage")
    if system not in crm_systems:
        raise ValidationError({"system": _("There is no such system.")})
    part = crm_systems.get(system)
    row = (
        CrmConnection(system=system, created_by_id=by.user_id)
        if connection is None
        else CrmConnection.objects.select_for_update().get(pk=connection.pk)
    )
    if row.system != system:
        raise ValidationError({"system": _("A connection stays with its system: make a new one.")})
    if bool(filter_field.strip()) != bool(filter_value.strip()):
        raise ValidationError({"filter_value": _("Enter field and value, or neither.")})
    moved = row.base_url != base_url.strip()
    changes = apply_changes(
        row,
        name=name.strip(),
        base_url=_callable(base_url.strip()),
        creates_missing=creates_missing,
        filter_field=filter_field.strip(),
        filter_value=filter_value.strip(),
        quota_percent=quota_percent,
    )
    if not 1 <= quota_percent <= 100:
        raise ValidationError({"quota_percent": _("Between 1 and 100.")})
    given = _complete(part, row, credentials, may_keep=not moved)
    if given is not None:
        row.credentials, row.token = seal(json.dumps(given), purpose=PURPOSE), ""
        row.sign_in_refused_at = None
        changes["credentials"] = [None, sorted(given)]
    row.clean_fields(exclude=_NOT_TYPED)
    row.validate_unique()
    row.save()
    if connection is None:
        _begin(row, part)
    elif {"filter_field", "filter_value", "creates_missing"} & set(changes):
        read_again(row)
    if changes:
        CRM_SAVED.record(by=by, subject_id=row.pk, detail={"name": row.name, "changed": changes})
    return row


def test_crm_connection(*, connection: CrmConnection, by: Viewer) -> str:
    """Ask the CRM for its fields of companies; returns "" or why that did not work. Call it outside of transactions."""
    by.require("crm.manage")
    CrmConnection.objects.filter(pk=connection.pk).update(token="")
    connection.token = ""
    session = CrmSession(connection)
    problem = ""
    try:
        session.system.fields(session.ask, OBJECTS[0])
    except CrmFailure as error:
        problem = str(error)
    with transaction.atomic():
        if problem:
            CrmConnection.objects.filter(pk=connection.pk).update(
                last_error=problem[:300], last_error_at=timezone.now()
            )
        CRM_TESTED.record(by=by, subject_id=connection.pk, detail={"problem": problem})
    return problem


@transaction.atomic
def switch_crm_connection(*, connection: CrmConnection, is_on: bool, by: Viewer) -> bool:
    """Switch a connection on or off; returns whether that changed anything. Off, nothing is read, and what waits is not sent."""
    by.require("crm.manage")
    changed = CrmConnection.objects.filter(pk=connection.pk, is_on=not is_on).update(
        is_on=is_on, updated_at=timezone.now(), proven_at=None
    )
    if changed:
        CRM_SWITCHED.record(by=by, subject_id=connection.pk, detail={"name": connection.name, "is_on": is_on})
    return bool(changed)


@transaction.atomic
def disconnect_crm(*, connection: CrmConnection, by: Viewer) -> None:
    """Forget a connection with its credentials, links, raw records and logs. What was written on either side stays."""
    by.require("crm.manage")
    CRM_DELETED.record(
        by=by, subject_id=connection.pk, detail={"name": connection.name, "system": connection.system}
    )
    connection.delete()


def read_again(connection: CrmConnection) -> None:
    """Let the next pass read every record, in the caller's transaction: what is asked for has changed."""
    CrmStream.objects.filter(connection=connection).update(
        watermark=None, cursor={}, began_at=None, seen_until=None
    )
    CrmConnection.objects.filter(pk=connection.pk).update(proven_at=None)


def _begin(row: CrmConnection, part: CrmSystem) -> None:
    CrmStream.objects.bulk_create([CrmStream(connection=row, object=kind) for kind in OBJECTS])
    CrmField.objects.bulk_create(
        [
            CrmField(connection=row, object=kind, ours=ours, theirs=theirs, owner=owner)
            for kind, fields in part.suggested.items()
            for ours, theirs, owner in fields
        ]
    )


def _callable(url: str) -> str:
    try:
        check_url(url)
    except RefusedAddress as error:
        raise ValidationError({"base_url": _("This cannot be called: %s.") % error}) from error
    return url.rstrip("/")


def _complete(
    part: CrmSystem, row: CrmConnection, given: Mapping[str, str], *, may_keep: bool
) -> dict[str, str] | None:
    """The credentials as they are stored, None when they stay. What was entered for one address is not sent to another."""
    known: dict[str, Any] = {}
    if row.credentials and may_keep:
        try:
            known = json.loads(unseal(row.credentials, purpose=PURPOSE))
        except CannotOpen:
            known = {}
    names = [one.name for one in part.credentials]
    entered = {name: str(given.get(name, "")).strip() for name in names}
    if known and not any(entered.values()):
        return None
    merged = {name: entered[name] or known.get(name, "") for name in names}
    for one in part.credentials:
        if one.required and not merged[one.name]:
            raise ValidationError({one.name: _("This field is required.")})
    if not any(merged.values()):
        first = part.credentials[0].name
        raise ValidationError(
            {first: _("Enter what the CRM lets you in by. After a change of address, once more.")}
        )
    return {name: value for name, value in merged.items() if value}

"""Save which fields are kept in step, and whose value holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from integrations.crm.contract import OBJECT_LABELS, OBJECTS
from integrations.crm.ours import OURS
from integrations.events import CRM_FIELDS_SAVED
from integrations.models import CrmConnection, CrmField, CrmLink
from integrations.services.connect_crm import read_again
from people.viewer import Viewer

MOST_FIELDS = 60


@dataclass(frozen=True)
class Pair:
    """A field of ours, one of theirs, and the owner (crm, us, newest)."""

    object: str
    ours: str
    theirs: str
    owner: str


@transaction.atomic
def save_crm_fields(*, connection: CrmConnection, pairs: Sequence[Pair], by: Viewer) -> int:
    """Replace the field map; returns how many pairs changed. The next pass reads every record again.

    Raises ValidationError: ``{"pairs": …}`` naming the pair.
    """
    by.require("crm.manage")
    for pair in pairs:
        _check(pair)
    _refuse_twice(pairs)
    CrmConnection.objects.select_for_update().get(pk=connection.pk)
    before = {
        (row.object, row.ours): (row.theirs, row.owner)
        for row in CrmField.objects.filter(connection=connection)
    }
    after = {(pair.object, pair.ours): (pair.theirs, pair.owner) for pair in pairs}
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if not changed:
        return 0
    CrmField.objects.filter(connection=connection).delete()
    CrmField.objects.bulk_create(
        [
            CrmField(
                connection=connection,
                object=pair.object,
                ours=pair.ours,
                theirs=pair.theirs,
                owner=pair.owner,
            )
            for pair in pairs
        ]
    )
    # What the two held of another field says nothing about this one.
    _forget(connection, {key for key in changed if before.get(key, ("",))[0] != after.get(key, ("",))[0]})
    read_again(connection)
    CRM_FIELDS_SAVED.record(
        by=by,
        subject_id=connection.pk,
        detail={
            "name": connection.name,
            "changed": {
                f"{kind}.{ours}": [before.get((kind, ours)), after.get((kind, ours))]
                for kind, ours in sorted(changed)
            },
        },
    )
    return len(changed)


def _check(pair: Pair) -> None:
    if pair.object not in OBJECTS:
        raise ValidationError({"pairs": _("There is no object “%s”.") % pair.object[:40]})
    place = f"{OBJECT_LABELS[pair.object]} › {pair.ours}"
    field = OURS[pair.object].fields.get(pair.ours)
    if field is None:
        raise ValidationError({"pairs": _("%s: there is no such field here.") % place})
    if not pair.theirs.strip() or len(pair.theirs) > 120:
        raise ValidationError({"pairs": _("%s: name their field.") % place})
    if pair.owner not in CrmField.Owner.values:
        raise ValidationError({"pairs": _("%s: the owner is crm, us or newest.") % place})
    if field.is_read_only and pair.owner != CrmField.Owner.US:
        raise ValidationError({"pairs": _("%s is computed here, so CS Ops has to own it.") % place})


def _refuse_twice(pairs: Sequence[Pair]) -> None:
    for keys in (
        [(pair.object, pair.ours) for pair in pairs],
        [(pair.object, pair.theirs) for pair in pairs],
    ):
        seen: set[tuple[str, str]] = set()
        for key in keys:
            if key in seen:
                raise ValidationError({"pairs": _("“%s” is named twice.") % key[1][:60]})
            seen.add(key)
    if len(pairs) > MOST_FIELDS:
        raise ValidationError({"pairs": _("At most %d fields.") % MOST_FIELDS})


def _forget(connection: CrmConnection, keys: set[tuple[str, str]]) -> None:
    names: Mapping[str, set[str]] = {kind: {ours for one, ours in keys if one == kind} for kind in OBJECTS}
    for kind, gone in names.items():
        if not gone:
            continue
        links = CrmLink.objects.filter(connection=connection, object=kind).only("pk", "values")
        batch = []
        for link in links.iterator(chunk_size=1000):
            if gone & link.values.keys():
                link.values = {name: pair for name, pair in link.values.items() if name not in gone}
                batch.append(link)
        CrmLink.objects.bulk_update(batch, ["values"], batch_size=500)

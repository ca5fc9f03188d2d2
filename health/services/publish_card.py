"""Put a draft into force, go back to a former version, take a card out of use; then every customer is scored again."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from core.job_runner import start_job
from health.events import CARD_PUBLISHED, CARD_RETIRED, CARD_ROLLED_BACK
from health.models import HealthCard, HealthCardVersion
from health.services.save_card import draft_of
from people.viewer import Viewer


@transaction.atomic
def publish_card(*, card: HealthCard, by: Viewer, note: str = "") -> HealthCardVersion:
    """Make the draft the live version, with the next number; it never changes again.

    Needs ``health.manage``; raises ValidationError when the draft is what is live already.
    """
    by.require("health.manage")
    card = HealthCard.objects.select_for_update(of=("self",)).select_related("live").get(pk=card.pk)
    draft = draft_of(card)
    if card.live is not None and card.live.checksum == draft.checksum:
        raise ValidationError({"content": _("The draft is the same as the live version.")})
    newest = HealthCardVersion.objects.filter(card=card).aggregate(number=Max("number"))["number"]
    draft.number, draft.published_at = (newest or 0) + 1, timezone.now()
    draft.published_by_id, draft.note = by.user_id, note.strip()[:200] or draft.note
    draft.save()
    _make_live(card, draft)
    CARD_PUBLISHED.record(by=by, subject_id=card.pk, detail=_told(card, draft))
    _score_everybody(draft, by)
    return draft


@transaction.atomic
def roll_back_card(*, card: HealthCard, version: HealthCardVersion, by: Viewer) -> HealthCardVersion:
    """Make a former version live again. Needs ``health.manage``; raises ValidationError for a draft or the live one."""
    by.require("health.manage")
    card = HealthCard.objects.select_for_update(of=("self",)).get(pk=card.pk)
    if version.card_id != card.pk or version.number is None or version.pk == card.live_id:
        raise ValidationError({"version": _("Choose a former version of this card.")})
    former = card.live_id
    _make_live(card, version)
    CARD_ROLLED_BACK.record(by=by, subject_id=card.pk, detail=_told(card, version) | {"from": former})
    _score_everybody(version, by)
    return version


@transaction.atomic
def retire_card(*, card: HealthCard, by: Viewer) -> bool:
    """Let the card measure nobody from now on; its versions and snapshots stay. Returns whether it was live."""
    by.require("health.manage")
    card = HealthCard.objects.select_for_update(of=("self",)).select_related("live").get(pk=card.pk)
    if card.live is None:
        return False
    version = card.live
    _make_live(card, None)
    CARD_RETIRED.record(by=by, subject_id=card.pk, detail=_told(card, version))
    _score_everybody(version, by)
    return True


def _make_live(card: HealthCard, version: HealthCardVersion | None) -> None:
    card.live = version
    card.save(update_fields=["live"])


def _told(card: HealthCard, version: HealthCardVersion) -> dict[str, object]:
    return {"name": card.name, "version": version.number, "checksum": version.checksum, "note": version.note}


def _score_everybody(version: HealthCardVersion, by: Viewer) -> None:
    """Start the job that scores all customers, once per change."""
    key = f"card-{version.card_id}-{version.number}-{timezone.now():%Y%m%dT%H%M%S}"
    start_job(kind="health.rescore_all", key=key, by=by)

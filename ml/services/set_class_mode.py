"""Decide what a version may do by itself with a class: a person with a reason, or live precision, which only steps down."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.services.notify_user import Notice, notify_people
from ml.class_modes import CAUTION, ClassRow, bars_of, class_rows
from ml.evaluation.class_precision import AUTOMATIC, OFF, SUGGEST
from ml.events import CLASS_MODE_SET, CLASS_STEPPED_DOWN
from ml.live_precision import LivePrecision, live_precision
from ml.models import ClassMode, ModelAlias, ModelVersion
from people.selectors import people_who_may
from people.viewer import Viewer

GONE = (ModelVersion.Stage.RETIRED, ModelVersion.Stage.REJECTED)


@transaction.atomic
def set_class_mode(*, version: ModelVersion, label: str, mode: str, reason: str, by: Viewer) -> ClassMode:
    """Let ``mode`` hold for a class instead of what was measured.

    More cautious than measured takes ``ml.manage``, less cautious ``ml.approve``; so does taking back what live precision has
    led to. Raises PermissionDenied without it, ValidationError for a label or mode that there is not, without a reason, and
    for a version that never serves again.
    """
    if not by.can("ml.approve"):
        by.require("ml.manage")
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    row = class_rows([version]).get(version.pk, {}).get(label)
    if row is None:
        raise ValidationError({"label": _("This version knows no such class.")})
    if mode not in ClassMode.Mode.values:
        raise ValidationError({"mode": _("Choose one of: %s.") % ", ".join(ClassMode.Mode.values)})
    if not reason.strip():
        raise ValidationError({"reason": _("Say why.")})
    if version.stage in GONE:
        raise ValidationError(_("This version never serves again."))
    if CAUTION.index(mode) < CAUTION.index(row.most):
        by.require("ml.approve")
    change = ClassMode.objects.create(
        version=version,
        label=label,
        mode=mode,
        source=ClassMode.Source.PERSON,
        reason=reason.strip(),
        user_id=by.user_id,
    )
    CLASS_MODE_SET.record(
        by=by,
        subject_id=version.pk,
        detail={
            "task": version.task, "number": version.number, "label": label, "from": row.mode, "to": mode,
            "measured": row.measured, "reason": change.reason,
        },
    )  # fmt: skip
    return change


def step_classes_down(*, by: Viewer) -> list[ClassMode]:
    """Step down every class of a version in service that people's words say is worse than asked; returns the changes.

    One step at a time, from applied to suggested, from suggested to off: then it is counted anew. Never up.
    """
    by.require("ml.manage")
    names = (ModelAlias.Name.CHAMPION, ModelAlias.Name.CANARY)
    versions = ModelVersion.objects.filter(
        pk__in=ModelAlias.objects.filter(name__in=names).values("version_id")
    ).order_by("pk")
    done: list[ClassMode] = []
    for version in versions:
        rows = class_rows([version]).get(version.pk, {})
        live = live_precision(version, rows) if rows else {}
        bars = bars_of(version) if rows else None
        for label, row in rows.items():
            asked = {AUTOMATIC: bars.automatic, SUGGEST: bars.suggest}.get(row.mode, 0.0) if bars else 0.0
            if label in live and live[label].at_most < asked:
                change = _step_down(version, row, live[label], asked, by)
                done += [change] if change is not None else []
    return done


@transaction.atomic
def _step_down(
    version: ModelVersion, seen: ClassRow, live: LivePrecision, asked: float, by: Viewer
) -> ClassMode | None:
    """None when somebody has changed the class meanwhile."""
    version = ModelVersion.objects.select_for_update().get(pk=version.pk)
    row = class_rows([version])[version.pk][seen.label]
    if (row.change and row.change.pk) != (seen.change and seen.change.pk):
        return None
    evidence: dict[str, Any] = {
        "said": live.said,
        "corrected": live.corrected,
        "audits": live.audits.rows if live.audits else 0,
        "audited": round(live.audits.value, 4) if live.audits else None,
        "at_most": round(live.at_most, 4),
        "asked": asked,
    }
    mode = SUGGEST if row.mode == AUTOMATIC else OFF
    change = ClassMode.objects.create(
        version=version, label=row.label, mode=mode, source=ClassMode.Source.LIVE, evidence=evidence
    )
    event = CLASS_STEPPED_DOWN.record(
        by=by,
        subject_id=version.pk,
        detail={
            "task": version.task, "number": version.number, "label": row.label, "from": row.mode, "to": mode,
            "evidence": evidence,
        },
    )  # fmt: skip
    words = {
        SUGGEST: _(
            "%(model)s only suggests %(label)s from now on: at most %(share)s %% of its answers are right."
        ),
        OFF: _("%(model)s says %(label)s no more: at most %(share)s %% of its answers are right."),
    }
    text = words[mode] % {
        "model": version.label, "label": row.label, "share": round(100 * live.at_most)
    }  # fmt: skip
    notify_people(
        notices=[
            Notice(user_id=user_id, text=text, verb=event.verb, cause=event, group=f"ml:{version.task}")
            for user_id in people_who_may("ml.manage")
        ],
        by=by,
    )
    return change

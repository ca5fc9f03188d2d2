"""Keep, change and retire the cases that every new version of a task must answer rightly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from ml.classifiers import TextInput
from ml.events import GOLDEN_CASE_KEPT, GOLDEN_CASE_RETIRED
from ml.models import GoldenCase
from ml.registry import ml_tasks
from people.viewer import Viewer

LONGEST_TEXT = 20_000
MOST_CASES = 500


@transaction.atomic
def keep_golden_case(
    *, task: str, label: str, by: Viewer, subject_id: int | None = None, text: str = "", reason: str = ""
) -> GoldenCase:
    """Keep a case about exactly one of a subject and an invented text; a subject's case is kept once and then changed.

    What the model reads of the subject is copied, and erased with it. A text without a subject must not be a customer's: no
    erasure finds it. Raises PermissionDenied without ``ml.audit`` or for a subject that ``by`` may not see, LookupError for an
    unknown task, ValidationError for labels that the task lacks and subjects that say nothing.
    """
    by.require("ml.audit")
    part, text = ml_tasks.get(task), text.strip()
    label = _label(part.choices(), label)
    if bool(text) == (subject_id is not None):
        raise ValidationError({"text": _("A case is about a text, or about a subject.")})
    case = GoldenCase(task=part.key, created_by_id=by.user_id)
    if subject_id is None:
        if not part.reads_text:
            raise ValidationError({"text": _("This task does not read texts.")})
        case.text = text[:LONGEST_TEXT]
    else:
        if subject_id not in part.shown([subject_id], by):
            raise PermissionDenied(_("You may not see what this is about."))
        content = part.inputs([subject_id]).get(subject_id)
        if not content or (isinstance(content, TextInput) and not content.text):
            raise ValidationError(_("There is nothing that the model could read."))
        known = GoldenCase.objects.in_force(part.key).filter(
            subject_kind=part.subject_kind, subject_id=subject_id
        )
        case = known.select_for_update().first() or case
        case.subject_kind, case.subject_id = part.subject_kind, subject_id
        if isinstance(content, Mapping):
            case.features = dict(content)
        elif isinstance(content, TextInput):
            case.text, case.features = content.text[:LONGEST_TEXT], dict(content.facts)
        else:
            case.text = str(content)[:LONGEST_TEXT]
    if case.pk is None and GoldenCase.objects.in_force(part.key).count() >= MOST_CASES:
        raise ValidationError(_("At most %d cases; retire some first.") % MOST_CASES)
    return _stored(case, label, reason, by)


@transaction.atomic
def change_golden_case(*, case: GoldenCase, label: str, by: Viewer, reason: str = "") -> GoldenCase:
    """Give a case another label or reason. Raises as ``keep_golden_case`` does."""
    by.require("ml.audit")
    locked = _in_force(case)
    part = ml_tasks.get(locked.task)
    if locked.subject_id is not None and locked.subject_id not in part.shown([locked.subject_id], by):
        raise PermissionDenied(_("You may not see what this is about."))
    return _stored(locked, _label(part.choices(), label), reason, by)


@transaction.atomic
def retire_golden_case(*, case: GoldenCase, by: Viewer) -> GoldenCase:
    """Ask a case of no version any more; what it says is emptied. Raises ValidationError when it is retired already."""
    by.require("ml.audit")
    locked = _in_force(case)
    locked.retired_at = timezone.now()
    locked.text, locked.features = "", {}
    locked.save(update_fields=["retired_at", "text", "features"])
    GOLDEN_CASE_RETIRED.record(
        by=by, subject_id=locked.pk, detail={"task": locked.task, "label": locked.label}
    )
    return locked


def _in_force(case: GoldenCase) -> GoldenCase:
    locked = GoldenCase.objects.in_force(case.task).select_for_update().filter(pk=case.pk).first()
    if locked is None:
        raise ValidationError(_("This case is retired."))
    return locked


def _label(choices: Sequence[str], label: str) -> str:
    label, allowed = label.strip(), list(choices)
    if not label or len(label) > 120 or (allowed and label not in allowed):
        raise ValidationError({"label": _("Choose one of: %s.") % ", ".join(allowed)})
    return label


def _stored(case: GoldenCase, label: str, reason: str, by: Viewer) -> GoldenCase:
    case.label, case.reason = label, reason.strip()[:2_000]
    case.save()
    GOLDEN_CASE_KEPT.record(by=by, subject_id=case.pk, detail={"task": case.task, "label": label})
    return case

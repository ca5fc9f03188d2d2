"""A label from outside the product's own pages: a correction, how a subject ended, or what quality assurance confirmed."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ml.models import Feedback
from ml.registry import ml_tasks
from ml.services.record_feedback import record_feedback
from people.viewer import Viewer

Source = Feedback.Source
# Audits have a door of their own, since their chance to be drawn counts; confirmations come with the prediction.
SOURCES = (Source.CORRECTION, Source.FINAL_STATE, Source.QA)


@transaction.atomic
def give_label(
    *, task: str, subject_id: int, label: str, source: Feedback.Source, by: Viewer
) -> tuple[Feedback, bool]:
    """Store a true label and say whether it is new; the same word of the same person about the same subject is stored once.

    It teaches the next training and changes nothing about the subject. A label with the source ``qa`` also counts for the
    guard over the version that answered, as an audit does. Raises PermissionDenied without ``ml.audit`` or for a subject that
    ``by`` may not see, LookupError for an unknown task, ValidationError for other sources and for labels that the task lacks.
    """
    by.require("ml.audit")
    part, label = ml_tasks.get(task), label.strip()
    if source not in SOURCES:
        raise ValidationError({"source": _("Choose one of: %s.") % ", ".join(SOURCES)})
    choices = part.choices()
    if not label or len(label) > 120 or (choices and label not in choices):
        raise ValidationError({"label": _("Choose one of: %s.") % ", ".join(choices)})
    if subject_id not in part.shown([subject_id], by):
        raise PermissionDenied(_("You may not see what this is about."))
    former = (
        Feedback.objects.filter(
            task=part.key, subject_kind=part.subject_kind, subject_id=subject_id, source=source
        )
        .order_by("-pk")
        .first()
    )
    if former is not None and (former.label, former.user_id) == (label, by.user_id):
        return former, False
    stored = record_feedback(
        task=part.key,
        subject_kind=part.subject_kind,
        subject_id=subject_id,
        label=label,
        source=source,
        by=by,
    )
    return stored, True

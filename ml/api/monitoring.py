"""REST of the watch over served models: audits, drift, labels, rollbacks, quality."""

from datetime import timedelta
from typing import Any, ClassVar

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from core.api.shapes import fields_of, taken
from ml.api import monitoring_shapes as shapes
from ml.models import AuditItem, DriftWindow, Feedback, RollbackEvent
from ml.quality import classes_to_label, confusions, label_queue, newest_learned, weekly_accuracy
from ml.registry import ml_tasks
from ml.services.answer_audit import answer_audit, skip_audit
from ml.services.end_stop import end_stop
from ml.services.give_label import give_label
from ml.trials import compare_shadow
from people.api.permissions import viewer_of

NOT_FOUND = OpenApiResponse(description="There is none with this id, or none that this key may see.")
_READ: dict[str, str] = {"GET": "ml.view"}
WEEKS = timedelta(weeks=12)


class AuditItems(APIView):
    """The blind audit."""

    required_permissions: ClassVar = _READ
    pagination_class = KeysetPagination
    listing = Listing(
        shapes.AuditItemOut,
        filters=[
            Filter("task", lookup="task"),
            Filter("state", lookup="state", choices=tuple(AuditItem.State.values)),
            Filter("since", "day", lookup="day__gte"),
        ],
        orders=("-id",),
    )

    @extend_schema(operation_id="ml_audit_items_list", responses=shapes.AuditItemOut(many=True))
    def get(self, request: Request) -> Response:
        """List drawn subjects, newest first."""
        return self.listing.answer(request, self, AuditItem.objects.visible_to(viewer_of(request)))


class AuditItemDetail(APIView):
    """One drawn subject."""

    required_permissions: ClassVar = _READ

    @extend_schema(
        operation_id="ml_audit_items_read", responses={200: shapes.AuditSubjectOut, 404: NOT_FOUND}
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read what there is to judge; only with the right to see the subject itself."""
        item = _item(request, pk)
        task = ml_tasks.get(item.task)
        shown = task.shown([item.subject_id], viewer_of(request)).get(item.subject_id)
        if shown is None:
            raise Http404
        told = {"item": item, "title": shown.title, "text": shown.text, "choices": list(task.choices())}
        return Response(shapes.AuditSubjectOut(told).data)


class AuditItemAnswer(APIView):
    """The answer to a drawn subject."""

    required_permissions: ClassVar = {"POST": "ml.audit"}

    @extend_schema(
        operation_id="ml_audit_items_answer",
        request=shapes.AuditAnswerIn,
        responses={200: shapes.AuditItemOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Label it; without a label it is skipped. Both need the right to see the subject."""
        item, by = _item(request, pk), viewer_of(request)
        label = _read(shapes.AuditAnswerIn, request)["label"]
        done = answer_audit(item=item, label=label, by=by) if label.strip() else skip_audit(item=item, by=by)
        return Response(shapes.AuditItemOut(done).data)


class DriftWindows(APIView):
    """Changes in what comes in."""

    required_permissions: ClassVar = _READ
    pagination_class = KeysetPagination
    listing = Listing(
        shapes.DriftWindowOut,
        filters=[
            Filter("task", lookup="task"),
            Filter("version", "id", lookup="version"),
            Filter("item", lookup="item"),
            Filter("verdict", lookup="verdict", choices=tuple(DriftWindow.Verdict.values)),
            Filter("since", "time", lookup="ends_at__gte"),
        ],
        orders=("-id",),
    )

    @extend_schema(operation_id="ml_drift_windows_list", responses=shapes.DriftWindowOut(many=True))
    def get(self, request: Request) -> Response:
        """List compared items of windows, newest first."""
        return self.listing.answer(request, self, DriftWindow.objects.visible_to(viewer_of(request)))


class FeedbackList(APIView):
    """Labels that people gave."""

    required_permissions: ClassVar = {**_READ, "POST": "ml.audit"}
    pagination_class = KeysetPagination
    listing = Listing(
        shapes.FeedbackOut,
        filters=[
            Filter("task", lookup="task"),
            Filter("source", lookup="source", choices=tuple(Feedback.Source.values)),
            Filter("version", "id", lookup="version"),
            Filter("since", "time", lookup="created_at__gte"),
        ],
        orders=("-id",),
    )

    @extend_schema(operation_id="ml_feedback_list", responses=shapes.FeedbackOut(many=True))
    def get(self, request: Request) -> Response:
        """List labels, newest first."""
        return self.listing.answer(request, self, Feedback.objects.visible_to(viewer_of(request)))

    @extend_schema(
        operation_id="ml_feedback_create",
        request=shapes.FeedbackIn,
        responses={200: shapes.FeedbackOut, 201: shapes.FeedbackOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Say what is true of a subject; the same word again gives the stored label. ``qa`` counts for the guard."""
        said = _read(shapes.FeedbackIn, request)
        if said["task"] not in ml_tasks:
            raise ValidationError(
                {"task": [_("Choose one of: %s.") % ", ".join(one.key for one in ml_tasks)]}
            )
        label, new = give_label(by=viewer_of(request), **said)
        return Response(shapes.FeedbackOut(label).data, status=201 if new else 200)


class Rollbacks(APIView):
    """What the watch did by itself."""

    required_permissions: ClassVar = _READ
    pagination_class = KeysetPagination
    listing = Listing(
        shapes.RollbackOut,
        filters=[
            Filter("task", lookup="task"),
            Filter("outcome", lookup="outcome", choices=tuple(RollbackEvent.Outcome.values)),
        ],
        orders=("-id",),
    )

    @extend_schema(operation_id="ml_rollbacks_list", responses=shapes.RollbackOut(many=True))
    def get(self, request: Request) -> Response:
        """List automatic rollbacks, freezes and pauses, newest first."""
        return self.listing.answer(request, self, RollbackEvent.objects.visible_to(viewer_of(request)))


class RollbackEnd(APIView):
    """The end of a freeze or pause."""

    required_permissions: ClassVar = {"POST": "ml.manage"}

    @extend_schema(
        operation_id="ml_rollbacks_end", request=None, responses={200: shapes.RollbackOut, 404: NOT_FOUND}
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let the task go on."""
        stop = get_object_or_404(RollbackEvent.objects.visible_to(viewer_of(request)), pk=pk)
        return Response(shapes.RollbackOut(end_stop(stop=stop, by=viewer_of(request))).data)


class TaskQuality(APIView):
    """How good a task's answers are."""

    required_permissions: ClassVar = _READ

    @extend_schema(operation_id="ml_tasks_quality", responses={200: shapes.QualityOut, 404: NOT_FOUND})
    def get(self, request: Request, key: str) -> Response:
        """Tell the accuracy of the last twelve weeks from blind audits, the most corrected pairs, what to label next."""
        if key not in ml_tasks:
            raise Http404
        viewer, since = viewer_of(request), (timezone.now() - WEEKS).date()
        told = {
            "weeks": weekly_accuracy(viewer, key, since=since),
            "confusions": confusions(viewer, key, since=since),
            "to_label": label_queue(viewer, key, since=since),
            "classes_to_label": classes_to_label(ml_tasks.get(key), newest_learned(key)),
        }
        return Response(shapes.QualityOut(told).data)


class TaskShadow(APIView):
    """The version in the shadow beside the one in service."""

    required_permissions: ClassVar = _READ

    @extend_schema(operation_id="ml_tasks_shadow", responses={200: shapes.ShadowOut, 404: NOT_FOUND})
    def get(self, request: Request, key: str) -> Response:
        """Compare what both said about the same subjects in four weeks; 404 while nothing is in the shadow."""
        found = compare_shadow(viewer_of(request), key) if key in ml_tasks else None
        if found is None:
            raise Http404
        return Response(shapes.ShadowOut(found).data)


def _item(request: Request, pk: int) -> AuditItem:
    return get_object_or_404(AuditItem.objects.visible_to(viewer_of(request)), pk=pk)


def _read(serializer: type[Any], request: Request) -> dict[str, Any]:
    values: dict[str, Any] = taken(serializer, request.data)
    unknown = sorted(set(request.data) - fields_of(serializer))
    if unknown:
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    return values

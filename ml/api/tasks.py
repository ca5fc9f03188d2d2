"""REST of tasks: what serves them, what served them before, the way back."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, select
from core.api.shapes import shown, taken
from ml.api.life_cycle_shapes import AliasChangeOut, ReasonIn, TaskOut
from ml.models import AliasChange, ModelAlias
from ml.registry import MLTask, ml_tasks
from ml.services.roll_back import roll_back
from ml.services.set_trial import end_trial
from people.api.permissions import viewer_of

VIEW, MANAGE = "ml.view", "ml.manage"


class Tasks(APIView):
    """What the product predicts."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_tasks_list", responses=TaskOut(many=True))
    def get(self, request: Request) -> Response:
        """List the tasks with the versions that serve them."""
        aliases = list(ModelAlias.objects.select_related("version").order_by("name"))
        rows = [_task_row(task, aliases) for task in ml_tasks]
        return Response(TaskOut(rows, many=True).data)


def _task_row(task: MLTask, aliases: Sequence[ModelAlias]) -> dict[str, Any]:
    own = [alias for alias in aliases if alias.task == task.key]
    return {"key": task.key, "title": str(task.title), "purpose": str(task.purpose), "aliases": own}


class TaskRollback(APIView):
    """The way back."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_task_roll_back", request=ReasonIn, responses=AliasChangeOut)
    @idempotent
    def post(self, request: Request, key: str) -> Response:
        """Put the champion before the present one back into service, or the task's own rules."""
        _known_task(key)
        reason = taken(ReasonIn, request.data)["reason"]
        return Response(shown(AliasChangeOut, roll_back(task=key, by=viewer_of(request), reason=reason)))


class TaskTrial(APIView):
    """A canary or a shadow that runs."""

    required_permissions: ClassVar = {"DELETE": MANAGE}

    @extend_schema(operation_id="ml_task_end_trial", responses={204: None})
    def delete(self, request: Request, key: str, name: str) -> Response:
        """End a trial."""
        _known_task(key)
        if not end_trial(task=key, name=name, by=viewer_of(request)):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class AliasChanges(APIView):
    """The history of what served."""

    required_permissions: ClassVar = {"GET": VIEW}
    pagination_class = KeysetPagination
    listing = Listing(
        AliasChangeOut,
        filters=[Filter("task", "text", lookup="task"), Filter("name", "text", lookup="name")],
        loads={"from_version": select("from_version"), "to_version": select("to_version")},
    )

    @extend_schema(operation_id="ml_alias_changes_list", responses=AliasChangeOut(many=True))
    def get(self, request: Request) -> Response:
        """List the moves of champions, canaries and shadows, the newest first."""
        return self.listing.answer(request, self, AliasChange.objects.all())


def _known_task(key: str) -> None:
    if key not in ml_tasks:
        raise Http404

"""REST of what belongs to one ticket beside its conversation: snooze, checklist, worked time."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from people.api.permissions import viewer_of
from people.models import User
from people.viewer import Viewer
from tickets.api.serializers import ByIdOrName, TicketPerson
from tickets.api.views import NOT_FOUND, read_body
from tickets.models import ChecklistItem, Ticket, TimeEntry
from tickets.selectors import ticket_of
from tickets.services.edit_checklist import add_step, change_step, delete_step, move_step
from tickets.services.log_time import change_time, delete_time, log_time
from tickets.services.snooze_ticket import snooze_ticket, wake_ticket

GONE = OpenApiResponse(description="It is gone.")


def all_of(name: str, row: type[serializers.BaseSerializer[Any]]) -> Any:
    """The schema of an answer that lists everything of a kind."""
    fields = {"results": row(many=True)}
    return type(name, (serializers.Serializer,), {**fields, "__doc__": "All of them, in their order."})


# --- snooze -----------------------------------------------------------------------------------------------------------


class SnoozeIn(serializers.Serializer[dict[str, Any]]):
    """When the ticket comes back, if the customer does not answer before."""

    until = serializers.DateTimeField()


class SnoozeOut(serializers.Serializer[Ticket]):
    """Until when a ticket is put aside."""

    snoozed_until = serializers.DateTimeField(allow_null=True)
    snoozed_by = serializers.IntegerField(source="snoozed_by_id", allow_null=True)


class TicketSnooze(APIView):
    """A ticket put aside."""

    required_permissions: ClassVar = {"GET": "tickets.view", "*": "tickets.edit"}

    @extend_schema(operation_id="ticket_snooze_read", responses={200: SnoozeOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Say until when the ticket is put aside, null when it is not."""
        return Response(SnoozeOut(ticket_of(viewer_of(request), pk)).data)

    @extend_schema(operation_id="ticket_snooze", request=SnoozeIn, responses={200: SnoozeOut, 404: NOT_FOUND})
    def put(self, request: Request, pk: int) -> Response:
        """Put the ticket aside until a time or the customer's next message."""
        wanted = read_body(SnoozeIn, request)
        viewer = viewer_of(request)
        ticket = snooze_ticket(ticket=ticket_of(viewer, pk), until=wanted["until"], by=viewer)
        return Response(SnoozeOut(ticket).data)

    @extend_schema(operation_id="ticket_wake", request=None, responses={200: SnoozeOut, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int) -> Response:
        """Take the ticket back."""
        viewer = viewer_of(request)
        return Response(SnoozeOut(wake_ticket(ticket=ticket_of(viewer, pk), by=viewer)).data)


# --- checklist --------------------------------------------------------------------------------------------------------


class StepIn(serializers.Serializer[dict[str, Any]]):
    """A step to add."""

    text = serializers.CharField(max_length=1000)


class StepChangeIn(serializers.Serializer[dict[str, Any]]):
    """What can be changed on a step; ``position`` counts from 0."""

    text = serializers.CharField(max_length=1000, required=False)
    done = serializers.BooleanField(required=False)
    position = serializers.IntegerField(min_value=0, required=False)


class StepOut(serializers.Serializer[ChecklistItem]):
    """A step of a checklist."""

    id = serializers.IntegerField()
    text = serializers.CharField()
    position = serializers.IntegerField()
    done_at = serializers.DateTimeField(allow_null=True)
    done_by = TicketPerson(allow_null=True)


class TicketChecklist(APIView):
    """The checklist of a ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_checklist_list",
        responses={200: all_of("TicketChecklistOut", StepOut), 404: NOT_FOUND},
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the steps in their order."""
        steps = ticket_of(viewer_of(request), pk).checklist.select_related("done_by")
        return Response({"results": StepOut(steps, many=True).data})  # type: ignore[arg-type]

    @extend_schema(
        operation_id="ticket_checklist_create",
        request=StepIn,
        responses={201: StepOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Add a step at the end."""
        wanted = read_body(StepIn, request)
        viewer = viewer_of(request)
        step = add_step(ticket=ticket_of(viewer, pk), text=wanted["text"], by=viewer)
        return Response(StepOut(step).data, status=status.HTTP_201_CREATED)


class TicketStep(APIView):
    """One step."""

    required_permissions: ClassVar = {"*": "tickets.edit"}

    @extend_schema(
        operation_id="ticket_checklist_update",
        request=StepChangeIn,
        responses={200: StepOut, 404: NOT_FOUND},
    )
    def patch(self, request: Request, pk: int, step_pk: int) -> Response:
        """Change the words of a step, tick it, or move it."""
        wanted = read_body(StepChangeIn, request)
        viewer = viewer_of(request)
        step = _step(viewer, pk, step_pk)
        change_step(item=step, text=wanted.get("text"), is_done=wanted.get("done"), by=viewer)
        if "position" in wanted:
            move_step(item=step, place=wanted["position"], by=viewer)
        return Response(StepOut(_step(viewer, pk, step_pk)).data)

    @extend_schema(operation_id="ticket_checklist_delete", responses={204: GONE, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int, step_pk: int) -> Response:
        """Take the step off the list."""
        viewer = viewer_of(request)
        delete_step(item=_step(viewer, pk, step_pk), by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _step(viewer: Viewer, ticket_pk: int, step_pk: int) -> ChecklistItem:
    steps = ChecklistItem.objects.select_related("done_by")
    return get_object_or_404(steps, pk=step_pk, ticket=ticket_of(viewer, ticket_pk))


# --- worked time ------------------------------------------------------------------------------------------------------


class TimeIn(serializers.Serializer[dict[str, Any]]):
    """Worked time to log. ``user`` is for integrations: people log their own."""

    minutes = serializers.IntegerField(min_value=1)
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")
    worked_on = serializers.DateField(required=False, help_text=_("Today unless it is given."))
    user = ByIdOrName(User, "email", required=False, allow_null=True, default=None)


class TimeChangeIn(serializers.Serializer[dict[str, Any]]):
    """What can be corrected."""

    minutes = serializers.IntegerField(min_value=1, required=False)
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    worked_on = serializers.DateField(required=False)


class TimeOut(serializers.Serializer[TimeEntry]):
    """Worked time."""

    id = serializers.IntegerField()
    user = TicketPerson(allow_null=True)
    minutes = serializers.IntegerField()
    note = serializers.CharField()
    worked_on = serializers.DateField()
    created_at = serializers.DateTimeField()


class TicketTimeOut(serializers.Serializer[Any]):
    """All worked time of a ticket, newest first, with its sum."""

    minutes = serializers.IntegerField(help_text=_("The sum."))
    results = TimeOut(many=True)


class TicketTime(APIView):
    """The worked time of a ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.note"}

    @extend_schema(operation_id="ticket_time_list", responses={200: TicketTimeOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """List the entries with their sum."""
        entries = list(ticket_of(viewer_of(request), pk).time_entries.select_related("user"))
        total = sum(entry.minutes for entry in entries)
        results = TimeOut(entries, many=True).data  # type: ignore[arg-type]
        return Response({"minutes": total, "results": results})

    @extend_schema(
        operation_id="ticket_time_create",
        request=TimeIn,
        responses={201: TimeOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Log worked time."""
        wanted = read_body(TimeIn, request)
        viewer = viewer_of(request)
        entry = log_time(ticket=ticket_of(viewer, pk), by=viewer, **wanted)
        return Response(TimeOut(entry).data, status=status.HTTP_201_CREATED)


class TicketTimeEntry(APIView):
    """One entry of worked time."""

    required_permissions: ClassVar = {"*": "tickets.note"}

    @extend_schema(
        operation_id="ticket_time_update", request=TimeChangeIn, responses={200: TimeOut, 404: NOT_FOUND}
    )
    def patch(self, request: Request, pk: int, entry_pk: int) -> Response:
        """Correct an entry of one's own; an integration corrects any."""
        wanted = read_body(TimeChangeIn, request)
        viewer = viewer_of(request)
        return Response(TimeOut(change_time(entry=_entry(viewer, pk, entry_pk), by=viewer, **wanted)).data)

    @extend_schema(operation_id="ticket_time_delete", responses={204: GONE, 404: NOT_FOUND})
    def delete(self, request: Request, pk: int, entry_pk: int) -> Response:
        """Take back an entry of one's own; an integration takes back any."""
        viewer = viewer_of(request)
        delete_time(entry=_entry(viewer, pk, entry_pk), by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _entry(viewer: Viewer, ticket_pk: int, entry_pk: int) -> TimeEntry:
    return get_object_or_404(TimeEntry, pk=entry_pk, ticket=ticket_of(viewer, ticket_pk))

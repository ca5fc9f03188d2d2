"""REST of lists: views with their numbers and tickets, and acts on many tickets at once."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refused
from django.db import transaction
from django.db.models import Count
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import Steps, idempotent, idempotent_in_steps
from core.api.reading import fields_parameter, wanted_fields
from core.api.versions import Versioned
from people.api.permissions import viewer_of
from people.models import Team
from people.viewer import Viewer
from tickets.api.serializers import ByIdOrName, TicketOut
from tickets.api.views import TICKETS
from tickets.bulk_acts import BULK_KINDS
from tickets.conditions import is_permitted
from tickets.list_views import views_of
from tickets.models import BulkAct, BulkItem, SavedView
from tickets.selectors import (
    FILTERS,
    SORTS,
    WHERE,
    CursorError,
    counted_views,
    sort_for,
    ticket_page,
    tickets_in_view,
)
from tickets.services.change_many import (
    MOST_OF_VIEW,
    cancel_bulk_act,
    may_undo,
    own_bulk_acts,
    plan_bulk_act,
    run_bulk_act,
    undo_bulk_act,
)
from tickets.services.save_view import delete_view, save_view

NO_VIEW = OpenApiResponse(description="No such view, or none that this key may see.")
NO_ACT = OpenApiResponse(description="No such act of this key or person.")
MOST_FAILURES = 200
# Each act asks for its own.
_BULK_PERMISSIONS = ("tickets.edit", "tickets.assign", "tickets.note")


class ViewOut(serializers.Serializer[Any]):
    """A view with its number. ``id`` is null for the built-in ones; ``count`` is null while a new view is being counted."""

    key = serializers.CharField()
    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    group = serializers.CharField(help_text=_("Empty (built in), team, everyone or personal."))
    team = serializers.IntegerField(allow_null=True)
    condition = serializers.DictField()
    sort = serializers.CharField()
    columns = serializers.ListField(child=serializers.CharField())
    count = serializers.IntegerField(allow_null=True)


class ViewIn(serializers.Serializer[dict[str, Any]]):
    """A saved view. A key keeps views for teams and everyone, a person also personal ones."""

    name = serializers.CharField(max_length=60)
    condition = serializers.JSONField(default=dict, help_text=_("As in rules; {} is every ticket."))
    scope = serializers.ChoiceField(choices=["personal", "team", "everyone"], default="everyone")
    team = ByIdOrName(Team, "name", allow_null=True, default=None)
    sort = serializers.ChoiceField(choices=sorted(SORTS), default="sla")
    columns = serializers.ListField(child=serializers.CharField(max_length=60), max_length=24, default=list)


class ViewTicketsOut(serializers.Serializer[Any]):
    """A page of a view; ``next_cursor`` is empty on the last one."""

    next_cursor = serializers.CharField()
    results = TicketOut(many=True)


class BulkIn(serializers.Serializer[dict[str, Any]]):
    """An act, its value, and on which tickets: their ids, or all that are in a view (with filters) at this moment."""

    act = serializers.ChoiceField(choices=sorted(BULK_KINDS))
    value = serializers.DictField(
        default=dict,
        help_text=_(
            "status, priority, assignee, team and category, type, tags {add, remove}, until, into and "
            "confirm_different_requesters, macro: by the act."
        ),
    )
    tickets = serializers.ListField(
        child=serializers.IntegerField(min_value=1), max_length=MOST_OF_VIEW, required=False
    )
    view = serializers.CharField(max_length=32, required=False)
    filters = serializers.DictField(child=serializers.CharField(), required=False, default=dict)


class BulkFailureOut(serializers.Serializer[Any]):
    """A ticket that was not changed, and why."""

    ticket = serializers.IntegerField()
    number = serializers.IntegerField()
    reason = serializers.CharField()


class BulkOut(serializers.Serializer[Any]):
    """How far an act is and what became of it. ``failures`` are at most 200."""

    reference = serializers.CharField()
    act = serializers.CharField()
    words = serializers.CharField()
    state = serializers.ChoiceField(choices=["running", "done", "cancelled"])
    undo_state = serializers.CharField(help_text=_("Empty, running or done."))
    may_undo = serializers.BooleanField()
    total = serializers.IntegerField()
    waiting = serializers.IntegerField()
    changed = serializers.IntegerField()
    same = serializers.IntegerField()
    refused = serializers.IntegerField()
    undone = serializers.IntegerField()
    kept = serializers.IntegerField(help_text=_("Not taken back, because it was changed since."))
    failed = serializers.IntegerField(
        help_text=_("Not changed, or not taken back, because of trouble on our side.")
    )
    failures = BulkFailureOut(many=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


def _all_views(viewer: Viewer) -> list[dict[str, Any]]:
    """Every view of the viewer as ViewOut. Three queries."""
    rules = views_of(viewer)
    return [
        {
            "key": rule.key,
            "id": None if rule.saved is None else rule.saved.pk,
            "name": str(rule.label),
            "group": rule.group,
            "team": None if rule.saved is None else rule.saved.team_id,
            "condition": dict(rule.condition),
            "sort": rule.sort,
            "columns": list(rule.columns),
            "count": view.count,
        }
        for rule, view in zip(rules, counted_views(viewer, rules), strict=True)
    ]


def _one_view(viewer: Viewer, pk: int) -> dict[str, Any]:
    for view in _all_views(viewer):
        if view["id"] == pk:
            return view
    raise Http404(_("There is no such view."))


def _saved(viewer: Viewer, pk: int) -> SavedView:
    found = SavedView.objects.visible_to(viewer).select_for_update(of=("self",)).filter(pk=pk).first()
    if found is None or not is_permitted(found.condition, viewer):
        raise Http404(_("There is no such view."))
    return found


def _read(serializer: type[Any], request: Request, *, partial: bool = False) -> dict[str, Any]:
    wanted = serializer(data=request.data, partial=partial)
    wanted.is_valid(raise_exception=True)
    unknown = sorted(set(request.data) - set(wanted.fields))
    if unknown:
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    values: dict[str, Any] = wanted.validated_data
    return values


class ViewList(APIView):
    """The views of a key or person."""

    required_permissions: ClassVar = {"*": "tickets.view"}
    key_permissions: ClassVar = {"POST": "tickets.share_views"}

    @extend_schema(operation_id="views_list", responses=ViewOut(many=True))
    def get(self, request: Request) -> Response:
        """List all views, built-in ones first, with the numbers of tickets in them; nothing is counted for this."""
        return Response(ViewOut(_all_views(viewer_of(request)), many=True).data)

    @extend_schema(operation_id="views_create", request=ViewIn, responses={201: ViewOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep a view."""
        viewer = viewer_of(request)
        saved = save_view(by=viewer, **_read(ViewIn, request))
        return Response(ViewOut(_one_view(viewer, saved.pk)).data, status=status.HTTP_201_CREATED)


class ViewDetail(Versioned, APIView):
    """One saved view."""

    shape = ViewOut
    changes = ViewIn
    required_permissions: ClassVar = {"*": "tickets.view"}
    key_permissions: ClassVar = {"PATCH": "tickets.share_views", "DELETE": "tickets.share_views"}

    @extend_schema(operation_id="views_read", responses={200: ViewOut, 404: NO_VIEW})
    def get(self, request: Request, pk: int) -> Response:
        """Read a saved view with its number."""
        return self.answer(request, ViewOut(_one_view(viewer_of(request), pk)).data)

    @extend_schema(operation_id="views_update", request=ViewIn, responses={200: ViewOut, 404: NO_VIEW})
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named, keep the rest."""
        viewer = viewer_of(request)
        with transaction.atomic():
            found = _saved(viewer, pk)
            self.check_version(request, lambda: ViewOut(_one_view(viewer, pk)).data)
            self._change(found, request, viewer)
        return self.answer(request, ViewOut(_one_view(viewer, pk)).data)

    def _change(self, found: SavedView, request: Request, viewer: Viewer) -> None:
        kept = {
            name: getattr(found, name) for name in ("name", "condition", "scope", "team", "sort", "columns")
        }
        # defaults of fields that were not sent must not come in between
        sent = {
            name: value
            for name, value in _read(ViewIn, request, partial=True).items()
            if name in request.data
        }
        save_view(by=viewer, view=found, icon=found.icon, **(kept | sent))

    @extend_schema(operation_id="views_delete", responses={204: None, 404: NO_VIEW})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a view; its tickets stay."""
        viewer = viewer_of(request)
        with transaction.atomic():
            found = _saved(viewer, pk)
            self.check_version(request, lambda: ViewOut(_one_view(viewer, pk)).data)
            delete_view(view=found, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ViewTickets(APIView):
    """The tickets of a view, by its key: built-in, of a team, or saved."""

    required_permissions: ClassVar = {"*": "tickets.view"}

    @extend_schema(
        operation_id="view_tickets_list",
        parameters=[
            OpenApiParameter("sort", str, enum=sorted(SORTS)),
            OpenApiParameter("cursor", str, description="next_cursor of the page before"),
            OpenApiParameter("limit", int, description="at most 200"),
            *(one.parameter() for one in TICKETS.filters.values()),
            fields_parameter(),
        ],
        responses={200: ViewTicketsOut, 404: NO_VIEW},
    )
    def get(self, request: Request, key: str) -> Response:
        """List tickets in the order of the view, or another."""
        viewer = viewer_of(request)
        rule = next((one for one in views_of(viewer) if one.key == key), None)
        if rule is None:
            raise Http404(_("There is no such view."))
        query = request.query_params
        limit = query.get("limit", "50")
        wanted = wanted_fields(request, TicketOut)
        try:
            tickets, next_cursor = ticket_page(
                viewer,
                view=rule,
                sort=query.get("sort") or sort_for(rule, viewer),
                cursor=query.get("cursor", ""),
                limit=int(limit) if limit.isascii() and limit.isdecimal() and len(limit) < 6 else 50,
                filters={name: query[name] for name in query if name in FILTERS or name == WHERE},
                load=lambda rows: TICKETS.loaded(rows, wanted),
            )
        except CursorError as error:
            raise ValidationError({"cursor": [str(error)]}) from error
        except LookupError as error:
            raise ValidationError({"sort": [_("There is no such order.")]}) from error
        return Response({"next_cursor": next_cursor, "results": TICKETS.shown(tickets, wanted)})


def _bulk_out(bulk: BulkAct) -> dict[str, Any]:
    counts = dict(
        bulk.items.values("state").annotate(number=Count("pk")).order_by().values_list("state", "number")
    )
    states = BulkItem.State
    not_done = [states.REFUSED, states.FAILED, states.KEPT, states.UNDO_FAILED]
    failed = bulk.items.filter(state__in=not_done).select_related("ticket").order_by("pk")
    return {
        **{
            name: getattr(bulk, name)
            for name in ("reference", "act", "words", "state", "undo_state", "total")
        },
        "may_undo": may_undo(bulk),
        "waiting": counts.get(states.WAITING, 0),
        "changed": counts.get(states.DONE, 0),
        "same": counts.get(states.SAME, 0),
        "refused": counts.get(states.REFUSED, 0),
        "undone": counts.get(states.UNDONE, 0),
        "kept": counts.get(states.KEPT, 0),
        "failed": counts.get(states.FAILED, 0) + counts.get(states.UNDO_FAILED, 0),
        "failures": [
            {"ticket": item.ticket_id, "number": item.ticket.number, "reason": item.reason}
            for item in failed[:MOST_FAILURES]
        ],
        "created_at": bulk.created_at,
        "finished_at": bulk.finished_at,
    }


def _bulk(viewer: Viewer, reference: str) -> BulkAct:
    found = own_bulk_acts(viewer).filter(reference=reference).first()
    if found is None:
        raise Http404(_("There is no such act."))
    return found


def _wanted_ids(viewer: Viewer, wanted: dict[str, Any]) -> list[int]:
    """The ids that were named, or a snapshot of the view."""
    if ("view" in wanted) is ("tickets" in wanted):
        raise ValidationError({"tickets": [_("Name tickets, or a view.")]})
    if "tickets" in wanted:
        return list(wanted["tickets"])
    try:
        tickets = tickets_in_view(viewer, view=wanted["view"], filters=wanted["filters"])
    except LookupError:
        raise ValidationError({"view": [_("There is no such view.")]}) from None
    except Refused as error:
        raise ValidationError({"filters": error.messages}) from error
    return list(tickets.order_by("pk").values_list("pk", flat=True)[: MOST_OF_VIEW + 1])


def _progress(bulk: BulkAct) -> Response:
    over = bulk.state != BulkAct.State.RUNNING
    return Response(
        BulkOut(_bulk_out(bulk)).data, status=status.HTTP_200_OK if over else status.HTTP_202_ACCEPTED
    )


def _how_far(request: Request, pointer: Mapping[str, Any]) -> Response:
    """What a request that was never answered has begun; it is finished by a job."""
    return _progress(_bulk(viewer_of(request), pointer["reference"]))


class BulkActs(APIView):
    """Acts on many tickets."""

    required_permissions: ClassVar = {"*": "tickets.view"}
    key_permissions: ClassVar = {"POST": _BULK_PERMISSIONS}

    @extend_schema(
        operation_id="tickets_bulk_create",
        request=BulkIn,
        responses={200: BulkOut, 202: BulkOut},
    )
    @idempotent_in_steps(_how_far)
    def post(self, request: Request, *, steps: Steps) -> Response:
        """Do one thing to many tickets, each for itself. 200 when it is over, 202 when it goes on: read its state.

        Each ticket is committed for itself. When the connection breaks, a repetition with the same Idempotency-Key tells how far
        the act is and starts no second one.
        """
        viewer = viewer_of(request)
        wanted = _read(BulkIn, request)
        ids = _wanted_ids(viewer, wanted)
        with transaction.atomic():
            bulk = plan_bulk_act(act=wanted["act"], value=wanted["value"], ticket_ids=ids, by=viewer)
            steps.begun({"reference": bulk.reference})
        return _progress(run_bulk_act(bulk=bulk, by=viewer))


class BulkActDetail(APIView):
    """One act on many tickets."""

    required_permissions: ClassVar = {"*": "tickets.view"}

    @extend_schema(operation_id="tickets_bulk_read", responses={200: BulkOut, 404: NO_ACT})
    def get(self, request: Request, reference: str) -> Response:
        """Say how far it is and what failed."""
        return Response(BulkOut(_bulk_out(_bulk(viewer_of(request), reference))).data)


class BulkActUndo(APIView):
    """The way back."""

    required_permissions: ClassVar = {"*": "tickets.view"}
    key_permissions: ClassVar = {"POST": _BULK_PERMISSIONS}

    @extend_schema(operation_id="tickets_bulk_undo", request=None, responses={200: BulkOut, 404: NO_ACT})
    @idempotent
    def post(self, request: Request, reference: str) -> Response:
        """Take the act back within ten minutes, except on tickets that were changed since."""
        viewer = viewer_of(request)
        return Response(BulkOut(_bulk_out(undo_bulk_act(bulk=_bulk(viewer, reference), by=viewer))).data)


class BulkActCancel(APIView):
    """The stop."""

    required_permissions: ClassVar = {"*": "tickets.view"}
    key_permissions: ClassVar = {"POST": _BULK_PERMISSIONS}

    @extend_schema(operation_id="tickets_bulk_cancel", request=None, responses={200: BulkOut, 404: NO_ACT})
    @idempotent
    def post(self, request: Request, reference: str) -> Response:
        """Leave alone what has not been changed yet."""
        viewer = viewer_of(request)
        return Response(BulkOut(_bulk_out(cancel_bulk_act(bulk=_bulk(viewer, reference), by=viewer))).data)

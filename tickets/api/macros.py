"""REST of canned replies and macros: keep them, preview them, apply them."""

from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Filter, Listing
from core.api.versions import Versioned
from people.api.permissions import viewer_of
from people.models import Team
from people.viewer import Viewer
from tickets.api.serializers import ByIdOrName
from tickets.api.views import NOT_FOUND
from tickets.models import Macro
from tickets.selectors import ticket_of
from tickets.services.apply_macro import apply_macro, preview_macro
from tickets.services.reply_to_ticket import NewerMessage
from tickets.services.save_macro import delete_macro, save_macro

NO_MACRO = OpenApiResponse(description="No such macro, or none that this key may see.")
FIELDS = (
    "name", "kind", "folder", "shortcut", "scope", "team", "reply", "note", "sends", "actions", "condition", "channels",
    "position", "is_active",
)  # fmt: skip


class MacroIn(serializers.Serializer[dict[str, Any]]):
    """A canned reply or a macro. ``actions`` are ``{"action": "status", "status": "resolved"}`` and the like."""

    name = serializers.CharField(max_length=80)
    kind = serializers.ChoiceField(choices=Macro.Kind.choices, default=Macro.Kind.CANNED)
    folder = serializers.CharField(max_length=60, allow_blank=True, default="")
    shortcut = serializers.CharField(max_length=32, allow_blank=True, default="")
    scope = serializers.ChoiceField(choices=["team", "everyone"], default="everyone")
    team = ByIdOrName(Team, "name", allow_null=True, default=None)
    reply = serializers.CharField(max_length=20_000, allow_blank=True, trim_whitespace=False, default="")
    note = serializers.CharField(max_length=20_000, allow_blank=True, trim_whitespace=False, default="")
    sends = serializers.BooleanField(default=False)
    actions = serializers.ListField(child=serializers.DictField(), max_length=20, default=list)
    condition = serializers.JSONField(default=dict, help_text=_("As in views and rules; {} is every ticket."))
    channels = serializers.ListField(
        child=serializers.CharField(max_length=32),
        max_length=40,
        default=list,
        help_text=_("Keys of the channels by which the reply may leave; empty for all."),
    )
    position = serializers.IntegerField(min_value=0, max_value=999, default=0)
    is_active = serializers.BooleanField(default=True)


class MacroOut(serializers.ModelSerializer[Macro]):
    """A macro as it is kept."""

    team = serializers.IntegerField(source="team_id", allow_null=True)
    actions = serializers.ListField(child=serializers.DictField())
    condition = serializers.DictField()
    channels = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Macro
        fields: ClassVar = ["id", *FIELDS, "use_count", "last_used_at", "created_at", "updated_at"]


class MacroPreviewOut(serializers.Serializer[Any]):
    """What a macro would do: texts with their variables replaced, actions in words."""

    reply = serializers.CharField()
    note = serializers.CharField()
    sends = serializers.BooleanField()
    actions = serializers.ListField(child=serializers.CharField(), source="acts")
    unfilled = serializers.ListField(
        child=serializers.CharField(), help_text=_("Variables without a value on this ticket.")
    )
    refusal = serializers.CharField(help_text=_("Why it cannot be applied; empty when it can."))


class MacroApplyIn(serializers.Serializer[dict[str, Any]]):
    """On which state of the conversation the macro is applied."""

    seen_message_id = serializers.IntegerField(min_value=0, required=False, allow_null=True, default=None)


class MacroResultOut(serializers.Serializer[Any]):
    """What a macro did. ``draft`` is a reply that was not sent."""

    ticket = serializers.IntegerField(source="ticket.pk")
    actions = serializers.ListField(child=serializers.CharField(), source="acts")
    note = serializers.IntegerField(source="note.pk", allow_null=True, default=None)
    answer = serializers.IntegerField(source="answer.pk", allow_null=True, default=None)
    draft = serializers.CharField()
    unfilled = serializers.ListField(child=serializers.CharField())


class MacroList(APIView):
    """All macros that this key sees."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.share_macros"}
    pagination_class = KeysetPagination
    listing = Listing(
        MacroOut,
        filters=[
            Filter("kind", lookup="kind", choices=tuple(Macro.Kind.values)),
            Filter("folder", lookup="folder"),
            Filter("team", "id", lookup="team", none=True),
            Filter("scope", lookup="scope", choices=("team", "everyone", "personal")),
            Filter("is_active", "flag", lookup="is_active"),
            Filter("updated_since", "time", lookup="updated_at__gte"),
        ],
        orders=("-id", "updated_at", "name", "position"),
    )

    @extend_schema(
        operation_id="macros_list",
        responses=MacroOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List macros, newest first."""
        return self.listing.answer(request, self, Macro.objects.visible_to(viewer_of(request)))

    @extend_schema(operation_id="macros_create", request=MacroIn, responses={201: MacroOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Keep a new macro for a team or everyone."""
        saved = save_macro(by=viewer_of(request), **_read(request))
        return Response(MacroOut(saved).data, status=status.HTTP_201_CREATED)


class MacroDetail(Versioned, APIView):
    """One macro."""

    shape = MacroOut
    changes = MacroIn
    required_permissions: ClassVar = {
        "GET": "tickets.view",
        "PATCH": "tickets.share_macros",
        "DELETE": "tickets.share_macros",
    }

    @extend_schema(operation_id="macros_read", responses={200: MacroOut, 404: NO_MACRO})
    def get(self, request: Request, pk: int) -> Response:
        """Read a macro."""
        return self.answer(request, MacroOut(_macro(viewer_of(request), pk)).data)

    @extend_schema(operation_id="macros_update", request=MacroIn, responses={200: MacroOut, 404: NO_MACRO})
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named, keep the rest."""
        viewer = viewer_of(request)
        wanted = _read(request, partial=True)
        with transaction.atomic():
            macro = _locked(viewer, pk)
            self.check_version(request, lambda: MacroOut(macro).data)
            kept = {name: getattr(macro, name) for name in FIELDS}
            saved = save_macro(by=viewer, macro=macro, **(kept | wanted))
        return self.answer(request, MacroOut(saved).data)

    @extend_schema(operation_id="macros_delete", request=None, responses={204: None, 404: NO_MACRO})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a macro; what it has done stays done."""
        viewer = viewer_of(request)
        with transaction.atomic():
            macro = _locked(viewer, pk)
            self.check_version(request, lambda: MacroOut(macro).data)
            delete_macro(macro=macro, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TicketMacro(APIView):
    """One macro on one ticket."""

    required_permissions: ClassVar = {"GET": "tickets.view", "POST": "tickets.note"}

    @extend_schema(operation_id="ticket_macros_preview", responses={200: MacroPreviewOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int, macro_pk: int) -> Response:
        """Say what the macro would do; nothing changes."""
        viewer = viewer_of(request)
        preview = preview_macro(ticket=ticket_of(viewer, pk), macro=_macro(viewer, macro_pk), by=viewer)
        return Response(MacroPreviewOut(preview).data)

    @extend_schema(
        operation_id="ticket_macros_apply",
        request=MacroApplyIn,
        responses={200: MacroResultOut, 404: NOT_FOUND},
    )
    @idempotent
    def post(self, request: Request, pk: int, macro_pk: int) -> Response:
        """Apply the macro: all of it or nothing."""
        viewer = viewer_of(request)
        wanted = MacroApplyIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            result = apply_macro(
                ticket=ticket_of(viewer, pk),
                macro=_macro(viewer, macro_pk),
                by=viewer,
                **wanted.validated_data,
            )
        except NewerMessage as newer:
            raise Conflict(str(newer)) from newer
        return Response(MacroResultOut(result).data)


def _macro(viewer: Viewer, pk: int) -> Macro:
    return Macro.objects.visible_to(viewer).get(pk=pk)


def _locked(viewer: Viewer, pk: int) -> Macro:
    return Macro.objects.visible_to(viewer).select_for_update(of=("self",)).get(pk=pk)


def _read(request: Request, *, partial: bool = False) -> dict[str, Any]:
    """Return the validated body; of a partial one only what was sent. Unknown fields are refused."""
    wanted = MacroIn(data=request.data, partial=partial)
    wanted.is_valid(raise_exception=True)
    unknown = sorted(set(request.data) - set(wanted.fields))
    if unknown:
        raise serializers.ValidationError({name: [_("There is no such field.")] for name in unknown})
    values: dict[str, Any] = wanted.validated_data
    return values

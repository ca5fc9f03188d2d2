"""REST of what an installation says about its tickets: statuses, types, custom fields and tags, read and set up."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refused
from django.db import models, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Filter, Listing
from core.api.versions import Versioned
from people.api.permissions import viewer_of
from people.models import Skill
from tickets.api.properties import all_of
from tickets.api.serializers import ByIdOrName
from tickets.api.views import read_body
from tickets.models import CustomField, Status, Tag, TicketType
from tickets.services.move_in_order import Ordered, move_in_order
from tickets.services.save_custom_field import (
    LONGEST_OPTION,
    MOST_OPTIONS,
    delete_custom_field,
    save_custom_field,
)
from tickets.services.save_status import BUILT_IN, delete_status, save_status
from tickets.services.save_tag import delete_tag, merge_tag, save_tag
from tickets.services.save_ticket_type import delete_ticket_type, save_ticket_type
from tickets.tag_names import LONGEST_TAG

NOT_HERE = OpenApiResponse(description="There is none here.")
IN_USE = OpenApiResponse(description="Something needs it, see ``detail``.")
_POSITION = gettext_lazy("The place in the order of menus, counted from 0.")
_PERMISSION = "tickets.configure"
_READERS = ("tickets.view", _PERMISSION)


class _Configuration(APIView):
    """Who works with tickets reads what is set up; changing it is a permission of its own."""

    required_permissions: ClassVar = {
        "GET": _READERS,
        "HEAD": _READERS,
        "OPTIONS": _READERS,
        "*": _PERMISSION,
    }


def _changed(
    sent: dict[str, Any],
    row: models.Model,
    *,
    keep: Sequence[str],
    fixed: Sequence[str] = (),
) -> tuple[dict[str, Any], int | None]:
    """Return what the row shall be, with what was not sent as it is, and the place it shall have (None: the same).

    The row is locked until it is saved, so that what was not sent stays as somebody else has just made it. Raises
    ValidationError naming a field that cannot be changed any more.
    """
    refused = {
        name: [_("It is fixed once it is there.")]
        for name in fixed
        if name in sent and sent.pop(name) != getattr(row, name)
    }
    if refused:
        raise ValidationError(refused)
    place = sent.pop("position", None)
    return {name: getattr(row, name) for name in keep} | sent, place


def _placed(row: Ordered, place: int | None, request: Request) -> None:
    """Move the row to its place, when one was named."""
    if place is not None:
        move_in_order(row=row, to=place, by=viewer_of(request))
        row.refresh_from_db()


def _delete(delete: Callable[[], Any]) -> Any:
    """Delete; what stands in the way is a conflict."""
    try:
        return delete()
    except Refused as error:
        raise Conflict(" ".join(error.messages)) from error


# --- statuses ---------------------------------------------------------------------------------------------------------


class TicketStatusOut(serializers.ModelSerializer[Status]):
    """A status. ``category`` says what it means; built-in ones can be renamed, not taken away."""

    is_built_in = serializers.SerializerMethodField()

    class Meta:
        model = Status
        fields: ClassVar = [
            "key", "name", "category", "customer_label", "pauses_sla", "position", "is_active", "is_built_in",
        ]  # fmt: skip

    def get_is_built_in(self, row: Status) -> bool:
        """Whether the product itself gives it."""
        return row.pk in BUILT_IN


class TicketStatusIn(serializers.Serializer[dict[str, Any]]):
    """A status. ``category`` is fixed once it is there; ``replacement`` is what its tickets get when it goes out of use."""

    name = serializers.CharField(max_length=60)
    customer_label = serializers.CharField(
        max_length=60, help_text=_("What customers read about their ticket.")
    )
    category = serializers.ChoiceField(
        choices=[one for one in Status.Category.choices if one[0] != Status.Category.NEW]
    )
    pauses_sla = serializers.BooleanField(default=False)
    is_active = serializers.BooleanField(default=True)
    position = serializers.IntegerField(min_value=0, required=False, help_text=_POSITION)


class TicketStatusChangeIn(TicketStatusIn):
    """What can be changed on a status."""

    category = serializers.CharField(  # type: ignore[assignment]
        max_length=12, help_text=_("Fixed: as it is, or left out.")
    )
    replacement = ByIdOrName(
        Status,
        "key",
        required=False,
        allow_null=True,
        help_text=_("Key of the status that its tickets get when it goes out of use."),
    )


class TicketStatuses(_Configuration):
    """The statuses."""

    @extend_schema(
        operation_id="ticket_statuses_list", responses=all_of("TicketStatusesOut", TicketStatusOut)
    )
    def get(self, request: Request) -> Response:
        """List the statuses in their order."""
        return Response({"results": TicketStatusOut(Status.objects.all(), many=True).data})

    @extend_schema(
        operation_id="ticket_statuses_create",
        request=TicketStatusIn,
        responses={201: TicketStatusOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a status; its key is made of its name."""
        wanted = read_body(TicketStatusIn, request)
        place = wanted.pop("position", None)
        with transaction.atomic():
            row = save_status(by=viewer_of(request), **wanted)
            _placed(row, place, request)
        return Response(TicketStatusOut(row).data, status=status.HTTP_201_CREATED)


class TicketStatusDetail(Versioned, _Configuration):
    """One status."""

    shape = TicketStatusOut
    changes = TicketStatusChangeIn

    @extend_schema(operation_id="ticket_statuses_read", responses={200: TicketStatusOut, 404: NOT_HERE})
    def get(self, request: Request, key: str) -> Response:
        """Read a status."""
        return self.answer(request, TicketStatusOut(Status.objects.get(pk=key)).data)

    @extend_schema(
        operation_id="ticket_statuses_update",
        request=TicketStatusChangeIn,
        responses={200: TicketStatusOut, 404: NOT_HERE},
    )
    def patch(self, request: Request, key: str) -> Response:
        """Change what is named. Taking one out of use that tickets have needs a ``replacement``; a job gives it to them."""
        sent = read_body(TicketStatusChangeIn, request, partial=True)
        keep = ("name", "customer_label", "pauses_sla", "is_active")
        with transaction.atomic():
            row = Status.objects.select_for_update().get(pk=key)
            self.check_version(request, lambda: TicketStatusOut(row).data)
            wanted, place = _changed(sent, row, keep=keep, fixed=["category"])
            saved = save_status(status=row, by=viewer_of(request), **wanted)
            _placed(saved, place, request)
        return self.answer(request, TicketStatusOut(saved).data)

    @extend_schema(operation_id="ticket_statuses_delete", responses={204: None, 404: NOT_HERE, 409: IN_USE})
    def delete(self, request: Request, key: str) -> Response:
        """Delete a status that no ticket has."""
        with transaction.atomic():
            row = Status.objects.select_for_update().get(pk=key)
            self.check_version(request, lambda: TicketStatusOut(row).data)
            _delete(lambda: delete_status(status=row, by=viewer_of(request)))
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- types ------------------------------------------------------------------------------------------------------------


class TicketTypeOut(serializers.ModelSerializer[TicketType]):
    """A type with the steps that its tickets start with and the ids of the skills that they need."""

    checklist = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = TicketType
        fields: ClassVar = [
            "id",
            "name",
            "description",
            "checklist",
            "required_skills",
            "position",
            "is_active",
        ]


class TicketTypeIn(serializers.Serializer[dict[str, Any]]):
    """A type of tickets."""

    name = serializers.CharField(max_length=60)
    description = serializers.CharField(max_length=200, allow_blank=True, default="")
    checklist = serializers.ListField(
        child=serializers.CharField(max_length=1000),
        max_length=200,
        default=list,
        help_text=_("The steps that a ticket gets with the type."),
    )
    required_skills = serializers.ListField(
        child=ByIdOrName(Skill, "name"),
        max_length=100,
        required=False,
        help_text=_("Ids or names: what its tickets need in teams that assign by skills."),
    )
    is_active = serializers.BooleanField(default=True)
    position = serializers.IntegerField(min_value=0, required=False, help_text=_POSITION)


class TicketTypes(_Configuration):
    """The ticket types."""

    @extend_schema(operation_id="ticket_types_list", responses=all_of("TicketTypesOut", TicketTypeOut))
    def get(self, request: Request) -> Response:
        """List the ticket types in their order."""
        return Response(
            {"results": TicketTypeOut(TicketType.objects.prefetch_related("required_skills"), many=True).data}
        )

    @extend_schema(
        operation_id="ticket_types_create",
        request=TicketTypeIn,
        responses={201: TicketTypeOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a type."""
        wanted = read_body(TicketTypeIn, request)
        place = wanted.pop("position", None)
        with transaction.atomic():
            row = save_ticket_type(by=viewer_of(request), **wanted)
            _placed(row, place, request)
        return Response(TicketTypeOut(row).data, status=status.HTTP_201_CREATED)


class TicketTypeDetail(Versioned, _Configuration):
    """One type."""

    shape = TicketTypeOut
    changes = TicketTypeIn

    @extend_schema(operation_id="ticket_types_read", responses={200: TicketTypeOut, 404: NOT_HERE})
    def get(self, request: Request, pk: int) -> Response:
        """Read a type."""
        return self.answer(request, TicketTypeOut(TicketType.objects.get(pk=pk)).data)

    @extend_schema(
        operation_id="ticket_types_update",
        request=TicketTypeIn,
        responses={200: TicketTypeOut, 404: NOT_HERE},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named; tickets that have the type keep their steps."""
        sent = read_body(TicketTypeIn, request, partial=True)
        keep = ("name", "description", "checklist", "is_active")
        with transaction.atomic():
            row = TicketType.objects.select_for_update().get(pk=pk)
            self.check_version(request, lambda: TicketTypeOut(row).data)
            wanted, place = _changed(sent, row, keep=keep)
            saved = save_ticket_type(type=row, by=viewer_of(request), **wanted)
            _placed(saved, place, request)
        return self.answer(request, TicketTypeOut(saved).data)

    @extend_schema(operation_id="ticket_types_delete", responses={204: None, 404: NOT_HERE, 409: IN_USE})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a type that no ticket has; one in use is taken out of use with ``is_active``."""
        with transaction.atomic():
            row = TicketType.objects.select_for_update().get(pk=pk)
            self.check_version(request, lambda: TicketTypeOut(row).data)
            _delete(lambda: delete_ticket_type(type=row, by=viewer_of(request)))
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- custom fields ----------------------------------------------------------------------------------------------------


class TicketFieldOut(serializers.ModelSerializer[CustomField]):
    """A custom field. Without ``types`` it is on tickets of every type; ``condition`` as in views and rules."""

    options = serializers.ListField(child=serializers.CharField())
    types = serializers.SerializerMethodField()
    condition = serializers.DictField()

    class Meta:
        model = CustomField
        fields: ClassVar = [
            "id", "key", "label", "kind", "help_text", "options", "reference", "types", "condition",
            "required_on_resolve", "position", "is_active",
        ]  # fmt: skip

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_types(self, field: CustomField) -> list[int]:
        """Ids of the types."""
        return [one.pk for one in field.types.all()]


class TicketFieldIn(serializers.Serializer[dict[str, Any]]):
    """A custom field. ``key``, ``kind`` and ``reference`` are fixed once it is there."""

    label = serializers.CharField(max_length=60)  # type: ignore[assignment]
    key = serializers.RegexField(
        r"^[-a-zA-Z0-9_]*$",
        max_length=40,
        required=False,
        allow_blank=True,
        help_text=_("Names the field in REST; made of the label when it is left out."),
    )
    kind = serializers.ChoiceField(choices=CustomField.Kind.choices)
    help_text = serializers.CharField(  # type: ignore[assignment]
        max_length=200, allow_blank=True, default=""
    )
    options = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_OPTION),
        max_length=MOST_OPTIONS,
        default=list,
        help_text=_("The choices in their order; for choice and multi."),
    )
    reference = serializers.ChoiceField(
        choices=CustomField.Reference.choices,
        allow_blank=True,
        default="",
        help_text=_("What a reference points to."),
    )
    types = serializers.ListField(
        child=ByIdOrName(TicketType, "name"),
        max_length=200,
        default=list,
        help_text=_("Ids or names; none means every ticket."),
    )
    condition = serializers.JSONField(
        default=dict, help_text=_("On which tickets it is shown, as in views and rules; {} is every ticket.")
    )
    required_on_resolve = serializers.BooleanField(default=False)
    is_active = serializers.BooleanField(default=True)
    position = serializers.IntegerField(min_value=0, required=False, help_text=_POSITION)


def _fields() -> QuerySet[CustomField]:
    return CustomField.objects.prefetch_related("types")


class TicketFields(_Configuration):
    """The custom fields of tickets."""

    @extend_schema(operation_id="ticket_fields_list", responses=all_of("TicketFieldsOut", TicketFieldOut))
    def get(self, request: Request) -> Response:
        """List the custom fields in their order."""
        return Response({"results": TicketFieldOut(_fields(), many=True).data})

    @extend_schema(
        operation_id="ticket_fields_create",
        request=TicketFieldIn,
        responses={201: TicketFieldOut},
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a field."""
        wanted = read_body(TicketFieldIn, request)
        place = wanted.pop("position", None)
        with transaction.atomic():
            row = save_custom_field(by=viewer_of(request), **wanted)
            _placed(row, place, request)
        return Response(TicketFieldOut(_fields().get(pk=row.pk)).data, status=status.HTTP_201_CREATED)


class TicketFieldDetail(Versioned, _Configuration):
    """One custom field."""

    shape = TicketFieldOut
    changes = TicketFieldIn

    @extend_schema(operation_id="ticket_fields_read", responses={200: TicketFieldOut, 404: NOT_HERE})
    def get(self, request: Request, pk: int) -> Response:
        """Read a field."""
        return self.answer(request, TicketFieldOut(_fields().get(pk=pk)).data)

    @extend_schema(
        operation_id="ticket_fields_update",
        request=TicketFieldIn,
        responses={200: TicketFieldOut, 404: NOT_HERE},
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named. Choices that tickets have stay on them when they are no longer offered."""
        sent = read_body(TicketFieldIn, request, partial=True)
        keep = ("label", "help_text", "options", "condition", "required_on_resolve", "is_active")
        with transaction.atomic():
            row = CustomField.objects.select_for_update().get(pk=pk)
            self.check_version(request, lambda: TicketFieldOut(row).data)
            wanted, place = _changed(sent, row, keep=keep, fixed=["key", "kind", "reference"])
            wanted.setdefault("types", list(row.types.all()))
            saved = save_custom_field(field=row, by=viewer_of(request), **wanted)
            _placed(saved, place, request)
        return self.answer(request, TicketFieldOut(_fields().get(pk=pk)).data)

    @extend_schema(operation_id="ticket_fields_delete", responses={204: None, 404: NOT_HERE, 409: IN_USE})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a field that no ticket has a value of; one in use is taken out of use with ``is_active``."""
        with transaction.atomic():
            row = CustomField.objects.select_for_update().get(pk=pk)
            self.check_version(request, lambda: TicketFieldOut(row).data)
            _delete(lambda: delete_custom_field(field=row, by=viewer_of(request)))
        return Response(status=status.HTTP_204_NO_CONTENT)


# --- tags -------------------------------------------------------------------------------------------------------------


class TagOut(serializers.ModelSerializer[Tag]):
    """A tag."""

    class Meta:
        model = Tag
        fields: ClassVar = ["id", "name", "description", "is_active", "applies_itself"]


class TagIn(serializers.Serializer[dict[str, Any]]):
    """A tag; its name is kept in lower case."""

    name = serializers.CharField(max_length=LONGEST_TAG + 20)
    description = serializers.CharField(max_length=200, allow_blank=True, default="")
    is_active = serializers.BooleanField(default=True)
    applies_itself = serializers.BooleanField(
        required=False,
        help_text=_(
            "Whether the model may put it on tickets, while its precision is measured to be high enough. "
            "Takes settings.manage."
        ),
    )


class TagMergeIn(serializers.Serializer[dict[str, Any]]):
    """Which tag takes the tickets."""

    into = ByIdOrName(Tag, "name")


class Tags(_Configuration):
    """The tags."""

    pagination_class = KeysetPagination
    listing = Listing(
        TagOut,
        filters=[
            Filter("name", lookup="name__icontains", description="part of the name"),
            Filter("is_active", "flag", lookup="is_active"),
        ],
        orders=("-id", "name"),
    )

    @extend_schema(
        operation_id="tags_list",
        responses=TagOut(many=True),
    )
    def get(self, request: Request) -> Response:
        """List the tags, newest first."""
        return self.listing.answer(request, self, Tag.objects.all())

    @extend_schema(operation_id="tags_create", request=TagIn, responses={201: TagOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Add a tag; putting a new one on a ticket does so, too."""
        row = save_tag(by=viewer_of(request), **read_body(TagIn, request))
        return Response(TagOut(row).data, status=status.HTTP_201_CREATED)


class TagDetail(Versioned, _Configuration):
    """One tag."""

    shape = TagOut
    changes = TagIn

    @extend_schema(operation_id="tags_read", responses={200: TagOut, 404: NOT_HERE})
    def get(self, request: Request, pk: int) -> Response:
        """Read a tag."""
        return self.answer(request, TagOut(Tag.objects.get(pk=pk)).data)

    @extend_schema(operation_id="tags_update", request=TagIn, responses={200: TagOut, 404: NOT_HERE})
    def patch(self, request: Request, pk: int) -> Response:
        """Change what is named. Conditions that name the tag follow a new name."""
        sent = read_body(TagIn, request, partial=True)
        with transaction.atomic():
            row = Tag.objects.select_for_update().get(pk=pk)
            self.check_version(request, lambda: TagOut(row).data)
            wanted, _place = _changed(sent, row, keep=("name", "description", "is_active", "applies_itself"))
            saved = save_tag(tag=row, by=viewer_of(request), **wanted)
        return self.answer(request, TagOut(saved).data)

    @extend_schema(operation_id="tags_delete", responses={204: None, 202: TagOut, 404: NOT_HERE, 409: IN_USE})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete a tag: 204 when it is gone, 202 while a job takes it off its tickets; it is out of use at once."""
        with transaction.atomic():
            row = Tag.objects.select_for_update().get(pk=pk)
            self.check_version(request, lambda: TagOut(row).data)
            is_gone = _delete(lambda: delete_tag(tag=row, by=viewer_of(request)))
        if is_gone:
            return Response(status=status.HTTP_204_NO_CONTENT)
        return Response(TagOut(Tag.objects.get(pk=pk)).data, status=status.HTTP_202_ACCEPTED)


class TagMerge(_Configuration):
    """A tag that becomes another."""

    @extend_schema(
        operation_id="tags_merge",
        request=TagMergeIn,
        responses={202: TagOut, 404: NOT_HERE},
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Give its tickets another tag, which is answered; a job does it, then the tag is gone (404)."""
        wanted: Mapping[str, Any] = read_body(TagMergeIn, request)
        merge_tag(tag=Tag.objects.get(pk=pk), into=wanted["into"], by=viewer_of(request))
        return Response(TagOut(wanted["into"]).data, status=status.HTTP_202_ACCEPTED)

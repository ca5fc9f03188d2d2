"""REST of how the desk is set up, to be read: inboxes, categories, SLA policies. People set them up on the settings pages."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, prefetch, select
from tickets.category_tree import category_path
from tickets.models import Category, ChannelTemplate, Inbox, SLAPolicy

NOT_HERE = OpenApiResponse(description="There is none here.")
_READERS = ("tickets.view", "tickets.configure")
_NAMED = [
    Filter("name", lookup="name__icontains", description="part of the name"),
    Filter("is_active", "flag", lookup="is_active"),
]


class InboxOut(serializers.ModelSerializer[Inbox]):
    """A channel that is set up. ``address`` is where its answers come from, empty where there is none."""

    class Meta:
        model = Inbox
        fields: ClassVar = [
            "id",
            "name",
            "channel",
            "address",
            "from_name",
            "default_team",
            "is_active",
            "created_at",
        ]


class CategoryOut(serializers.ModelSerializer[Category]):
    """What tickets are about; ``team`` is who gets them, null where the nearest team above does. ``path`` names all levels."""

    path = serializers.SerializerMethodField()

    class Meta:
        model = Category
        fields: ClassVar = [
            "id",
            "name",
            "path",
            "parent",
            "description",
            "team",
            "required_skills",
            "is_active",
        ]

    def get_path(self, row: Category) -> str:
        """The names from the top down."""
        return category_path(row.pk)


class SlaTargetOut(serializers.Serializer[Any]):
    """What is promised for a priority, in business seconds; null is not promised."""

    priority = serializers.CharField()
    first_response_seconds = serializers.IntegerField(allow_null=True)
    next_response_seconds = serializers.IntegerField(allow_null=True)
    resolution_seconds = serializers.IntegerField(allow_null=True)


class SlaPolicyDetailOut(serializers.ModelSerializer[SLAPolicy]):
    """A promise. The first active one by ``position`` whose ``condition`` holds for a ticket holds for it."""

    condition = serializers.DictField()
    calendar = serializers.SerializerMethodField()
    targets = SlaTargetOut(many=True)

    class Meta:
        model = SLAPolicy
        fields: ClassVar = [
            "id",
            "name",
            "version",
            "position",
            "condition",
            "calendar",
            "targets",
            "is_active",
        ]

    @extend_schema_field({"type": "string"})
    def get_calendar(self, policy: SLAPolicy) -> str:
        """The name of its calendar; empty when the clock never stops."""
        return "" if policy.calendar is None else policy.calendar.name


class _DeskList(APIView):
    """Who works with tickets, or sets them up, reads."""

    required_permissions: ClassVar = {"GET": _READERS}
    pagination_class = KeysetPagination


class _DeskRow(APIView):
    """Who works with tickets, or sets them up, reads."""

    required_permissions: ClassVar = {"GET": _READERS}


class Inboxes(_DeskList):
    """Inboxes."""

    listing = Listing(
        InboxOut,
        filters=[*_NAMED, Filter("channel", lookup="channel"), Filter("address", lookup="address__iexact")],
        orders=("-id", "name"),
    )

    @extend_schema(operation_id="inboxes_list", responses=InboxOut(many=True))
    def get(self, request: Request) -> Response:
        """List the inboxes."""
        return self.listing.answer(request, self, Inbox.objects.all())


class InboxDetail(_DeskRow):
    """One inbox."""

    @extend_schema(operation_id="inboxes_read", responses={200: InboxOut, 404: NOT_HERE})
    def get(self, request: Request, pk: int) -> Response:
        """Read an inbox; its secrets are told to nobody."""
        return Response(InboxOut(get_object_or_404(Inbox, pk=pk)).data)


class InboxTemplateOut(serializers.ModelSerializer[ChannelTemplate]):
    """Words that the provider of an inbox has approved; ``is_usable`` says whether they can be sent."""

    class Meta:
        model = ChannelTemplate
        fields: ClassVar = ["id", "name", "language", "body", "category", "state", "is_usable"]


class InboxTemplates(_DeskRow):
    """The templates of an inbox."""

    @extend_schema(
        operation_id="inbox_templates_list", responses={200: InboxTemplateOut(many=True), 404: NOT_HERE}
    )
    def get(self, request: Request, pk: int) -> Response:
        """List what can be sent when the time to answer freely is over."""
        found = get_object_or_404(Inbox, pk=pk).templates.all()
        return Response(InboxTemplateOut(found, many=True).data)


class Categories(_DeskList):
    """Categories."""

    listing = Listing(
        CategoryOut,
        filters=[
            *_NAMED,
            Filter("team", "id", lookup="team", none=True),
            Filter("parent", "id", lookup="parent", none=True),
        ],
        orders=("-id", "name"),
        loads={"required_skills": prefetch("required_skills")},
    )

    @extend_schema(operation_id="categories_list", responses=CategoryOut(many=True))
    def get(self, request: Request) -> Response:
        """List the categories."""
        return self.listing.answer(request, self, Category.objects.all())


class CategoryDetail(_DeskRow):
    """One category."""

    @extend_schema(operation_id="categories_read", responses={200: CategoryOut, 404: NOT_HERE})
    def get(self, request: Request, pk: int) -> Response:
        """Read a category."""
        return Response(CategoryOut(get_object_or_404(Category, pk=pk)).data)


class SlaPolicies(_DeskList):
    """SLA policies."""

    listing = Listing(
        SlaPolicyDetailOut,
        filters=_NAMED,
        orders=("-id", "position", "name"),
        loads={"calendar": select("calendar"), "targets": prefetch("targets")},
    )

    @extend_schema(operation_id="sla_policies_list", responses=SlaPolicyDetailOut(many=True))
    def get(self, request: Request) -> Response:
        """List the policies."""
        return self.listing.answer(request, self, SLAPolicy.objects.all())


class SlaPolicyDetail(_DeskRow):
    """One SLA policy."""

    @extend_schema(operation_id="sla_policies_read", responses={200: SlaPolicyDetailOut, 404: NOT_HERE})
    def get(self, request: Request, pk: int) -> Response:
        """Read a policy."""
        policies = SLAPolicy.objects.select_related("calendar").prefetch_related("targets")
        return Response(SlaPolicyDetailOut(get_object_or_404(policies, pk=pk)).data)

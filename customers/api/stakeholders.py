"""REST of the people who have a say at an account, and of findings that one of them may have left."""

from typing import Any, ClassVar

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing
from customers.api.account_details import account_of
from customers.models import SponsorChange
from customers.services.judge_sponsor import decide_sponsor_change
from customers.stakeholders import stakeholders_of
from people.api.permissions import viewer_of


class StakeholderOut(serializers.Serializer[Any]):
    """A person with a role, an influence (1 to 3) or a stance; ``reach`` is 0 to 1."""

    contact = serializers.IntegerField(source="contact.pk")
    name = serializers.CharField(source="contact")
    role = serializers.CharField(source="contact.role")
    influence = serializers.IntegerField(source="contact.influence", allow_null=True)
    stance = serializers.CharField(source="contact.stance")
    reach = serializers.FloatField()
    heard_at = serializers.DateTimeField(allow_null=True)


class StakeholdersOut(serializers.Serializer[Any]):
    """The people who have a say, the strongest influence first; ``roles_reached`` of the four key roles."""

    account = serializers.IntegerField()
    roles_reached = serializers.IntegerField()
    people = StakeholderOut(many=True)


class SponsorChangeOut(serializers.ModelSerializer[SponsorChange]):
    """A finding that somebody with a key role may have left."""

    text = serializers.SerializerMethodField()

    class Meta:
        model = SponsorChange
        fields: ClassVar = [
            "id",
            "account",
            "contact",
            "role",
            "kind",
            "text",
            "state",
            "found_at",
            "decided_at",
        ]

    def get_text(self, change: SponsorChange) -> str:
        """What says so."""
        return str(change.evidence.get("text", ""))


class DecisionIn(serializers.Serializer[Any]):
    """What a person made of a finding; confirming marks the contact as left."""

    decision = serializers.ChoiceField(choices=["confirm", "dismiss"])


class AccountStakeholders(APIView):
    """People who have a say at a customer."""

    required_permissions: ClassVar = {"GET": "customers.view"}

    @extend_schema(operation_id="account_stakeholders", responses=StakeholdersOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read them with influence, stance and reach."""
        account = account_of(request, pk)
        found = stakeholders_of(account, viewer_of(request))
        answer = {"account": account.pk, "roles_reached": found.roles_reached, "people": found.people}
        return Response(StakeholdersOut(answer).data)


class SponsorChanges(APIView):
    """Findings that people may have left."""

    required_permissions: ClassVar = {"GET": "customers.view"}
    pagination_class = KeysetPagination
    listing = Listing(
        SponsorChangeOut,
        filters=[
            Filter("account", "id", lookup="account"),
            Filter("contact", "id", lookup="contact"),
            Filter("state", lookup="state", choices=tuple(SponsorChange.State.values)),
            Filter("kind", lookup="kind", choices=tuple(SponsorChange.Kind.values)),
        ],
    )

    @extend_schema(operation_id="sponsor_changes_list", responses=SponsorChangeOut(many=True))
    def get(self, request: Request) -> Response:
        """List them, newest first."""
        return self.listing.answer(request, self, SponsorChange.objects.visible_to(viewer_of(request)))


class SponsorChangeDetail(APIView):
    """One finding."""

    required_permissions: ClassVar = {"POST": "customers.edit"}

    @extend_schema(operation_id="sponsor_changes_decide", request=DecisionIn, responses=SponsorChangeOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Confirm or dismiss it."""
        wanted = DecisionIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        change = get_object_or_404(SponsorChange.objects.visible_to(viewer_of(request)), pk=pk)
        has_left = wanted.validated_data["decision"] == "confirm"
        return Response(
            SponsorChangeOut(
                decide_sponsor_change(change=change, has_left=has_left, by=viewer_of(request))
            ).data
        )

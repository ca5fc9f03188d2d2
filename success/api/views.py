"""REST of success: tasks (CTAs), outreach, playbooks, enrolments. A view parses, calls one service or selector, answers."""

from typing import Any, ClassVar

from django.db.models import Prefetch
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Filter, Listing, prefetch, select
from core.api.shapes import fields_of, taken
from customers.models import Account
from people.api.permissions import viewer_of
from success.api import serializers
from success.models import CTA, Enrolment, Outreach, Playbook, SendDecision, StepRun
from success.services.close_cta import close_cta
from success.services.enrol_account import EnrolmentRefused, enrol_account
from success.services.open_cta import open_cta

NOT_FOUND = OpenApiResponse(description="There is none with this id, or none that this key may see.")
_READ: dict[str, str | tuple[str, ...]] = {"GET": "success.view", "POST": "success.act"}
_DECISIONS = prefetch(Prefetch("decisions", SendDecision.objects.order_by("pk")))
_RUNS = prefetch(Prefetch("runs", StepRun.objects.order_by("index")))


class CtaList(APIView):
    """Tasks."""

    required_permissions: ClassVar = _READ
    pagination_class = KeysetPagination
    listing = Listing(
        serializers.CtaOut,
        filters=[
            Filter("account", "id", lookup="account"),
            Filter("account_external_id", lookup="account__external_id"),
            Filter("owner", "id", lookup="owner", none=True),
            Filter("kind", lookup="kind", choices=tuple(CTA.Kind.values)),
            Filter("outcome", lookup="outcome", choices=tuple(CTA.Outcome.values)),
            Filter("open", "flag", lookup="closed_at__isnull"),
            Filter("due_before", "day", lookup="due_on__lt"),
            Filter("created_since", "time", lookup="created_at__gte"),
            Filter("closed_since", "time", lookup="closed_at__gte"),
        ],
        orders=("-id", "created_at"),
    )

    @extend_schema(operation_id="ctas_list", responses=serializers.CtaOut(many=True))
    def get(self, request: Request) -> Response:
        """List tasks, newest first."""
        return self.listing.answer(request, self, CTA.objects.visible_to(viewer_of(request)))

    @extend_schema(operation_id="ctas_create", request=serializers.CtaIn, responses={201: serializers.CtaOut})
    @idempotent
    def post(self, request: Request) -> Response:
        """Open a task for the customer's CSM, who is told."""
        wanted = _read(serializers.CtaIn, request)
        account = _account(wanted)
        cta = open_cta(
            account=account,
            title=wanted["title"],
            reason=wanted["reason"],
            reason_key=wanted.get("reason_key") or f"api:{wanted['title']}"[:80],
            kind=wanted["kind"],
            due_on=wanted["due_on"],
            by=viewer_of(request),
        )
        return Response(serializers.CtaOut(cta).data, status=status.HTTP_201_CREATED)


class CtaDetail(APIView):
    """One task."""

    required_permissions: ClassVar = _READ

    @extend_schema(operation_id="ctas_read", responses={200: serializers.CtaOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a task."""
        return Response(serializers.CtaOut(_cta(request, pk)).data)


class CtaClose(APIView):
    """The end of a task."""

    required_permissions: ClassVar = {"POST": "success.act"}

    @extend_schema(
        operation_id="ctas_close",
        request=serializers.CtaCloseIn,
        responses={
            200: serializers.CtaOut,
            404: NOT_FOUND,
            409: OpenApiResponse(description="It is closed already."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Close it with what came of it."""
        wanted = _read(serializers.CtaCloseIn, request)
        if not close_cta(cta=_cta(request, pk), by=viewer_of(request), **wanted):
            raise Conflict(_("It is closed already."))
        return Response(serializers.CtaOut(_cta(request, pk)).data)


class OutreachList(APIView):
    """Proactive messages."""

    required_permissions: ClassVar = _READ
    pagination_class = KeysetPagination
    listing = Listing(
        serializers.OutreachOut,
        filters=[
            Filter("account", "id", lookup="account"),
            Filter("contact", "id", lookup="contact"),
            Filter("playbook", "id", lookup="enrolment__playbook"),
            Filter("state", lookup="state", choices=tuple(Outreach.State.values)),
            Filter("created_since", "time", lookup="created_at__gte"),
            Filter("sent_since", "time", lookup="sent_at__gte"),
        ],
        orders=("-id", "created_at"),
        loads={"playbook": select("enrolment"), "decisions": _DECISIONS},
    )

    @extend_schema(operation_id="outreach_list", responses=serializers.OutreachOut(many=True))
    def get(self, request: Request) -> Response:
        """List what was planned, sent and withheld, newest first."""
        return self.listing.answer(request, self, Outreach.objects.visible_to(viewer_of(request)))


class OutreachDetail(APIView):
    """One proactive message."""

    required_permissions: ClassVar = _READ

    @extend_schema(operation_id="outreach_read", responses={200: serializers.OutreachOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read it, with every verdict of the send gate."""
        rows = _DECISIONS(Outreach.objects.visible_to(viewer_of(request)).select_related("enrolment"))
        return Response(serializers.OutreachOut(get_object_or_404(rows, pk=pk)).data)


class PlaybookList(APIView):
    """Playbooks."""

    required_permissions: ClassVar = _READ
    pagination_class = KeysetPagination
    listing = Listing(
        serializers.PlaybookOut,
        filters=[
            Filter("key", lookup="key"),
            Filter("trigger", lookup="trigger"),
            Filter("is_active", "flag", lookup="is_active"),
        ],
        orders=("-id", "name"),
    )

    @extend_schema(operation_id="playbooks_list", responses=serializers.PlaybookOut(many=True))
    def get(self, request: Request) -> Response:
        """List the playbooks with their steps."""
        return self.listing.answer(request, self, Playbook.objects.all())


class PlaybookDetail(APIView):
    """One playbook."""

    required_permissions: ClassVar = _READ

    @extend_schema(operation_id="playbooks_read", responses={200: serializers.PlaybookOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read a playbook."""
        return Response(serializers.PlaybookOut(get_object_or_404(Playbook, pk=pk)).data)


class EnrolmentList(APIView):
    """Who is in which playbook."""

    required_permissions: ClassVar = _READ
    pagination_class = KeysetPagination
    listing = Listing(
        serializers.EnrolmentOut,
        filters=[
            Filter("account", "id", lookup="account"),
            Filter("playbook", "id", lookup="playbook"),
            Filter("state", lookup="state", choices=tuple(Enrolment.State.values)),
            Filter("entered_since", "time", lookup="entered_at__gte"),
        ],
        orders=("-id", "entered_at"),
        loads={"runs": _RUNS},
    )

    @extend_schema(operation_id="enrolments_list", responses=serializers.EnrolmentOut(many=True))
    def get(self, request: Request) -> Response:
        """List enrolments, newest first."""
        return self.listing.answer(request, self, Enrolment.objects.visible_to(viewer_of(request)))

    @extend_schema(
        operation_id="enrolments_create",
        request=serializers.EnrolmentIn,
        responses={
            201: serializers.EnrolmentOut,
            409: OpenApiResponse(description="The customer may not enter now, see ``detail``."),
        },
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Let a customer enter a playbook; the control group enters as such."""
        wanted = _read(serializers.EnrolmentIn, request)
        playbook = Playbook.objects.filter(pk=wanted["playbook"]).first()
        if playbook is None:
            raise ValidationError({"playbook": [_("There is no such playbook.")]})
        account = _account(wanted)
        try:
            made = enrol_account(
                playbook=playbook, account=account, reason=wanted["reason"], by=viewer_of(request)
            )
        except EnrolmentRefused as error:
            raise Conflict(str(error)) from error
        return Response(serializers.EnrolmentOut(made).data, status=status.HTTP_201_CREATED)


class EnrolmentDetail(APIView):
    """One customer in one playbook."""

    required_permissions: ClassVar = _READ

    @extend_schema(operation_id="enrolments_read", responses={200: serializers.EnrolmentOut, 404: NOT_FOUND})
    def get(self, request: Request, pk: int) -> Response:
        """Read an enrolment with the steps that ran."""
        rows = _RUNS(Enrolment.objects.visible_to(viewer_of(request)))
        return Response(serializers.EnrolmentOut(get_object_or_404(rows, pk=pk)).data)


def _read(serializer: type[Any], request: Request) -> dict[str, Any]:
    values: dict[str, Any] = taken(serializer, request.data)
    unknown = sorted(set(request.data) - fields_of(serializer))
    if unknown:
        raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    return values


def _account(wanted: dict[str, Any]) -> Account:
    """The customer that a body names in one of the two ways; who may see tasks may name any customer."""
    if ("account" in wanted) is ("account_external_id" in wanted):
        raise ValidationError({"account": [_("Give account, or account_external_id.")]})
    if "account" in wanted:
        found, name = Account.objects.filter(pk=wanted["account"]).first(), "account"
    else:
        name = "account_external_id"
        found = Account.objects.filter(external_id=wanted[name]).first()
    if found is None:
        raise ValidationError({name: [_("There is no such customer.")]})
    return found


def _cta(request: Request, pk: int) -> CTA:
    return get_object_or_404(CTA.objects.visible_to(viewer_of(request)), pk=pk)

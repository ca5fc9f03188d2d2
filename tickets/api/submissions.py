"""REST of web forms: what was sent, where it is, and the decision about it.

It holds what customers write: a key needs a scope that reads tickets besides the one that sets forms up.
"""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Filter, Listing
from people.api.permissions import viewer_of
from people.viewer import Viewer
from tickets.channels.web.services.confirm_submission import accept_submission, refuse_submission
from tickets.models import FormSubmission


class SubmissionOut(serializers.ModelSerializer[FormSubmission]):
    """What was sent by a form. ``proof`` is how the address was proven, empty when it was not; ``values`` are empty when they
    have been erased; ``ticket`` is the id of the ticket that it became."""

    values = serializers.JSONField()

    class Meta:
        model = FormSubmission
        fields: ClassVar = [
            "id", "inbox", "state", "proof", "values", "ticket", "error", "received_at", "confirmed_at", "expires_at",
        ]  # fmt: skip


class SubmissionList(APIView):
    """The submissions."""

    required_permissions: ClassVar = {"*": "tickets.configure"}
    pagination_class = KeysetPagination
    listing = Listing(
        SubmissionOut,
        filters=[
            Filter("inbox", "id", lookup="inbox"),
            Filter("state", lookup="state", choices=tuple(FormSubmission.State.values)),
            Filter("received_since", "time", lookup="received_at__gte"),
        ],
        orders=("-id", "received_at"),
    )

    @extend_schema(operation_id="form_submissions_list", responses=SubmissionOut(many=True))
    def get(self, request: Request) -> Response:
        """List what was sent by forms, the newest first."""
        return self.listing.answer(request, self, _visible(viewer_of(request)))


class SubmissionDetail(APIView):
    """One submission."""

    required_permissions: ClassVar = {"*": "tickets.configure"}

    @extend_schema(
        operation_id="form_submissions_read",
        responses={200: SubmissionOut, 404: OpenApiResponse(description="There is none here.")},
    )
    def get(self, request: Request, pk: int) -> Response:
        """Read a submission."""
        return Response(SubmissionOut(_visible(viewer_of(request)).get(pk=pk)).data)


class SubmissionAccept(APIView):
    """The word that lets a submission in."""

    required_permissions: ClassVar = {"*": "tickets.configure"}

    @extend_schema(
        operation_id="form_submissions_accept",
        request=None,
        responses={
            200: SubmissionOut,
            404: OpenApiResponse(description="There is none here."),
            409: OpenApiResponse(description="It is over, or on its way already."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let a submission in without confirmation, out of the spam, or once more after a failure."""
        viewer = viewer_of(request)
        row = _visible(viewer).get(pk=pk)
        if not accept_submission(submission=row, by=viewer):
            raise Conflict(_("It is no longer in a state in which this is possible."))
        return Response(SubmissionOut(_visible(viewer).get(pk=pk)).data)


class SubmissionRefuse(APIView):
    """The word that ends a submission."""

    required_permissions: ClassVar = {"*": "tickets.configure"}

    @extend_schema(
        operation_id="form_submissions_refuse",
        request=None,
        responses={
            200: SubmissionOut,
            404: OpenApiResponse(description="There is none here."),
            409: OpenApiResponse(description="It is over, or on its way already."),
        },
    )
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let a submission never become a ticket; what was written is erased after 30 days."""
        viewer = viewer_of(request)
        row = _visible(viewer).get(pk=pk)
        if not refuse_submission(submission=row, by=viewer):
            raise Conflict(_("It is no longer in a state in which this is possible."))
        return Response(SubmissionOut(_visible(viewer).get(pk=pk)).data)


def _visible(viewer: Viewer) -> Any:
    """Those that the viewer may read: none without the right to read tickets."""
    return FormSubmission.objects.visible_to(viewer).order_by("-pk")

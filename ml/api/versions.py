"""REST of versions: what they are, where answers come from, the steps of a life. People alone propose and approve."""

from typing import ClassVar

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import idempotent
from core.api.pagination import KeysetPagination
from core.api.reading import Filter, Listing, prefetch
from core.api.shapes import shown, taken
from ml.api.life_cycle_shapes import (
    AliasOut,
    ApprovalOut,
    CardOut,
    DecideIn,
    LineageOut,
    PromoteIn,
    ProposeIn,
    ReasonIn,
    TrialIn,
    VersionOut,
)
from ml.cards import card_of, markdown
from ml.lineage import lineage_of_prediction
from ml.models import ModelVersion, Prediction
from ml.services.promote_version import promote_version
from ml.services.propose_version import decide_version, propose_version
from ml.services.retire_version import retire_version
from ml.services.set_trial import set_trial
from people.api.authentication import ViewerSessionAuthentication
from people.api.permissions import viewer_of

VIEW, MANAGE, APPROVE = "ml.view", "ml.manage", "ml.approve"


class Versions(APIView):
    """Trained models."""

    required_permissions: ClassVar = {"GET": VIEW}
    pagination_class = KeysetPagination
    listing = Listing(
        VersionOut,
        filters=[
            Filter("task", "text", lookup="task"),
            Filter("stage", "text", lookup="stage", choices=tuple(ModelVersion.Stage.values)),
        ],
        loads={"gates": prefetch("gates")},
    )

    @extend_schema(operation_id="ml_versions_list", responses=VersionOut(many=True))
    def get(self, request: Request) -> Response:
        """List the versions with their figures and gates."""
        return self.listing.answer(request, self, ModelVersion.objects.all())


class VersionDetail(APIView):
    """One version."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_versions_retrieve", responses=VersionOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read a version."""
        return Response(shown(VersionOut, get_object_or_404(ModelVersion, pk=pk)))


class VersionCard(APIView):
    """The model card."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_versions_card", responses=CardOut)
    def get(self, request: Request, pk: int) -> Response:
        """Read the card as Markdown."""
        card = card_of(get_object_or_404(ModelVersion, pk=pk), viewer_of(request))
        return Response({"markdown": markdown(card)})


class VersionPromote(APIView):
    """Into service."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_versions_promote", request=PromoteIn, responses=AliasOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Make an approved version the champion of its task."""
        version = get_object_or_404(ModelVersion, pk=pk)
        reason = taken(PromoteIn, request.data)["reason"]
        return Response(
            shown(AliasOut, promote_version(version=version, by=viewer_of(request), reason=reason))
        )


class VersionTrial(APIView):
    """On trial."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_versions_try", request=TrialIn, responses=AliasOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Let a version answer a share of the subjects (canary), or beside the champion without effect (shadow)."""
        version = get_object_or_404(ModelVersion, pk=pk)
        alias = set_trial(version=version, by=viewer_of(request), **taken(TrialIn, request.data))
        return Response(shown(AliasOut, alias))


class VersionRetire(APIView):
    """Out of use."""

    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_versions_retire", request=ReasonIn, responses=VersionOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Retire a version for good."""
        version = get_object_or_404(ModelVersion, pk=pk)
        reason = taken(ReasonIn, request.data)["reason"]
        return Response(
            shown(VersionOut, retire_version(version=version, by=viewer_of(request), reason=reason))
        )


class VersionPropose(APIView):
    """The first pair of eyes; a person's, so keys are not let in."""

    authentication_classes = (ViewerSessionAuthentication,)
    required_permissions: ClassVar = {"POST": MANAGE}

    @extend_schema(operation_id="ml_versions_propose", request=ProposeIn, responses={201: ApprovalOut})
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Ask that somebody else approves a candidate."""
        version = get_object_or_404(ModelVersion, pk=pk)
        approval = propose_version(version=version, by=viewer_of(request), **taken(ProposeIn, request.data))
        return Response(shown(ApprovalOut, approval), status=status.HTTP_201_CREATED)


class VersionApprove(APIView):
    """The second pair of eyes; a person's, so keys are not let in."""

    authentication_classes = (ViewerSessionAuthentication,)
    required_permissions: ClassVar = {"POST": APPROVE}

    @extend_schema(operation_id="ml_versions_approve", request=DecideIn, responses=VersionOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Approve a version that somebody else has proposed and trained."""
        return _decide(request, pk, approve=True)


class VersionReject(APIView):
    """The second pair of eyes; a person's, so keys are not let in."""

    authentication_classes = (ViewerSessionAuthentication,)
    required_permissions: ClassVar = {"POST": APPROVE}

    @extend_schema(operation_id="ml_versions_reject", request=DecideIn, responses=VersionOut)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Reject a version that somebody else has proposed and trained."""
        return _decide(request, pk, approve=False)


def _decide(request: Request, pk: int, *, approve: bool) -> Response:
    version = get_object_or_404(ModelVersion, pk=pk)
    comment = taken(DecideIn, request.data)["comment"]
    version = decide_version(version=version, approve=approve, by=viewer_of(request), comment=comment)
    return Response(shown(VersionOut, version))


class PredictionLineage(APIView):
    """Where an answer comes from."""

    required_permissions: ClassVar = {"GET": VIEW}

    @extend_schema(operation_id="ml_prediction_lineage", responses=LineageOut)
    def get(self, request: Request, pk: int) -> Response:
        """Follow a prediction back to the rows and the code that made it."""
        try:
            found = lineage_of_prediction(pk, viewer_of(request))
        except Prediction.DoesNotExist as error:
            raise Http404 from error
        source = found.prediction.source if found.prediction else ""
        rows = {name: getattr(found, name) for name in ("version", "run", "snapshot", "service", "approval")}
        return Response(LineageOut({"prediction_id": pk, "answered_by": source, **rows}).data)

"""REST of imports from other systems: upload, mapping, dry run, run, what became of each row, undo. Each act asks for a job."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as Refused
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.idempotency import Steps, idempotent, idempotent_in_steps
from core.api.pagination import KeysetPagination
from core.api.problems import Conflict
from core.api.reading import Filter, Listing, select
from core.api.shapes import fields_of, taken
from imports.importers.csv_tables import TABLES
from imports.models import Import, ImportRow
from imports.registry import importers
from imports.selectors import Section, import_inboxes, import_list, mapping_sections
from imports.services.forget_old import delete_import
from imports.services.run_import import check_import, resume_import, save_mapping, start_import, stop_import
from imports.services.undo_import import undo_import
from imports.services.upload_import import upload_import
from people.api.permissions import viewer_of
from people.viewer import Viewer

NO_IMPORT = OpenApiResponse(description="No such import, or none that this key may see.")
_MANAGE: dict[str, str] = {"*": "imports.manage"}
_NUMBERS = {"type": "object", "additionalProperties": {"type": "integer"}}


class ImportFileOut(serializers.Serializer[Any]):
    """A file of an upload; ``size`` in bytes, null for one that a command named."""

    name = serializers.CharField()
    size = serializers.IntegerField(allow_null=True)


class ImportLeftOut(serializers.Serializer[Any]):
    """What an undo has left, and why."""

    kind = serializers.CharField()
    id = serializers.IntegerField()
    why = serializers.CharField()


class ImportOut(serializers.Serializer[Import]):
    """An import and how it stands.

    ``busy`` says that a job works on it (``done`` of ``total``, null while that is not known), ``stopped`` that its job was
    stopped or has failed: resume or undo. ``found`` counts the records in the files by kind, ``counts`` what became of them by
    kind and outcome; ``error`` says why the files were refused.
    """

    id = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    system = serializers.CharField()
    state = serializers.ChoiceField(choices=Import.State.choices)
    busy = serializers.BooleanField(source="is_busy")
    stopped = serializers.BooleanField(source="is_stuck")
    done = serializers.SerializerMethodField()
    total = serializers.SerializerMethodField()
    files = serializers.SerializerMethodField()
    found = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    left = ImportLeftOut(many=True)
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_done(self, run: Import) -> int:
        """How far its job is."""
        return run.job.done if run.job is not None else 0

    def get_total(self, run: Import) -> int | None:
        """How far there is to go."""
        return run.job.total if run.job is not None else None

    @extend_schema_field(ImportFileOut(many=True))
    def get_files(self, run: Import) -> list[dict[str, Any]]:
        """Where they are stored is nobody's business."""
        return [{"name": one["name"], "size": one.get("size")} for one in run.files]

    @extend_schema_field(_NUMBERS)
    def get_found(self, run: Import) -> dict[str, int]:
        """How many records there are of each kind."""
        return dict(run.found.get("kinds", {}))

    @extend_schema_field({"type": "object", "additionalProperties": _NUMBERS})
    def get_counts(self, run: Import) -> dict[str, dict[str, int]]:
        """As they were last taken."""
        return dict(run.counts)


class TrueUnlessSent(serializers.BooleanField):
    """True in a form that does not name it."""

    default_empty_html = True


class ImportIn(serializers.Serializer[dict[str, Any]]):
    """An upload, as a form."""

    source = serializers.CharField(  # type: ignore[assignment]
        max_length=24, help_text=_("zendesk, freshdesk, zammad, mail or csv.")
    )
    uploads = serializers.ListField(
        child=serializers.FileField(max_length=255), help_text=_("Files, at most 50 and 2 GB each.")
    )
    system = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text=_(
            "Name of the installation over there: a later import of the same one knows its rows again."
        ),
    )
    table = serializers.ChoiceField(
        choices=list(TABLES),
        required=False,
        allow_blank=True,
        default="",
        help_text=_("What a line of a CSV is."),
    )
    inbox = serializers.PrimaryKeyRelatedField(
        queryset=import_inboxes(), required=False, allow_null=True, default=None,
        help_text=_("Where tickets belong: an e-mail inbox; needed for mails."),
    )  # fmt: skip
    keep_numbers = TrueUnlessSent(
        required=False, default=True, help_text=_("Tickets keep theirs where they are free.")
    )


class ImportOptionOut(serializers.Serializer[Any]):
    """What a value can become."""

    value = serializers.CharField(allow_blank=True)
    label = serializers.CharField()  # type: ignore[assignment]


class ImportChoiceOut(serializers.Serializer[Any]):
    """A value (or column) of the source, something about it, and what it is here; "" is left out."""

    theirs = serializers.CharField()
    about = serializers.CharField(source="sub")
    chosen = serializers.CharField()


class ImportSectionOut(serializers.Serializer[Any]):
    """The values of a kind with what they can become."""

    key = serializers.CharField()
    choices = ImportChoiceOut(many=True)
    options = serializers.SerializerMethodField()

    @extend_schema_field(ImportOptionOut(many=True))
    def get_options(self, section: Section) -> list[dict[str, str]]:
        """The same for each of its values."""
        offered = section.choices[0].options if section.choices else []
        return [{"value": value, "label": label} for value, label in offered]


class ImportMappingOut(serializers.Serializer[Any]):
    """What has to be said before it runs."""

    sections = ImportSectionOut(many=True)


class ImportMappingIn(serializers.Serializer[dict[str, Any]]):
    """What values are here, by kind: ``{"status": {"pending": "waiting"}}``. What is not named stays as it is."""

    mapping = serializers.DictField(
        child=serializers.DictField(child=serializers.CharField(max_length=200, allow_blank=True))
    )


class ImportRowOut(serializers.ModelSerializer[ImportRow]):
    """A record of the source. ``error`` says why it is refused, or what was left out of it; ``object_id`` is what it became here.
    ``data`` is the record, empty once nobody needs it."""

    outcome = serializers.ChoiceField(choices=[*(value for value in ImportRow.Outcome.values if value), ""])

    class Meta:
        model = ImportRow
        fields: ClassVar = [
            "id",
            "kind",
            "file",
            "line",
            "external_id",
            "outcome",
            "error",
            "object_id",
            "data",
        ]


class ImportList(APIView):
    """Imports."""

    required_permissions: ClassVar = _MANAGE
    parser_classes = (MultiPartParser,)
    pagination_class = KeysetPagination
    listing = Listing(
        ImportOut,
        filters=[
            Filter("state", lookup="state", choices=tuple(Import.State.values)),
            Filter("source", lookup="source"),
            Filter("system", lookup="system"),
        ],
        loads={name: select("job") for name in ("busy", "stopped", "done", "total")},
    )

    @extend_schema(operation_id="imports_list", responses=ImportOut(many=True))
    def get(self, request: Request) -> Response:
        """List the imports."""
        return self.listing.answer(request, self, Import.objects.visible_to(viewer_of(request)))

    @extend_schema(
        operation_id="imports_create", request={"multipart/form-data": ImportIn}, responses={201: ImportOut}
    )
    @idempotent_in_steps(lambda request, pointer: _answer(viewer_of(request), pointer["import"], 201))
    def post(self, request: Request, *, steps: Steps) -> Response:
        """Upload files of another system. They are stored first and read by a job: ``state`` becomes ``read``, or ``failed``."""
        wanted: dict[str, Any] = taken(ImportIn, request.data)
        if unknown := sorted(set(request.data) - fields_of(ImportIn)):
            raise ValidationError({name: [_("There is no such field.")] for name in unknown})
        viewer = viewer_of(request)
        run = upload_import(**wanted, by=viewer, begun=lambda run: steps.begun({"import": run.pk}))
        return _answer(viewer, run.pk, status.HTTP_201_CREATED)


class ImportDetail(APIView):
    """One import."""

    required_permissions: ClassVar = _MANAGE

    @extend_schema(operation_id="imports_read", responses={200: ImportOut, 404: NO_IMPORT})
    def get(self, request: Request, pk: int) -> Response:
        """Say how it stands."""
        return _answer(viewer_of(request), pk)

    @extend_schema(operation_id="imports_delete", responses={204: None, 404: NO_IMPORT})
    def delete(self, request: Request, pk: int) -> Response:
        """Delete it with its files; what it made stays. 409 while a job works on it."""
        viewer = viewer_of(request)
        run = _own(viewer, pk)
        if run.is_busy:
            raise Conflict(_("Stop it first."))
        delete_import(run=run, by=viewer)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ImportMapping(APIView):
    """What the values of one import are here."""

    required_permissions: ClassVar = _MANAGE

    @extend_schema(operation_id="import_mapping_read", responses={200: ImportMappingOut, 404: NO_IMPORT})
    def get(self, request: Request, pk: int) -> Response:
        """Read what was found, what it would become and what it can become. Empty unless ``state`` is ``read`` or ``checked``."""
        run = _own(viewer_of(request), pk)
        may_map = run.state in (Import.State.READ, Import.State.CHECKED) and run.source in importers
        return Response(ImportMappingOut({"sections": mapping_sections(run) if may_map else []}).data)

    @extend_schema(
        operation_id="import_mapping_save",
        request=ImportMappingIn,
        responses={200: ImportMappingOut, 404: NO_IMPORT},
    )
    def put(self, request: Request, pk: int) -> Response:
        """Say what values are here; what was checked has to be checked again."""
        wanted: dict[str, Any] = taken(ImportMappingIn, request.data)
        viewer = viewer_of(request)
        run = save_mapping(run=_own(viewer, pk), mapping=wanted["mapping"], by=viewer)
        return Response(ImportMappingOut({"sections": mapping_sections(run)}).data)


class ImportRows(APIView):
    """The rows of one import."""

    required_permissions: ClassVar = _MANAGE
    pagination_class = KeysetPagination
    listing = Listing(
        ImportRowOut,
        filters=[
            Filter("kind", lookup="kind"),
            Filter(
                "outcome",
                lookup="outcome",
                choices=tuple(value for value in ImportRow.Outcome.values if value),
            ),
            Filter("external_id", lookup="external_id"),
            Filter("problems", "flag", description="true: only those with an error, after the dry run, too"),
        ],
        orders=("id",),
    )

    @extend_schema(operation_id="import_rows_list", responses={200: ImportRowOut(many=True), 404: NO_IMPORT})
    def get(self, request: Request, pk: int) -> Response:
        """List the rows in the order of the files, with what became of each."""
        rows = ImportRow.objects.filter(run=_own(viewer_of(request), pk))
        asked = self.listing.asked(request).get("problems", "")
        if asked not in {"", "true", "false"}:
            raise ValidationError({"problems": [_("This value cannot be used.")]})
        if asked:
            rows = rows.exclude(error="") if asked == "true" else rows.filter(error="")
        return self.listing.answer(request, self, rows)


class _Act(APIView):
    """One thing that is asked for about an import."""

    required_permissions: ClassVar = _MANAGE

    def _ask(self, request: Request, pk: int, act: Callable[..., Import]) -> Response:
        viewer = viewer_of(request)
        try:
            act(run=_own(viewer, pk), by=viewer)
        except Refused as refusal:
            # There is no input: it is the state that stands against it.
            raise Conflict(" ".join(refusal.messages)) from refusal
        return _answer(viewer, pk, status.HTTP_202_ACCEPTED)


_ACCEPTED: Mapping[Any, Any] = {202: ImportOut, 404: NO_IMPORT}


class ImportCheck(_Act):
    """The dry run of one import."""

    @extend_schema(operation_id="imports_check", request=None, responses=_ACCEPTED)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Look at every row as the run would, and write nothing: ``state`` becomes ``checked``, rows tell their errors."""
        return self._ask(request, pk, check_import)


class ImportStart(_Act):
    """The run of one import."""

    @extend_schema(operation_id="imports_start", request=None, responses=_ACCEPTED)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Write the rows. Nothing is sent to customers and nothing promised for what comes in."""
        return self._ask(request, pk, start_import)


class ImportStop(_Act):
    """A pause of one import."""

    @extend_schema(operation_id="imports_stop", request=None, responses=_ACCEPTED)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Stop its job before its next slice; what was written stays."""
        return self._ask(request, pk, stop_import)


class ImportResume(_Act):
    """The going on of one import."""

    @extend_schema(operation_id="imports_resume", request=None, responses=_ACCEPTED)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Go on where a job was stopped or has failed."""
        return self._ask(request, pk, resume_import)


class ImportUndo(_Act):
    """The undoing of one import."""

    @extend_schema(operation_id="imports_undo", request=None, responses=_ACCEPTED)
    @idempotent
    def post(self, request: Request, pk: int) -> Response:
        """Remove what it made and nobody has touched since; ``left`` tells what stays, and why."""
        return self._ask(request, pk, undo_import)


def _own(viewer: Viewer, pk: int) -> Import:
    return import_list(viewer).get(pk=pk)


def _answer(viewer: Viewer, pk: int, code: int = status.HTTP_200_OK) -> Response:
    return Response(ImportOut(_own(viewer, pk)).data, status=code)

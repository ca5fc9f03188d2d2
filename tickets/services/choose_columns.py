"""Remember which columns the table of a view has, for a person or for everybody who has the view."""

from collections.abc import Sequence

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import VIEW_SAVED
from tickets.list_columns import check_columns
from tickets.list_views import ListView
from tickets.models import ListColumns, SavedView
from tickets.services.save_view import may_change_view


@transaction.atomic
def choose_columns(*, view: ListView, columns: Sequence[str], by: Viewer, for_all: bool = False) -> None:
    """Keep these columns in this order; none of them brings the usual ones back.

    ``for_all`` puts them on a saved view that the viewer may change. Raises ValidationError, PermissionDenied.
    """
    by.require("tickets.view")
    wanted = check_columns(columns, by)
    if for_all:
        if view.saved is None:
            raise ValidationError({"columns": _("Only a saved view has columns of its own.")})
        row = SavedView.objects.select_for_update().get(pk=view.saved.pk)
        if not may_change_view(row, by):
            raise PermissionDenied(_("Only its owner, or who keeps shared views, may change this view."))
        if row.columns != wanted:
            VIEW_SAVED.record(by=by, subject_id=row.pk, detail={"columns": [row.columns, wanted]})
            row.columns = wanted
            row.save(update_fields=["columns", "updated_at"])
    if by.user_id is None:
        return
    own = ListColumns.objects.filter(user_id=by.user_id, view=view.key)
    if not wanted or for_all:
        own.delete()
    else:
        ListColumns.objects.update_or_create(user_id=by.user_id, view=view.key, defaults={"columns": wanted})

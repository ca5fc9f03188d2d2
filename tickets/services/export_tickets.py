"""Take tickets out of the product as a file: what leaves is written down."""

from collections.abc import Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.events import EXPORTED
from tickets.list_columns import Column
from tickets.list_views import ListView
from tickets.models import Ticket
from tickets.selectors import tickets_in_view

# Both are made while the person waits; Excel files take longer.
MOST = {"csv": 100_000, "xlsx": 10_000}


@transaction.atomic
def export_tickets(
    *,
    view: ListView,
    filters: Mapping[str, str],
    columns: Sequence[Column],
    form: str,
    by: Viewer,
) -> QuerySet[Ticket]:
    """Return the tickets of a filtered view for an export in ``form`` (csv, xlsx) and record that they left.

    Only what the viewer may see is in it. Raises ValidationError for filters that cannot be used and for more than a file of
    this kind holds.
    """
    by.require("tickets.view")
    tickets = tickets_in_view(by, view=view, filters=filters)
    number = tickets.count()
    if number > MOST[form]:
        sentence = _("%(number)d tickets are too many for this file (at most %(most)d): filter, or take CSV.")
        raise ValidationError(sentence % {"number": number, "most": MOST[form]})
    EXPORTED.record(
        by=by,
        subject_id=0 if view.saved is None else view.saved.pk,
        detail={
            "view": view.key,
            "filters": dict(filters),
            "columns": [column.key for column in columns],
            "format": form,
            "count": number,
        },
    )
    return tickets

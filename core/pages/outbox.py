"""Operations: what leaves the house and what could not."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.models import Outbound
from core.outbox import retry_outbound, senders
from core.pages.forms import done
from core.pages.guard import is_partial, page
from core.pages.querystring import with_query
from core.selectors import counts_by_state, outbox_rows

SHOWN = 50


@page("operations.view")
def outbox(request: HttpRequest) -> HttpResponse:
    """List outbound rows; without a state those that need a person. htmx gets the list alone."""
    state, kind = request.GET.get("state", ""), request.GET.get("kind", "")
    counts = counts_by_state(Outbound.objects.all())
    tabs = [
        {
            "label": _("Need you"),
            "url": with_query(request, state=""),
            "current": not state,
            "count": counts.get("failed", 0) + counts.get("uncertain", 0),
        }
    ]
    tabs += [
        {
            "label": label,
            "url": with_query(request, state=value),
            "current": state == value,
            "count": counts.get(value, 0),
        }
        for value, label in Outbound.State.choices
    ]
    rows = outbox_rows(state, kind)
    before = request.GET.get("before", "")
    if before.isdecimal():
        rows = rows.filter(pk__lt=int(before))
    page_rows = list(rows[: SHOWN + 1])
    context = {
        "rows": [
            {"row": row, "label": _label(row.kind), "retryable": _retryable(row)} for row in page_rows[:SHOWN]
        ],
        "tabs": tabs,
        "state": state,
        "kinds": senders.choices(),
        "kind": kind,
        "next_url": f"{with_query(request)}&before={page_rows[SHOWN - 1].pk}"
        if len(page_rows) > SHOWN
        else "",
    }
    return render(request, "core/_outbox.html" if is_partial(request) else "core/outbox.html", context)


@require_POST
@page("operations.retry")
def outbound_retry(request: HttpRequest, outbound_id: int) -> HttpResponse:
    """Send a failed or uncertain row again; the person takes the risk of a second copy of an uncertain one."""
    row = get_object_or_404(Outbound, pk=outbound_id)
    again = retry_outbound(outbound=row, by=request.viewer)  # type: ignore[attr-defined]
    return done(request, _("It is being sent again.") if again else _("It has moved on already."), "outbox")


def _label(kind: str) -> str:
    return str(senders.get(kind).label or kind) if kind in senders else kind


def _retryable(row: Outbound) -> bool:
    return row.state in (Outbound.State.FAILED, Outbound.State.UNCERTAIN)

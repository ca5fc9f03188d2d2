"""Operations of product usage: what came in by day, what was rejected, and the plan of the names that are expected."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from core.pages.forms import done
from core.pages.querystring import with_query
from customers.models import UsageDeadLetter
from customers.services.keep_dead_letters import waiting_letters
from customers.services.settle_dead_letters import DROP, RETRY, settle_all, settle_one
from customers.usage_intake import intake_days, letters_by_reason
from people.requests import StaffRequest, page

DAYS = 14
SHOWN = 25
REASON_LABELS = {
    "not_an_object": gettext_lazy("Not an object"),
    "bad_message_id": gettext_lazy("No usable messageId"),
    "unknown_type": gettext_lazy("Unknown type"),
    "bad_text": gettext_lazy("Text that cannot be stored"),
    "too_large": gettext_lazy("Larger than 32 KB"),
    "no_event": gettext_lazy("No event name"),
    "no_identity": gettext_lazy("No user or group"),
    "bad_properties": gettext_lazy("Properties are no object"),
    "bad_timestamp": gettext_lazy("Timestamp not understood"),
    "too_old": gettext_lazy("Older than 89 days"),
    "unknown_account": gettext_lazy("Unknown account"),
    "unknown_person": gettext_lazy("Unknown person"),
    "not_mergeable": gettext_lazy("Two people who cannot be merged"),
}


@page("operations.view")
@require_GET
def usage_intake(request: StaffRequest) -> HttpResponse:
    """Show what was sent in the last days and what became of it."""
    days = intake_days(until=timezone.now().date(), days=DAYS)
    letters = UsageDeadLetter.objects.visible_to(request.viewer).count()
    by_counters = waiting_letters()
    context = {
        "tabs": usage_tabs("intake", letters),
        "days": days,
        "is_empty": not any(day.sent for day in days),
        "letters": letters,
        "by_counters": by_counters,
        "fits": letters == by_counters,
        "docs_url": reverse("api-docs"),
    }
    return render(request, "customers/usage_intake.html", context)


@page("operations.view")
@require_GET
def usage_letters(request: StaffRequest) -> HttpResponse:
    """List rejected items, newest first; ``?reason=`` narrows, ``?before=`` continues."""
    letters = UsageDeadLetter.objects.visible_to(request.viewer)
    counts = letters_by_reason(letters)
    reason = request.GET.get("reason", "")
    reason = reason if reason in REASON_LABELS else ""
    rows = letters.filter(reason=reason) if reason else letters
    before = request.GET.get("before", "")
    if before.isascii() and before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows.order_by("-pk")[: SHOWN + 1])
    reasons = [{"label": _("All"), "url": "?", "current": not reason, "count": sum(counts.values())}]
    for name, number in sorted(counts.items(), key=lambda pair: -pair[1]):
        url = with_query(request, reason=name)
        reasons.append({"label": reason_label(name), "url": url, "current": name == reason, "count": number})
    context = {
        "tabs": usage_tabs("letters", sum(counts.values())),
        "reasons": reasons,
        "reason": reason,
        "rows": [{"letter": letter, "label": reason_label(letter.reason)} for letter in shown[:SHOWN]],
        "next_url": with_query(request, before=shown[SHOWN - 1].pk) if len(shown) > SHOWN else "",
        "number": counts.get(reason, 0) if reason else sum(counts.values()),
        "may_retry": request.viewer.can("operations.retry"),
        "may_drop": request.viewer.can("operations.manage"),
    }
    return render(request, "customers/usage_letters.html", context)


@require_POST
@page("operations.retry")
def usage_letter_retry(request: StaffRequest, pk: int) -> HttpResponse:
    """Try one item again."""
    letter = get_object_or_404(UsageDeadLetter.objects.visible_to(request.viewer), pk=pk)
    verdict = settle_one(letter=letter, action=RETRY, by=request.viewer)
    if verdict.status == "rejected":
        text = _("Rejected again: %(reason)s.") % {"reason": reason_label(verdict.reason)}
    else:
        text = _("The item was taken.")
    return done(request, text, reverse("usage-letters"))


@require_POST
@page("operations.manage")
def usage_letter_drop(request: StaffRequest, pk: int) -> HttpResponse:
    """Give one item up."""
    letter = get_object_or_404(UsageDeadLetter.objects.visible_to(request.viewer), pk=pk)
    settle_one(letter=letter, action=DROP, by=request.viewer)
    return done(request, _("The item was given up."), reverse("usage-letters"))


@require_POST
@page("operations.retry")
def usage_letters_settle(request: StaffRequest) -> HttpResponse:
    """Start the job that tries all items (of a reason) again, or gives them up."""
    job = settle_all(
        action=request.POST.get("action", ""), reason=request.POST.get("reason", ""), by=request.viewer
    )
    return done(request, _("A job does it; its progress is here."), reverse("job", args=[job.pk]))


def reason_label(reason: str) -> str:
    """Return a reason in words."""
    return str(REASON_LABELS.get(reason, reason))


def usage_tabs(current: str, letters: int | None = None) -> list[dict[str, Any]]:
    """Return the tabs of the pages about product usage."""
    return [
        {"label": label, "url": reverse(url), "current": key == current, "count": count}
        for key, label, url, count in (
            ("intake", _("What came in"), "usage-intake", None),
            ("letters", _("Rejected"), "usage-letters", letters),
            ("names", _("Tracking plan"), "usage-names", None),
        )
    ]

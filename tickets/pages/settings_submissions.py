"""Settings: what was sent by the form of an inbox, where it is, and what a person may decide about it."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from core.pages.forms import done
from core.pages.querystring import with_query
from people.requests import StaffRequest, page
from tickets.channels.web.form import CHANNEL
from tickets.channels.web.services.confirm_submission import OPEN, accept_submission, refuse_submission
from tickets.channels.web.services.mail_confirmation import MOST_MAILS, mail_again
from tickets.downloads import download
from tickets.models import CustomField, FormFile, FormSubmission, Inbox

SHOWN = 50
State = FormSubmission.State


@require_GET
@page("operations.view")
def submissions(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """What was sent, newest first, by state."""
    inbox = get_object_or_404(Inbox, pk=inbox_id, channel=CHANNEL)
    state, before = request.GET.get("state", ""), request.GET.get("before", "")
    rows = FormSubmission.objects.visible_to(request.viewer).filter(inbox=inbox).select_related("ticket")
    if state in State.values:
        rows = rows.filter(state=state)
    if before.isdecimal() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows.order_by("-pk")[: SHOWN + 1])
    tabs = [
        {"label": str(label), "url": with_query(request, state=value, before=""), "current": state == value}
        for value, label in [("", _("All")), *State.choices]
    ]
    parts = {
        "inbox": inbox,
        "submissions": shown[:SHOWN],
        "tabs": tabs,
        "more_url": with_query(request, before=str(shown[SHOWN - 1].pk)) if len(shown) > SHOWN else "",
    }
    return render(request, "tickets/settings/submissions.html", parts)


@require_GET
@page("operations.view")
def submission(request: StaffRequest, inbox_id: int, submission_id: int) -> HttpResponse:
    """One submission as it was sent."""
    row = _row(request, inbox_id, submission_id)
    may = request.viewer.can("operations.retry")
    waits = row.state == State.WAITING
    facts = [
        (_("State"), row.get_state_display(), ""),
        (_("Address"), row.get_proof_display(), ""),
        *([(_("Confirmations sent"), row.mails, "")] if row.mails else []),
    ]
    parts = {
        "submission": row,
        "facts": facts,
        "values": _lines(row),
        "files": row.files.all(),
        "may_accept": may and row.state in OPEN and bool(row.values),
        "may_refuse": may and row.state in OPEN,
        "may_mail": may and waits and row.mails < MOST_MAILS,
    }
    return render(request, "tickets/settings/submission.html", parts)


@require_GET
@page("operations.view")
def submission_file(request: StaffRequest, inbox_id: int, submission_id: int, file_id: int) -> HttpResponse:
    """A file of a submission, always as a download; 403 with the reason for one that is held back."""
    row = _row(request, inbox_id, submission_id)
    return download(get_object_or_404(FormFile, pk=file_id, submission=row))


@require_POST
@page("operations.retry")
def submission_act(request: StaffRequest, inbox_id: int, submission_id: int, act: str) -> HttpResponse:
    """Let a submission in, refuse it, or send its confirmation again."""
    acts = {
        "accept": (accept_submission, _("The ticket opens within seconds.")),
        "refuse": (refuse_submission, _("Refused: no ticket comes of it.")),
        "mail": (mail_again, _("The confirmation is sent again.")),
    }
    if act not in acts:
        raise Http404(_("There is no such page."))
    row = _row(request, inbox_id, submission_id)
    service, words = acts[act]
    if not service(submission=row, by=request.viewer):
        words = _("It is no longer in a state in which this is possible.")
    return done(request, words, reverse("settings-submission", args=[inbox_id, submission_id]))


def _row(request: StaffRequest, inbox_id: int, submission_id: int) -> FormSubmission:
    rows = FormSubmission.objects.visible_to(request.viewer).select_related("inbox", "ticket")
    return get_object_or_404(rows, pk=submission_id, inbox=inbox_id)


def _lines(row: FormSubmission) -> list[tuple[str, str, str]]:
    """What was sent, as facts."""
    own = row.values.get("fields") or {}
    labels = dict(CustomField.objects.filter(key__in=list(own)).values_list("key", "label"))
    basic = [("name", _("Name")), ("email", _("E-mail")), ("subject", _("Subject"))]
    lines = [(label, str(row.values.get(name, "")), "") for name, label in basic]
    lines += [
        (labels.get(key, key), ", ".join(map(str, value)) if isinstance(value, list) else str(value), "")
        for key, value in own.items()
    ]
    return [line for line in lines if line[1]]

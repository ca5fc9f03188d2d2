"""Operations: the mail ledger. Every mail that ever came in, where it ended, its raw text, and a way back."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.pages.forms import done
from core.pages.querystring import with_query
from people.requests import StaffRequest, is_partial, page
from tickets.channels.email.selectors import can_retry, mail_counts, mails, raw_text
from tickets.channels.email.services.retry_mail import retry_mail
from tickets.file_scans import release_mail
from tickets.models import Inbox, MailLedger
from tickets.stored_files import read_file

SHOWN = 50


@page("operations.view")
def mail_ledger(request: StaffRequest) -> HttpResponse:
    """List mails by state and inbox, newest first; htmx gets the list alone."""
    state = request.GET.get("state", "")
    state = state if state in MailLedger.State.values else ""
    inbox = request.GET.get("inbox", "")
    before = request.GET.get("before", "")
    counts = mail_counts(request.viewer)
    rows = mails(
        request.viewer, state=state, inbox_id=int(inbox) if inbox.isdecimal() and len(inbox) < 19 else None
    )
    if before.isdecimal():
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows[: SHOWN + 1])
    tabs = [
        {
            "label": _("All"),
            "url": with_query(request, state=""),
            "current": not state,
            "count": sum(counts.values()),
        }
    ]
    tabs += [
        {
            "label": label,
            "url": with_query(request, state=value),
            "current": state == value,
            "count": counts.get(value, 0),
        }
        for value, label in MailLedger.State.choices
    ]
    context = {
        "rows": shown[:SHOWN],
        "tabs": tabs,
        "state": state,
        "inboxes": Inbox.objects.filter(channel="email").order_by("name"),
        "inbox": inbox,
        "next_url": f"{with_query(request)}&before={shown[SHOWN - 1].pk}" if len(shown) > SHOWN else "",
    }
    template = (
        "tickets/settings/_mail_ledger.html" if is_partial(request) else "tickets/settings/mail_ledger.html"
    )
    return render(request, template, context)


@page("operations.view")
def ledger_mail(request: StaffRequest, mail_id: int) -> HttpResponse:
    """Show one mail: what became of it and its raw text, escaped and capped."""
    mail = get_object_or_404(mails(request.viewer), pk=mail_id)
    try:
        raw = raw_text(mail)
    except FileNotFoundError:
        raw = ""
    context = {
        "mail": mail,
        "raw": raw,
        "may_retry": can_retry(mail, request.viewer),
        "facts": [
            (_("Sender"), mail.sender or _("unknown"), ""),
            (_("Inbox"), mail.inbox.name, ""),
            (_("Source"), mail.source or "–", ""),
            (_("Size in bytes"), mail.size, ""),
            (_("SHA-256"), mail.sha256, ""),
            (_("Attempts"), mail.attempts, ""),
        ],
    }
    return render(request, "tickets/settings/ledger_mail.html", context)


@page("operations.view")
def ledger_mail_raw(request: StaffRequest, mail_id: int) -> HttpResponse:
    """Download the mail as it arrived; as a file of an opaque type, so that no browser ever shows it as a page."""
    mail = get_object_or_404(mails(request.viewer), pk=mail_id)
    release_mail(mail)
    try:
        raw = read_file(mail.storage_key)
    except FileNotFoundError as error:
        raise Http404 from error
    return HttpResponse(
        raw,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="mail-{mail.pk}.eml"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
        },
    )


@require_POST
@page("operations.retry")
def ledger_mail_retry(request: StaffRequest, mail_id: int) -> HttpResponse:
    """Process a mail again that was set aside."""
    mail = get_object_or_404(mails(request.viewer), pk=mail_id)
    after = retry_mail(ledger=mail, by=request.viewer)
    text = _("The mail is now: %(state)s.") % {"state": after.get_state_display()}
    if after.state == MailLedger.State.QUARANTINED:
        text = _("It was set aside again: %(error)s") % {"error": after.error}
    return done(request, text, reverse("ledger-mail", args=[after.pk]))

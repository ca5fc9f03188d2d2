"""Settings: inboxes and categories."""

from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core import formatting
from core.pages.forms import FormPage, ListItem, ListPage, done, form_page, list_page, submitted
from people.requests import StaffRequest, page
from tickets.channels.email.services.poll_drop_folder import drop_folder
from tickets.models import Category, Inbox, MailLedger
from tickets.pages.settings_forms import CategoryForm, InboxForm
from tickets.pages.settings_mailboxes import mailbox_items
from tickets.services.save_category import save_category
from tickets.services.save_inbox import save_inbox


@page("settings.manage")
def inboxes(request: StaffRequest) -> HttpResponse:
    """List the inboxes with when each received its last mail."""
    received = dict(MailLedger.objects.order_by().values_list("inbox_id").annotate(last=Max("received_at")))
    items = []
    for inbox in Inbox.objects.select_related("default_team").order_by("-is_active", "name"):
        last = received.get(inbox.pk)
        team = inbox.default_team.name if inbox.default_team else _("triage")
        items.append(
            ListItem(
                name=inbox.name,
                url=reverse("settings-inbox", args=[inbox.pk]),
                sub=" · ".join(part for part in (inbox.address, team) if part),
                chips=[] if inbox.is_active else [(_("Inactive"), "")],
                right=_("last mail %(age)s ago") % {"age": formatting.age(last)}
                if last
                else _("no mail yet"),
            )
        )
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Inboxes"),
            lead=_("Where messages come in and under which address answers leave."),
            new_url=reverse("settings-inbox-new"),
            new_label=_("New inbox"),
            empty_title=_("Connect an inbox"),
            empty_text=_("Tickets appear as soon as one channel is connected."),
            icon="mail",
        ),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def inbox_form(request: StaffRequest, inbox_id: int | None = None) -> HttpResponse:
    """Create or change an inbox."""
    inbox = get_object_or_404(Inbox, pk=inbox_id) if inbox_id else None
    initial = {}
    facts = []
    if inbox is not None:
        initial = {
            name: getattr(inbox, name) for name in ("name", "address", "from_name", "signature", "is_active")
        }
        initial["default_team"] = inbox.default_team_id
        last = MailLedger.objects.filter(inbox=inbox).aggregate(last=Max("received_at"))["last"]
        facts = [
            (_("Drop folder"), drop_folder(inbox)),
            (_("Last mail"), formatting.absolute(last) if last else _("none yet")),
            (_("Mails in the ledger"), MailLedger.objects.filter(inbox=inbox).count()),
        ]
    form = InboxForm(request.POST or None, initial=initial)
    if request.method == "POST":
        saved = submitted(form, save_inbox, inbox=inbox, by=request.viewer)
        if saved is not None:
            return done(request, _("Inbox saved."), reverse("settings-inbox", args=[saved.pk]))
    frame = FormPage(
        heading=inbox.name if inbox else _("New inbox"),
        lead=_(
            "An e-mail channel. Connect a mailbox to it, or let a mail server put mails into the drop folder."
        ),
        back_url=reverse("settings-inboxes"),
        facts=facts,
    )
    items = mailbox_items(request, inbox) if inbox else []
    return form_page(request, form, frame, "tickets/settings/inbox.html", inbox=inbox, items=items)


@page("settings.manage")
def categories(request: StaffRequest) -> HttpResponse:
    """List the categories."""
    items = [
        ListItem(
            name=category.name,
            url=reverse("settings-category", args=[category.pk]),
            sub=category.description or _("No description: routing cannot learn what belongs here."),
            chips=[] if category.is_active else [(_("Inactive"), "")],
            right=category.team.name if category.team else "",
        )
        for category in Category.objects.select_related("team").order_by("-is_active", "name")
    ]
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Categories"),
            lead=_("What tickets are about. The descriptions teach routing until there is history."),
            new_url=reverse("settings-category-new"),
            new_label=_("New category"),
            empty_title=_("Say what customers write about"),
            empty_text=_(
                "Five to fifteen categories, each described in a customer's words, are a good start."
            ),
            icon="tag",
        ),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def category_form(request: StaffRequest, category_id: int | None = None) -> HttpResponse:
    """Create or change a category."""
    category = get_object_or_404(Category, pk=category_id) if category_id else None
    initial = {}
    if category is not None:
        initial = {
            "name": category.name,
            "description": category.description,
            "team": category.team_id,
            "required_skills": list(category.required_skills.values_list("pk", flat=True)),
            "is_active": category.is_active,
        }
    form = CategoryForm(request.POST or None, initial=initial)
    if (
        request.method == "POST"
        and submitted(form, save_category, category=category, by=request.viewer) is not None
    ):
        return done(request, _("Category saved."), "settings-categories")
    frame = FormPage(
        heading=category.name if category else _("New category"), back_url=reverse("settings-categories")
    )
    return form_page(request, form, frame)

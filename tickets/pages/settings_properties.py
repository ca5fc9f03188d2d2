"""Settings: statuses, ticket types, tags, custom fields and the days of grace."""

from dataclasses import dataclass

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from core.pages.forms import (
    FormPage,
    ListItem,
    ListPage,
    PostButton,
    done,
    form_page,
    list_page,
    refused,
    submitted,
)
from people.requests import StaffRequest, page
from tickets.conditions import in_words
from tickets.models import CustomField, Status, Tag, TicketTag, TicketType
from tickets.pages.property_forms import (
    CustomFieldForm,
    GraceForm,
    MergeTagForm,
    StatusForm,
    TagForm,
    TicketTypeForm,
)
from tickets.services.move_in_order import Ordered, move_in_order
from tickets.services.receive_message import reopen_days
from tickets.services.save_custom_field import delete_custom_field, save_custom_field
from tickets.services.save_status import BUILT_IN, delete_status, save_status
from tickets.services.save_tag import delete_tag, merge_tag, save_tag
from tickets.services.save_ticket_type import delete_ticket_type, save_ticket_type
from tickets.services.set_grace import set_grace

ORDERED = "tickets/settings/ordered_list.html"


@dataclass(frozen=True)
class OrderedItem(ListItem):
    """A line that can be moved: ``move_url`` takes ``up`` or ``down`` as ``way``."""

    move_url: str = ""


def _idle(row: Status | TicketType | Tag | CustomField) -> list[tuple[str, str]]:
    return [] if row.is_active else [(_("Inactive"), "")]


def _ordered_page(request: StaffRequest, items: list[OrderedItem], page_: ListPage) -> HttpResponse:
    actions = [{"label": page_.new_label, "url": page_.new_url, "primary": True}]
    return render(request, ORDERED, {"items": items, "page": page_, "empty_actions": actions})


def _moved(request: StaffRequest, row: Ordered, url_name: str) -> HttpResponse:
    move_in_order(row=row, to="up" if request.POST.get("way") == "up" else "down", by=request.viewer)
    return redirect(url_name)


# --- statuses ---------------------------------------------------------------------------------------------------------


@page("tickets.configure")
def statuses(request: StaffRequest) -> HttpResponse:
    """List the statuses in their order."""
    items = [
        OrderedItem(
            name=status.name,
            url=reverse("settings-status", args=[status.pk]),
            sub=_("customers read: %s") % status.customer_label,
            chips=[
                *_idle(status),
                *([(_("pauses SLA"), "")] if status.pauses_sla else []),
                (str(status.get_category_display()), ""),
            ],
            move_url=reverse("settings-status-move", args=[status.pk]),
        )
        for status in Status.objects.all()
    ]
    return _ordered_page(
        request,
        items,
        ListPage(
            heading=_("Statuses"),
            lead=_("Where a ticket stands. What a status means decides views and clocks; its name is yours."),
            new_url=reverse("settings-status-new"),
            new_label=_("New status"),
        ),
    )


@require_http_methods(["GET", "POST"])
@page("tickets.configure")
def status_form(request: StaffRequest, key: str = "") -> HttpResponse:
    """Create or change a status."""
    status = get_object_or_404(Status, pk=key) if key else None
    initial = {}
    if status is not None:
        names = ("name", "customer_label", "pauses_sla", "is_active")
        initial = {name: getattr(status, name) for name in names}
    form = StatusForm(request.POST or None, initial=initial, status=status)
    if request.method == "POST":
        kept = {"is_active": True} if status is not None and status.pk in BUILT_IN else {}
        if submitted(form, save_status, status=status, by=request.viewer, **kept) is not None:
            return done(request, _("Status saved."), "settings-statuses")
    frame = FormPage(
        heading=status.name if status else _("New status"),
        lead="" if status is None else _("Means: %s") % status.get_category_display(),
        back_url=reverse("settings-statuses"),
        buttons=[
            PostButton(
                _("Delete"),
                reverse("settings-status-delete", args=[status.pk]),
                confirm=_("Only a status that no ticket has can be deleted."),
            )
        ]
        if status is not None and status.pk not in BUILT_IN
        else [],
    )
    return form_page(request, form, frame)


@require_POST
@page("tickets.configure")
def status_move(request: StaffRequest, key: str) -> HttpResponse:
    """Move a status up or down."""
    return _moved(request, get_object_or_404(Status, pk=key), "settings-statuses")


@require_POST
@page("tickets.configure")
def status_delete(request: StaffRequest, key: str) -> HttpResponse:
    """Delete a status that no ticket has."""
    status = get_object_or_404(Status, pk=key)
    try:
        delete_status(status=status, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("settings-status", args=[key]))
    return done(request, _("Status deleted."), "settings-statuses")


# --- types ------------------------------------------------------------------------------------------------------------


@page("tickets.configure")
def types(request: StaffRequest) -> HttpResponse:
    """List the ticket types in their order."""
    items = [
        OrderedItem(
            name=one.name,
            url=reverse("settings-type", args=[one.pk]),
            sub=one.description,
            chips=_idle(one),
            right=ngettext("%(count)s step", "%(count)s steps", len(one.checklist))
            % {"count": len(one.checklist)}
            if one.checklist
            else "",
            move_url=reverse("settings-type-move", args=[one.pk]),
        )
        for one in TicketType.objects.all()
    ]
    return _ordered_page(
        request,
        items,
        ListPage(
            heading=_("Ticket types"),
            lead=_("Kinds of requests. A type brings its checklist and its own fields."),
            new_url=reverse("settings-type-new"),
            new_label=_("New type"),
            empty_title=_("Tell questions from incidents"),
            empty_text=_("A type gives its tickets a checklist to work through and fields of their own."),
            icon="checkup-list",
        ),
    )


@require_http_methods(["GET", "POST"])
@page("tickets.configure")
def type_form(request: StaffRequest, type_id: int | None = None) -> HttpResponse:
    """Create or change a type."""
    row = get_object_or_404(TicketType, pk=type_id) if type_id else None
    initial = {}
    if row is not None:
        initial = {name: getattr(row, name) for name in ("name", "description", "checklist", "is_active")}
        initial["required_skills"] = list(row.required_skills.values_list("pk", flat=True))
    form = TicketTypeForm(request.POST or None, initial=initial)
    if (
        request.method == "POST"
        and submitted(form, save_ticket_type, type=row, by=request.viewer) is not None
    ):
        return done(request, _("Type saved."), "settings-types")
    frame = FormPage(
        heading=row.name if row else _("New type"),
        back_url=reverse("settings-types"),
        buttons=[
            PostButton(
                _("Delete"),
                reverse("settings-type-delete", args=[row.pk]),
                confirm=_("Only a type that no ticket has can be deleted."),
            )
        ]
        if row
        else [],
    )
    return form_page(request, form, frame)


@require_POST
@page("tickets.configure")
def type_move(request: StaffRequest, type_id: int) -> HttpResponse:
    """Move a type up or down."""
    return _moved(request, get_object_or_404(TicketType, pk=type_id), "settings-types")


@require_POST
@page("tickets.configure")
def type_delete(request: StaffRequest, type_id: int) -> HttpResponse:
    """Delete a type that no ticket has."""
    try:
        delete_ticket_type(type=get_object_or_404(TicketType, pk=type_id), by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("settings-type", args=[type_id]))
    return done(request, _("Type deleted."), "settings-types")


# --- tags -------------------------------------------------------------------------------------------------------------


@page("tickets.configure")
def tags(request: StaffRequest) -> HttpResponse:
    """List the tags with how many tickets have them."""
    counts = dict(TicketTag.objects.order_by().values_list("tag_id").annotate(count=Count("pk")))
    items = [
        ListItem(
            name=tag.name,
            url=reverse("settings-tag", args=[tag.pk]),
            sub=tag.description,
            chips=[*_idle(tag), *([(_("applied by itself"), "")] if tag.applies_itself else [])],
            right=ngettext("%(count)s ticket", "%(count)s tickets", counts.get(tag.pk, 0))
            % {"count": counts.get(tag.pk, 0)},
        )
        for tag in Tag.objects.order_by("-is_active", "name")
    ]
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Tags"),
            lead=_("Words that people put on tickets. New ones appear here as soon as somebody uses them."),
            new_url=reverse("settings-tag-new"),
            new_label=_("New tag"),
            empty_title=_("No tag has been used"),
            empty_text=_("Agents add tags on a ticket with the key L."),
            icon="tag",
        ),
    )


@require_http_methods(["GET", "POST"])
@page("tickets.configure")
def tag_form(request: StaffRequest, tag_id: int | None = None) -> HttpResponse:
    """Create or change a tag."""
    tag = get_object_or_404(Tag, pk=tag_id) if tag_id else None
    initial = {}
    if tag is not None:
        initial = {
            name: getattr(tag, name) for name in ("name", "description", "is_active", "applies_itself")
        }
    form = TagForm(request.POST or None, initial=initial, may_apply=request.viewer.can("settings.manage"))
    if request.method == "POST" and submitted(form, save_tag, tag=tag, by=request.viewer) is not None:
        return done(request, _("Tag saved."), "settings-tags")
    frame = FormPage(
        heading=tag.name if tag else _("New tag"),
        back_url=reverse("settings-tags"),
        buttons=[
            PostButton(
                _("Delete"),
                reverse("settings-tag-delete", args=[tag.pk]),
                confirm=_("It is taken off every ticket that has it. This cannot be undone."),
            )
        ]
        if tag
        else [],
    )
    merge = None if tag is None else MergeTagForm(tag=tag)
    return form_page(request, form, frame, "tickets/settings/tag.html", tag=tag, merge_form=merge)


@require_POST
@page("tickets.configure")
def tag_merge(request: StaffRequest, tag_id: int) -> HttpResponse:
    """Merge a tag into another."""
    tag = get_object_or_404(Tag, pk=tag_id)
    back = reverse("settings-tag", args=[tag.pk])
    form = MergeTagForm(request.POST, tag=tag)
    if not form.is_valid():
        messages.error(request, _("Choose another tag that is in use."))
        return redirect(back)
    try:
        merge_tag(tag=tag, into=form.cleaned_data["into"], by=request.viewer)
    except ValidationError as error:
        return refused(request, error, back)
    words = {"old": tag.name, "new": form.cleaned_data["into"].name}
    return done(request, _("“%(old)s” becomes “%(new)s”, ticket by ticket.") % words, "settings-tags")


@require_POST
@page("tickets.configure")
def tag_delete(request: StaffRequest, tag_id: int) -> HttpResponse:
    """Delete a tag and take it off its tickets."""
    tag = get_object_or_404(Tag, pk=tag_id)
    try:
        gone = delete_tag(tag=tag, by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("settings-tag", args=[tag_id]))
    text = _("Tag deleted.") if gone else _("“%s” is being taken off its tickets.") % tag.name
    return done(request, text, "settings-tags")


# --- custom fields ----------------------------------------------------------------------------------------------------


@page("tickets.configure")
def fields(request: StaffRequest) -> HttpResponse:
    """List the custom fields in their order."""
    items = [
        OrderedItem(
            name=field.label,
            url=reverse("settings-field", args=[field.pk]),
            sub=_field_sub(field),
            chips=[
                *_idle(field),
                *([(_("required"), "warn")] if field.required_on_resolve else []),
                (str(field.get_kind_display()), ""),
            ],
            move_url=reverse("settings-field-move", args=[field.pk]),
        )
        for field in CustomField.objects.prefetch_related("types")
    ]
    return _ordered_page(
        request,
        items,
        ListPage(
            heading=_("Custom fields"),
            lead=_("What you want to know about tickets beyond the built-in properties."),
            new_url=reverse("settings-field-new"),
            new_label=_("New field"),
            empty_title=_("Ask for what you need to know"),
            empty_text=_(
                "Order number, product area, root cause: per type, on condition, required to resolve."
            ),
            icon="forms",
        ),
    )


def _field_sub(field: CustomField) -> str:
    """Return where a field is shown: "order_number · Incident, Problem · when priority is high"."""
    types_ = ", ".join(one.name for one in field.types.all()) or _("every type")
    parts = [field.key, types_]
    if field.condition:
        parts.append(_("when %s") % in_words(field.condition))
    return " · ".join(parts)


@require_http_methods(["GET", "POST"])
@page("tickets.configure")
def field_form(request: StaffRequest, field_id: int | None = None) -> HttpResponse:
    """Create or change a custom field."""
    field = get_object_or_404(CustomField, pk=field_id) if field_id else None
    initial = {} if field is None else CustomFieldForm.initial_of(field)
    form = CustomFieldForm(request.POST or None, initial=initial, field=field)
    if (
        request.method == "POST"
        and submitted(form, save_custom_field, field=field, by=request.viewer) is not None
    ):
        return done(request, _("Field saved."), "settings-fields")
    frame = FormPage(
        heading=field.label if field else _("New field"),
        lead="" if field is None else f"{field.key} · {field.get_kind_display()}",
        back_url=reverse("settings-fields"),
        fieldsets=[
            ("", ["label", "key", "kind", "reference", "options", "help_text"]),
            (_("Where it is shown"), ["types", "condition"]),
            (_("Rules"), ["required_on_resolve", "is_active"]),
        ],
        buttons=[
            PostButton(
                _("Delete"),
                reverse("settings-field-delete", args=[field.pk]),
                confirm=_("Only a field that no ticket has a value of can be deleted."),
            )
        ]
        if field
        else [],
    )
    return form_page(request, form, frame)


@require_POST
@page("tickets.configure")
def field_move(request: StaffRequest, field_id: int) -> HttpResponse:
    """Move a field up or down."""
    return _moved(request, get_object_or_404(CustomField, pk=field_id), "settings-fields")


@require_POST
@page("tickets.configure")
def field_delete(request: StaffRequest, field_id: int) -> HttpResponse:
    """Delete a field that no ticket has a value of."""
    try:
        delete_custom_field(field=get_object_or_404(CustomField, pk=field_id), by=request.viewer)
    except ValidationError as error:
        return refused(request, error, reverse("settings-field", args=[field_id]))
    return done(request, _("Field deleted."), "settings-fields")


# --- grace ------------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def grace(request: StaffRequest) -> HttpResponse:
    """How long a solution can be answered."""
    form = GraceForm(request.POST or None, initial={"days": reopen_days()})
    if request.method == "POST" and form.is_valid():
        set_grace(days=form.cleaned_data["days"], by=request.viewer)
        return done(request, _("Days of grace saved."), "settings-grace")
    frame = FormPage(
        heading=_("Closing"),
        lead=_("When a solved ticket is over for good."),
        back_url=reverse("settings-statuses"),
    )
    return form_page(request, form, frame)

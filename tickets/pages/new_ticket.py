"""A ticket on behalf of a customer: somebody called, or wrote where no channel listens."""

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from core.pages.forms import add_errors
from customers.models import Contact
from people.models import Team, User
from people.requests import StaffRequest, page
from people.viewer import Viewer
from tickets.answer_cc import split_addresses
from tickets.custom_fields import LONGEST_TEXT
from tickets.languages import language_choices
from tickets.models import CustomField, Tag, Ticket, TicketType
from tickets.pages.properties import found_references
from tickets.selectors import visible_tickets
from tickets.services.assign_ticket import WORKING_ROLES
from tickets.services.open_ticket import open_ticket
from tickets.ticket_sketch import fields_of_sketch, sketch_ticket

MOST_SUGGESTIONS = 8
SHORTEST_QUERY = 2
# What decides on the other fields of the form.
PROPERTIES = ("type", "priority", "team", "assignee", "tags", "cc", "language")
_OWN = "field-"
_Kind = CustomField.Kind


def _suggest(url_name: str, place: str) -> dict[str, Any]:
    """Attributes of an input whose suggestions come from the server while one types."""
    return {
        "autocomplete": "off",
        "list": place,
        "hx-get": reverse_lazy(url_name),
        "hx-trigger": "input changed delay:200ms",
        "hx-target": f"#{place}",
    }


class NewTicketForm(forms.Form):
    """Who, how, about what, and what is known about it. The contact is found by address, or added.

    The properties are offered as far as the viewer may set them; the custom fields are those that a ticket of the values in
    ``data`` has, as ``field-<key>``.
    """

    contact_email = forms.EmailField(
        label=gettext_lazy("Customer's e-mail address"),
        max_length=254,
        widget=forms.EmailInput(
            attrs={"autofocus": True, **_suggest("ticket-new-contacts", "known-contacts")}
        ),
        help_text=gettext_lazy("Answers go here. Start typing a name or an address; somebody new is added."),
    )
    contact_name = forms.CharField(label=gettext_lazy("Name"), max_length=160, required=False)
    channel = forms.ChoiceField(
        label=gettext_lazy("How did they reach you?"),
        choices=[
            ("phone", gettext_lazy("Phone")),
            ("email", gettext_lazy("E-mail")),
            ("chat", gettext_lazy("Chat")),
            ("web", gettext_lazy("Web form")),
        ],
    )
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=300)
    body = forms.CharField(
        label=gettext_lazy("What they said"),
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 8, "data-autosize": True}),
        help_text=gettext_lazy("In their words: it is routed and scored like any message of the customer."),
    )
    type = forms.ModelChoiceField(
        label=gettext_lazy("Type"), queryset=TicketType.objects.none(), required=False, empty_label="–"
    )
    priority = forms.ChoiceField(
        label=gettext_lazy("Priority"),
        choices=[
            ("", gettext_lazy("As the text suggests")),
            *((value, label) for value, label in Ticket.Priority.choices if value != Ticket.Priority.NORMAL),
        ],
        required=False,
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), required=False)
    tags = forms.CharField(
        label=gettext_lazy("Tags"),
        required=False,
        max_length=1000,
        widget=forms.TextInput(attrs=_suggest("ticket-new-tags", "known-tags")),
        help_text=gettext_lazy("Separated by commas; a new one is added."),
    )
    cc = forms.CharField(
        label=gettext_lazy("Copies to"),
        required=False,
        max_length=4000,
        widget=forms.TextInput(attrs={"inputmode": "email", **_suggest("ticket-new-copies", "known-copies")}),
        help_text=gettext_lazy("Addresses, separated by commas: they get the answers, too."),
    )
    team = forms.ModelChoiceField(
        label=gettext_lazy("Team"),
        queryset=Team.objects.none(),
        required=False,
        empty_label=gettext_lazy("As the text suggests"),
    )
    assignee = forms.ModelChoiceField(
        label=gettext_lazy("Assignee"),
        queryset=User.objects.none(),
        required=False,
        empty_label=gettext_lazy("By the rule of the team"),
    )

    def __init__(self, data: QueryDict | None = None, *, viewer: Viewer, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.viewer = viewer
        self._offer(data)
        self.own: list[CustomField] = []
        if viewer.can("tickets.edit"):
            self.own = fields_of_sketch(self._sketch(), self._typed_values(), viewer)
            for field in self.own:
                self.fields[f"{_OWN}{field.key}"] = _own_field(field)

    def _offer(self, data: QueryDict | None) -> None:
        """Leave out what the viewer may not set, and fill the menus."""
        needs = dict.fromkeys(PROPERTIES, "tickets.edit") | {
            "cc": "tickets.reply",
            "assignee": "tickets.assign",
        }
        for name, permission in needs.items():
            if not self.viewer.can(permission):
                del self.fields[name]
        teams = Team.objects.filter(is_active=True).order_by("name")
        if not self.viewer.can("tickets.all_teams"):
            teams = teams.filter(Q(is_private=False) | Q(pk__in=self.viewer.team_ids))
        people = User.objects.filter(is_active=True, role__in=WORKING_ROLES).order_by("name")
        team = _number(data.get("team", "")) if data else None
        if team is not None and "team" in self.fields:
            people = people.filter(memberships__team=team)
        menus = {"type": TicketType.objects.filter(is_active=True), "team": teams, "assignee": people}
        for name, rows in menus.items():
            menu = self.fields.get(name)
            if isinstance(menu, forms.ModelChoiceField):
                menu.queryset = rows
        language = self.fields.get("language")
        if isinstance(language, forms.ChoiceField):
            language.choices = [("", _("The contact's")), *language_choices()]

    def _typed(self, name: str) -> str:
        """What was typed in a field, whether or not it is right."""
        return str(self.data.get(name) or self.initial.get(name) or "").strip() if name in self.fields else ""

    def _chosen(self, name: str) -> Any:
        """The row that is chosen in a menu, None for none or one that is not offered."""
        menu, wanted = self.fields.get(name), _number(self._typed(name))
        if wanted is None or not isinstance(menu, forms.ModelChoiceField) or menu.queryset is None:
            return None
        return menu.queryset.filter(pk=wanted).first()

    def _sketch(self) -> Ticket:
        return sketch_ticket(
            subject=self._typed("subject"),
            channel=self._typed("channel") or "phone",
            contact_email=self._typed("contact_email"),
            type=self._chosen("type"),
            tags=[one.lower() for one in _words(self._typed("tags"))],
            language=self._typed("language"),
            priority=self._typed("priority"),
            team=self._chosen("team"),
            assignee=self._chosen("assignee"),
            by=self.viewer,
        )

    def _typed_values(self) -> dict[str, Any]:
        """What was typed for custom fields, by key."""
        if not isinstance(self.data, QueryDict):
            return {}
        values: dict[str, Any] = {}
        fields = {field.key: field for field in CustomField.objects.filter(is_active=True)}
        for name in self.data:
            field = fields.get(name.removeprefix(_OWN)) if name.startswith(_OWN) else None
            if field is not None:
                listed = self.data.getlist(name)
                values[field.key] = _value(field, listed if field.kind == _Kind.MULTI else listed[-1])
        return values

    @property
    def shape(self) -> str:
        """Which fields the form has, and what their menus depend on: the page asks for others when it would be another."""
        return " ".join([self._typed("team"), *(field.key for field in self.own)])

    @property
    def own_bound(self) -> list[forms.BoundField]:
        """The custom fields as drawn."""
        return [self[f"{_OWN}{field.key}"] for field in self.own]

    @property
    def property_bound(self) -> list[forms.BoundField]:
        """The properties as drawn."""
        return [self[name] for name in PROPERTIES if name in self.fields]

    def known(self) -> dict[str, Any]:
        """What was said about the ticket, as ``open_ticket`` takes it."""
        cleaned = self.cleaned_data
        known = {name: cleaned[name] for name in PROPERTIES if cleaned.get(name)}
        if "tags" in known:
            known["tags"] = _words(known["tags"])
        if "cc" in known:
            known["cc"] = split_addresses([known["cc"]])
        values = {field.key: _value(field, cleaned.get(f"{_OWN}{field.key}")) for field in self.own}
        given = {key: value for key, value in values.items() if value not in ("", None, [])}
        return known | ({"fields": given} if given else {})


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else None


def _words(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _own_field(field: CustomField) -> forms.Field:
    """The form field of a custom field. It takes what is typed: what the value may be is the service's to say."""
    label = f"{field.label} *" if field.required_on_resolve else field.label
    required = _("Required to resolve.") if field.required_on_resolve else ""
    help_text = " ".join(filter(None, [field.help_text, required]))
    options: dict[str, Any] = {"label": label, "required": False, "help_text": help_text}
    choices = [(one, one) for one in field.options]
    match field.kind:
        case _Kind.CHOICE:
            return forms.ChoiceField(choices=[("", "–"), *choices], **options)
        case _Kind.MULTI:
            return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **options)
        case _Kind.BOOL:
            yes_or_no = [("", "–"), ("true", _("yes")), ("false", _("no"))]
            return forms.ChoiceField(choices=yes_or_no, **options)
        case _Kind.DATE:
            return forms.CharField(widget=forms.DateInput({"type": "date"}), **options)
        case _Kind.NUMBER:
            return forms.CharField(widget=forms.TextInput({"inputmode": "decimal"}), **options)
        case _Kind.REFERENCE:
            place = f"found-{field.key}"
            attributes = {
                "autocomplete": "off",
                "list": place,
                "data-suggestions": place,
                "placeholder": _("Search"),
                "hx-get": reverse("ticket-new-references", args=[field.key]),
                "hx-trigger": "input changed delay:200ms, focus once",
                "hx-target": f"#{place}",
            }
            return forms.CharField(widget=forms.TextInput(attributes), max_length=200, **options)
    return forms.CharField(max_length=LONGEST_TEXT, **options)


# A reference is typed as it is suggested: "Halden Logistics #12", a ticket "#4017 Where is my invoice?".
_ENDS_WITH_ID = re.compile(r"#(\d{1,17})$")
_BEGINS_WITH_NUMBER = re.compile(r"^(#\d{1,17})\b")


def _value(field: CustomField, typed: Any) -> Any:
    """What was typed as the service reads it."""
    if field.kind != _Kind.REFERENCE or not isinstance(typed, str):
        return typed
    is_ticket = field.reference == CustomField.Reference.TICKET
    found = (_BEGINS_WITH_NUMBER if is_ticket else _ENDS_WITH_ID).search(typed.strip())
    return found.group(1) if found else typed.strip()


@page("tickets.create")
@require_http_methods(["GET", "POST"])
def new_ticket(request: StaffRequest) -> HttpResponse:
    """The form; a ticket opens on its page."""
    form = NewTicketForm(
        request.POST if request.method == "POST" else None,
        viewer=request.viewer,
        initial={"contact_email": request.GET.get("contact", "")},
    )
    if request.method == "POST" and form.is_valid():
        ticket = _opened(form, request.viewer)
        if ticket is not None:
            return _gone_to(request, ticket)
    return render(request, "tickets/new_ticket.html", {"form": form}, status=422 if form.errors else 200)


def _opened(form: NewTicketForm, viewer: Viewer) -> Ticket | None:
    """Open the ticket; what a service refuses appears beside its field."""
    first = {
        name: form.cleaned_data[name]
        for name in ("subject", "body", "contact_email", "contact_name", "channel")
    }
    try:
        return open_ticket(**first, known=form.known(), by=viewer).ticket
    except ValidationError as error:
        add_errors(form, _renamed(error))
    return None


def _renamed(error: ValidationError) -> ValidationError:
    """The error with the names that the fields have in this form."""
    if not hasattr(error, "error_dict"):
        return error
    names = {"contact": "contact_email", "email": "contact_email"}
    return ValidationError(
        {names.get(name, name.replace("field:", _OWN)): errors for name, errors in error.error_dict.items()}
    )


def _gone_to(request: StaffRequest, ticket: Ticket) -> HttpResponse:
    """The ticket's page, or the inbox when it is in a private team now."""
    if visible_tickets(request.viewer).filter(pk=ticket.pk).exists():
        return redirect(reverse("inbox-ticket", args=[ticket.pk]))
    messages.success(
        request, _("Ticket #%d is open, in a team whose tickets you do not see.") % ticket.number
    )
    return redirect("inbox")


@page("tickets.create")
@require_POST
def properties_form(request: StaffRequest) -> HttpResponse:
    """The part of the form that follows from what is filled in, with what was typed; 204 while it would be the same."""
    form = NewTicketForm(request.POST, viewer=request.viewer)
    if form.shape == request.POST.get("shape", ""):
        return HttpResponse(status=204)
    # Nothing is refused before it is sent.
    form.errors.clear()
    return render(request, "tickets/_new_ticket_properties.html", {"form": form})


@page("tickets.create")
@require_GET
def known_contacts(request: StaffRequest) -> HttpResponse:
    """Contacts for the suggestions of the form: by name or address."""
    return _suggestions(request, _contacts(request.viewer, request.GET.get("contact_email", "").strip()))


@page("tickets.create")
@require_GET
def known_copies(request: StaffRequest) -> HttpResponse:
    """The same for the last of several addresses; what is suggested begins with those before it."""
    before, last = _split_last(request.GET.get("cc", ""))
    found = _contacts(request.viewer, last)
    return _suggestions(request, [(", ".join([*before, address]), title) for address, title in found])


def _contacts(viewer: Viewer, words: str) -> list[tuple[str, str]]:
    """(address, name and customer) of the first contacts whose name or address contains the words."""
    if len(words) < SHORTEST_QUERY or "\x00" in words:
        return []
    matches = Q(name__icontains=words) | Q(identities__kind="email", identities__value__icontains=words)
    contacts = Contact.objects.visible_to(viewer).filter(matches, merged_into=None).distinct()
    found = contacts.select_related("account").prefetch_related("identities")
    return [
        (one.email, " · ".join(filter(None, (one.name, one.account.name if one.account else _("no customer")))))
        for one in found.order_by("name", "pk")[:MOST_SUGGESTIONS]
        if one.email
    ]  # fmt: skip


@page("tickets.create")
@require_GET
def known_tags(request: StaffRequest) -> HttpResponse:
    """Tags for the last of several; what is suggested begins with those before it."""
    before, last = _split_last(request.GET.get("tags", ""))
    tags = Tag.objects.filter(is_active=True, name__icontains=last.lower()).exclude(name__in=before)
    found = [] if not last or "\x00" in last else [tag.name for tag in tags[:MOST_SUGGESTIONS]]
    return _suggestions(request, [(", ".join([*before, name]), name) for name in found])


def _split_last(typed: str) -> tuple[list[str], str]:
    before, _comma, last = typed.rpartition(",")
    return _words(before), last.strip()


@page("tickets.create")
@require_GET
def known_references(request: StaffRequest, key: str) -> HttpResponse:
    """What a reference can point to, as it is typed."""
    field = get_object_or_404(CustomField, key=key, kind=_Kind.REFERENCE, is_active=True)
    if not request.viewer.can("tickets.edit"):
        raise Http404(_("There is no such property."))
    typed = request.GET.get(f"{_OWN}{key}", "")
    rows = found_references(field, typed, request.viewer)
    is_ticket = field.reference == CustomField.Reference.TICKET
    told = [(f"#{row.number} {row.subject}" if is_ticket else f"{row} #{row.pk}", str(row)) for row in rows]
    return _suggestions(request, told)


def _suggestions(request: StaffRequest, options: Sequence[tuple[str, str]]) -> HttpResponse:
    return render(request, "tickets/_suggestions.html", {"options": options})

"""A ticket on behalf of a customer: somebody called, or wrote where no channel listens."""

from django import forms
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from core.pages.forms import submitted
from customers.models import Contact
from people.requests import StaffRequest, page
from tickets.services.create_ticket import create_ticket

MOST_SUGGESTIONS = 8
SHORTEST_QUERY = 2


class NewTicketForm(forms.Form):
    """Who, how, about what. The contact is found by address, or added."""

    contact_email = forms.EmailField(
        label=gettext_lazy("Customer's e-mail address"),
        max_length=254,
        widget=forms.EmailInput(
            attrs={
                "autocomplete": "off",
                "list": "known-contacts",
                "autofocus": True,
                "hx-get": reverse_lazy("ticket-new-contacts"),
                "hx-trigger": "input changed delay:200ms",
                "hx-target": "#known-contacts",
            }
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


@page("tickets.create")
@require_http_methods(["GET", "POST"])
def new_ticket(request: StaffRequest) -> HttpResponse:
    """The form; a ticket opens on its page."""
    form = NewTicketForm(request.POST or None, initial={"contact_email": request.GET.get("contact", "")})
    if request.method == "POST":
        received = submitted(form, create_ticket, by=request.viewer)
        if received is not None:
            return redirect(reverse("inbox-ticket", args=[received.ticket.pk]))
    return render(request, "tickets/new_ticket.html", {"form": form}, status=422 if form.errors else 200)


@page("tickets.create")
@require_GET
def known_contacts(request: StaffRequest) -> HttpResponse:
    """Contacts for the suggestions of the form: by name or address."""
    words = request.GET.get("contact_email", "").strip()
    found: list[Contact] = []
    if len(words) >= SHORTEST_QUERY:
        matches = Q(name__icontains=words) | Q(identities__kind="email", identities__value__icontains=words)
        contacts = Contact.objects.visible_to(request.viewer).filter(matches, merged_into=None).distinct()
        found = list(
            contacts.select_related("account")
            .prefetch_related("identities")
            .order_by("name", "pk")[:MOST_SUGGESTIONS]
        )
    titled = [(one.email, " · ".join(filter(None, (one.name, one.account.name if one.account else _("no customer")))))
              for one in found if one.email]  # fmt: skip
    return render(request, "tickets/_known_contacts.html", {"contacts": titled})

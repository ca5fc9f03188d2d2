"""A field for an account among very many: typed, suggested by the server while one types, read as name, domain or number."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from customers.models import Account
from people.requests import StaffRequest, page
from people.viewer import Viewer

MOST_SUGGESTIONS = 10
SHORTEST_QUERY = 2
# The id of the ``<datalist>`` that a page with such a field has.
SUGGESTIONS = "known-accounts"


class AccountChoice(forms.CharField):
    """Reads an account from its name, its domain, or its name with ``#id`` as the suggestions write it.

    ``viewer`` is set by the form that has it; an account that the viewer may not see is none.
    """

    viewer: Viewer | None = None

    def __init__(self, **kwargs: Any) -> None:
        attrs = {
            "autocomplete": "off",
            "list": SUGGESTIONS,
            "hx-get": reverse_lazy("account-suggestions"),
            "hx-trigger": "input changed delay:200ms",
            "hx-target": f"#{SUGGESTIONS}",
        }
        super().__init__(max_length=200, widget=forms.TextInput(attrs), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """An account as it is typed."""
        return typed(value) if isinstance(value, Account) else value

    def clean(self, value: Any) -> Any:
        """Return the account, None for an empty field."""
        words = super().clean(value).strip()
        if not words:
            return None
        if self.viewer is None:
            raise AssertionError("a form with an AccountChoice sets its viewer")
        visible = Account.objects.visible_to(self.viewer)
        _name, _hash, number = words.rpartition("#")
        if number.isascii() and number.isdigit() and len(number) < 18:
            found = list(visible.filter(pk=int(number)))
        else:
            found = list(visible.filter(Q(name__iexact=words) | Q(domain__iexact=words)).order_by("pk")[:2])
        if not found:
            raise ValidationError(_("No customer has this name. Type a part of it and choose."))
        if len(found) > 1:
            raise ValidationError(_("Several customers have this name: choose one of the suggestions."))
        return found[0]


def typed(account: Account) -> str:
    """Return how an account is written in the field."""
    return f"{account.name} #{account.pk}"


@page("customers.view")
@require_GET
def account_suggestions(request: StaffRequest) -> HttpResponse:
    """The first accounts whose name or domain contains what is typed, as options."""
    asked = next((str(value) for name, value in request.GET.items() if name != "next"), "")
    words = asked.strip().replace("\x00", "")
    if len(words) < SHORTEST_QUERY:
        return HttpResponse("")
    found = Account.objects.visible_to(request.viewer).filter(
        Q(name__icontains=words) | Q(domain__icontains=words)
    )
    rows = ((typed(one), one.domain) for one in found.order_by("name", "pk")[:MOST_SUGGESTIONS])
    return HttpResponse(format_html_join("", '<option value="{}">{}</option>', rows))

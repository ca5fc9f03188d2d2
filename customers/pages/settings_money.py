"""Settings: exchange rates, and the currency of sums over accounts."""

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.pages.forms import add_errors, done
from customers.models import Account, ExchangeRate
from customers.money import base_currency, rates_on
from customers.services.save_exchange_rates import save_exchange_rates, set_base_currency
from people.requests import StaffRequest, page

SHOWN = 60
URL = "settings-exchange-rates"


class RateForm(forms.Form):
    """A rate of a day."""

    day = forms.DateField(
        label=gettext_lazy("Day"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    currency = forms.CharField(label=gettext_lazy("Currency"), min_length=3, max_length=3)
    rate = forms.DecimalField(label=gettext_lazy("Rate"), max_digits=18, decimal_places=8)


class BaseForm(forms.Form):
    """The currency of sums."""

    base = forms.CharField(
        label=gettext_lazy("Currency of sums"),
        min_length=3,
        max_length=3,
        help_text=gettext_lazy("Rates are recorded anew for another one; the ledger keeps what was booked."),
    )


@page("settings.manage")
def exchange_rates(request: StaffRequest) -> HttpResponse:
    """Show the rates that hold and those recorded lately; take a new one."""
    form = RateForm(request.POST or None, initial={"day": timezone.localdate()})
    if request.method == "POST" and form.is_valid():
        try:
            save_exchange_rates(rates=[form.cleaned_data], by=request.viewer)
        except ValidationError as error:
            add_errors(form, error)
        else:
            return done(request, _("The rate is recorded."), URL)
    return _show(request, form, BaseForm(initial={"base": base_currency()}))


@page("settings.manage")
@require_POST
def base(request: StaffRequest) -> HttpResponse:
    """Choose the currency of sums."""
    form = BaseForm(request.POST)
    if form.is_valid():
        try:
            set_base_currency(currency=form.cleaned_data["base"], by=request.viewer)
        except ValidationError as error:
            form.add_error("base", error.messages)
        else:
            return done(request, _("The currency of sums is set."), URL)
    return _show(request, RateForm(initial={"day": timezone.localdate()}), form)


def _show(request: StaffRequest, form: forms.Form, base_form: forms.Form) -> HttpResponse:
    rates = rates_on(timezone.now().date())
    used = set(Account.objects.order_by().values_list("currency", flat=True).distinct())
    rows = ExchangeRate.objects.filter(base_currency=rates.base).order_by("-day", "-recorded_at", "currency")
    context = {
        "form": form,
        "base_form": base_form,
        "base": rates.base,
        "rates": sorted(rates.rates.items()),
        "missing": sorted(used - set(rates.rates) - {rates.base}),
        "rows": rows[:SHOWN],
        "shown": SHOWN,
    }
    status = 422 if form.errors or base_form.errors else 200
    return render(request, "customers/settings_money.html", context, status=status)

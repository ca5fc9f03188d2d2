"""Settings: what work costs, for the figures about it."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from core.pages.forms import FormPage, add_errors, done, form_page
from people.requests import StaffRequest, page
from tickets.channel import Channel
from tickets.costs import current_costs
from tickets.registry import channels_in_order
from tickets.services.save_costs import save_costs

_MESSAGE = "message_"


class CostsForm(forms.Form):
    """An hour, the currency, and a message on each channel."""

    per_hour = forms.DecimalField(
        label=gettext_lazy("An hour of work"),
        min_value=0,
        max_value=100_000,
        decimal_places=4,
        help_text=gettext_lazy("Multiplied with the time that people log on tickets."),
    )
    currency = forms.CharField(label=gettext_lazy("Currency"), min_length=3, max_length=3)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for channel in priced_channels():
            self.fields[f"{_MESSAGE}{channel.key}"] = forms.DecimalField(
                label=_("An answer by %s") % channel.label,
                required=False,
                min_value=0,
                max_value=100_000,
                decimal_places=4,
            )

    def prices(self) -> dict[str, Decimal]:
        """The price of an answer by channel."""
        return {
            name.removeprefix(_MESSAGE): price
            for name, price in self.cleaned_data.items()
            if name.startswith(_MESSAGE) and price
        }


def priced_channels() -> list[Channel]:
    """The channels by which answers can leave for money; a private note costs nothing."""
    return [channel for channel in channels_in_order() if channel.key != "note"]


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def costs(request: StaffRequest) -> HttpResponse:
    """What work costs."""
    known = current_costs()
    initial: dict[str, Any] = {"per_hour": f"{known.per_hour:g}", "currency": known.currency}
    initial |= {f"{_MESSAGE}{key}": f"{price:g}" for key, price in known.per_message.items()}
    form = CostsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            save_costs(
                per_hour=form.cleaned_data["per_hour"],
                currency=form.cleaned_data["currency"],
                per_message=form.prices(),
                by=request.viewer,
            )
        except ValidationError as error:
            add_errors(form, error)
        else:
            return done(request, _("Costs saved."), "settings-costs")
    frame = FormPage(
        heading=_("Costs"),
        lead=_("Insights shows what a solution costs: logged time and answers, with these prices."),
        back_url=reverse("insights"),
        fieldsets=[
            (_("Work"), ["per_hour", "currency"]),
            (_("Messages"), [name for name in form.fields if name.startswith(_MESSAGE)]),
        ],
    )
    return form_page(request, form, frame)

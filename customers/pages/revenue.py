"""The forms around the money of an account: subscriptions, changes of revenue and their corrections."""

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import money
from customers.models import Account, RevenueMovement, Subscription
from customers.pages.account import find_account
from customers.pages.account_forms import asked, attempt, finished, show
from customers.services.record_revenue import record_revenue_movement, restate_movement, void_movement
from customers.services.save_subscription import save_subscription
from people.requests import StaffRequest, page

TAB = "subscription"
_KINDS = [choice for choice in RevenueMovement.Kind.choices if choice[0] != RevenueMovement.Kind.FX]


def _day() -> forms.DateInput:
    return forms.DateInput({"type": "date"}, format="%Y-%m-%d")


class SubscriptionForm(forms.ModelForm[Subscription]):
    """A subscription of an account."""

    moves_revenue = forms.BooleanField(
        label=gettext_lazy("Write it to the ledger"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Without, the ARR of the account counts it already."),
    )

    class Meta:
        model = Subscription
        fields: ClassVar = ["product", "plan", "seats", "arr", "starts_on", "renews_on", "ended_on"]
        widgets: ClassVar = {"starts_on": _day(), "renews_on": _day(), "ended_on": _day()}


class ChangedSubscriptionForm(SubscriptionForm):
    """A change of a subscription: from when, and whether it is only dearer."""

    effective_on = forms.DateField(
        label=gettext_lazy("Change counts from"), required=False, widget=_day(),
        help_text=gettext_lazy("Empty means today."),
    )  # fmt: skip
    is_uplift = forms.BooleanField(label=gettext_lazy("The increase is a higher price"), required=False)


class EndForm(forms.Form):
    """The end of a subscription."""

    ended_on = forms.DateField(label=gettext_lazy("Ends on"), widget=_day(), initial=timezone.localdate)


class RevenueForm(forms.Form):
    """A change of recurring revenue."""

    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=_KINDS)
    amount = forms.DecimalField(
        label=gettext_lazy("Amount"),
        max_digits=14,
        decimal_places=2,
        help_text=gettext_lazy("A year, in the account's currency; negative for contraction and churn."),
    )
    effective_on = forms.DateField(label=gettext_lazy("Effective"), widget=_day())
    notice_on = forms.DateField(label=gettext_lazy("Notice given"), required=False, widget=_day())
    product = forms.CharField(label=gettext_lazy("Product"), required=False, max_length=80)
    reason_code = forms.CharField(label=gettext_lazy("Reason"), required=False, max_length=40)


@page("customers.edit")
def subscription_form(request: StaffRequest, pk: int, subscription_pk: int | None = None) -> HttpResponse:
    """Add a subscription, or change one."""
    found = find_account(request, pk)
    present = None if subscription_pk is None else get_object_or_404(found.subscriptions, pk=subscription_pk)
    shape = SubscriptionForm if present is None else ChangedSubscriptionForm
    form = shape(request.POST or None, instance=None if present is None else _copy(present))

    def save() -> Any:
        values = dict(form.cleaned_data)
        how = {
            name: values.pop(name)
            for name in ("moves_revenue", "effective_on", "is_uplift")
            if name in values
        }
        return save_subscription(account=found, values=values, subscription=present, by=request.viewer, **how)

    if request.method == "POST" and attempt(form, save) is not None:
        return finished(request, found, _("The subscription is saved."), tab=TAB)
    heading = _("Subscription of %(name)s") % {"name": found.name}
    lead = _("The account's renewal becomes the earliest one of its running subscriptions.")
    label = _("Add subscription") if present is None else _("Save")
    return show(request, form, asked(request, found, heading, label, lead=lead, tab=TAB))


@page("customers.edit")
def subscription_end(request: StaffRequest, pk: int, subscription_pk: int) -> HttpResponse:
    """End a subscription; its revenue goes from the ledger on that day."""
    found = find_account(request, pk)
    present = get_object_or_404(found.subscriptions, pk=subscription_pk)
    form = EndForm(request.POST or None)
    if request.method == "POST":
        saved = attempt(
            form,
            lambda: save_subscription(
                account=found, values=form.cleaned_data, subscription=present, by=request.viewer
            ),
        )
        if saved is not None:
            return finished(request, found, _("The subscription ends."), tab=TAB)
    heading = _("End %(product)s of %(name)s") % {"product": present.product, "name": found.name}
    lead = _("%(amount)s a year go from this day; the end of the last one is a churn.") % {
        "amount": money(present.arr, present.currency, full=True)
    }
    return show(request, form, asked(request, found, heading, _("End it"), lead=lead, tab=TAB))


@page("customers.edit")
def revenue_new(request: StaffRequest, pk: int) -> HttpResponse:
    """Record a change of revenue."""
    found = find_account(request, pk)
    form = RevenueForm(request.POST or None)
    if request.method == "POST":
        saved = attempt(
            form, lambda: record_revenue_movement(account=found, by=request.viewer, **form.cleaned_data)
        )
        if saved is not None:
            return finished(request, found, _("The change is recorded."), tab=TAB)
    heading = _("Change of revenue of %(name)s") % {"name": found.name}
    lead = _(
        "It moves the account's ARR and stays in the ledger; a churn that is effective ends the account."
    )
    return show(request, form, asked(request, found, heading, _("Record"), lead=lead, tab=TAB))


@page("customers.edit")
def revenue_restate(request: StaffRequest, pk: int, movement_pk: int) -> HttpResponse:
    """Put a change of revenue right."""
    found = find_account(request, pk)
    row = _movement(found, movement_pk)
    form = RevenueForm(
        request.POST or None, initial={name: getattr(row, name) for name in RevenueForm.base_fields}
    )
    if request.method == "POST":
        saved = attempt(
            form, lambda: restate_movement(movement=row, values=form.cleaned_data, by=request.viewer)
        )
        if saved is not None:
            return finished(request, found, _("The change is put right."), tab=TAB)
    lead = _(
        "What is recorded stays: one row takes it back, another says it as it should have been. Figures of closed months keep "
        "what they said and get a restatement."
    )
    return show(request, form, asked(request, found, _told(row), _("Put right"), lead=lead, tab=TAB))


@page("customers.edit")
def revenue_void(request: StaffRequest, pk: int, movement_pk: int) -> HttpResponse:
    """Take a change of revenue back."""
    found = find_account(request, pk)
    row = _movement(found, movement_pk)
    form = forms.Form(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        saved = attempt(form, lambda: void_movement(movement=row, by=request.viewer))
        if saved is not None:
            return finished(request, found, _("The change is taken back."), tab=TAB)
    lead = _("A row of the opposite amount on the same day takes it back; both stay in the ledger.")
    return show(request, form, asked(request, found, _told(row), _("Take back"), lead=lead, tab=TAB))


def _movement(found: Account, pk: int) -> RevenueMovement:
    return get_object_or_404(found.revenue_movements.select_related("account", "subscription"), pk=pk)


def _told(row: RevenueMovement) -> str:
    return _("%(kind)s of %(amount)s on %(day)s") % {
        "kind": row.get_kind_display(),
        "amount": money(abs(Decimal(row.amount)), row.currency, full=True),
        "day": date_format(row.effective_on, "j M Y"),
    }


def _copy(row: Subscription) -> Subscription:
    """A form writes into its instance; what the service compares with must stay."""
    return Subscription.objects.get(pk=row.pk)

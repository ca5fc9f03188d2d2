"""The forms of customers: they parse, the services decide."""

from datetime import datetime, time
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.db.models import QuerySet
from django.utils.timezone import localtime, make_aware
from django.utils.translation import gettext_lazy as _

from customers.models import Account, Contact, ContactIdentity
from customers.pages.account_choice import AccountChoice
from customers.services.log_touch import TouchKind
from people.models import User
from people.roles import Role
from people.viewer import Viewer


def _day() -> forms.DateInput:
    return forms.DateInput({"type": "date"}, format="%Y-%m-%d")


def _zones(blank: Any) -> list[tuple[str, Any]]:
    return [
        ("", blank),
        *((name, name) for name in sorted(available_timezones()) if "/" in name or name == "UTC"),
    ]


def possible_csms() -> QuerySet[User]:
    """Return the colleagues who can look after an account."""
    return User.objects.filter(is_active=True, role__in=(Role.CSM, Role.LEAD, Role.ADMIN)).order_by(
        "name", "pk"
    )


class AccountForm(forms.ModelForm[Account]):
    """Everything a person may say about an account."""

    timezone = forms.ChoiceField(label=_("Time zone"), choices=lambda: _zones("–")[1:], initial="UTC")
    parent = AccountChoice(
        label=_("Part of"),
        required=False,
        help_text=_("The company above this one. Start typing its name."),
    )

    class Meta:
        model = Account
        fields: ClassVar = [
            "name", "domain", "external_id", "tier", "lifecycle", "csm", "arr", "currency", "seats", "customer_since",
            "renewal_on", "timezone", "parent", "next_step",
        ]  # fmt: skip
        labels: ClassVar = {"external_id": _("Id in your CRM"), "next_step": _("Next step")}
        help_texts: ClassVar = {
            "domain": _("Mail from this domain belongs to the account."),
            "arr": _("Yearly recurring revenue."),
        }
        widgets: ClassVar = {"customer_since": _day(), "renewal_on": _day()}

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["csm"].queryset = possible_csms()  # type: ignore[attr-defined]
        self.fields["parent"].viewer = viewer  # type: ignore[attr-defined]
        self.initial["parent"] = self.instance.parent

    def values(self) -> dict[str, Any]:
        """Return what the services take: the CSM and the company above by id."""
        values = dict(self.cleaned_data)
        csm, parent = values.pop("csm"), values.pop("parent")
        return {
            **values,
            "csm_id": csm.pk if csm else None,
            "parent_id": parent.pk if parent else None,
        }


class AccountMergeForm(forms.Form):
    """Which account takes another one over."""

    target = AccountChoice(
        label=_("Merge into"), help_text=_("Start typing the name of the customer that stays.")
    )

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].viewer = viewer  # type: ignore[attr-defined]


class ExternalIdForm(forms.Form):
    """The id of an account in another system."""

    source = forms.CharField(label=_("System, as in hubspot"), max_length=40)
    value = forms.CharField(label=_("Id there"), max_length=120)


class StepForm(forms.Form):
    """What comes next with an account."""

    next_step = forms.CharField(
        label=_("Next step"),
        max_length=200,
        required=False,
        help_text=_("A short sentence; empty means nothing is planned."),
    )


class RenewalForm(forms.Form):
    """When the contract renews."""

    renewal_on = forms.DateField(label=_("Renewal"), required=False, widget=_day())


class TouchForm(forms.Form):
    """That one was in touch."""

    kind = forms.ChoiceField(label=_("How"), choices=TouchKind.choices)
    at = forms.DateTimeField(
        label=_("When"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty means now."),
    )
    text = forms.CharField(
        label=_("What was said"), required=False, max_length=2000, widget=forms.Textarea({"rows": 3})
    )


class _PersonForm(forms.ModelForm[Contact]):
    """What every form about a person asks."""

    timezone = forms.ChoiceField(
        label=_("Time zone"), required=False, choices=lambda: _zones(_("As the account"))
    )

    class Meta:
        model = Contact
        fields: ClassVar = ["name", "title", "role", "influence", "stance", "timezone", "language"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("influence", "stance"):
            # What a shorter form does not ask stays as it is.
            if self.is_bound and name not in self.data:
                del self.fields[name]


class NewContactForm(_PersonForm):
    """A new person, with a first address."""

    email = forms.EmailField(label=_("E-mail"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["name", "email"])

    def values(self) -> dict[str, Any]:
        """Return what the services take besides the address."""
        return {name: value for name, value in self.cleaned_data.items() if name != "email"}


class ContactForm(_PersonForm):
    """A person at an account."""

    left_on = forms.DateField(label=_("Left the company"), required=False, widget=_day())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        left = self.instance.left_at
        self.initial["left_on"] = localtime(left).date() if left else None

    def values(self) -> dict[str, Any]:
        """Return what the services take; the moment of leaving only when its day changed."""
        values = dict(self.cleaned_data)
        left = values.pop("left_on")
        if left != self.initial["left_on"]:
            values["left_at"] = make_aware(datetime.combine(left, time.min)) if left else None
        return values


class AddressForm(forms.Form):
    """Another address or handle of a person."""

    kind = forms.ChoiceField(label=_("Kind"), choices=ContactIdentity._meta.get_field("kind").choices or [])
    value = forms.CharField(label=_("Address"), max_length=254)


class MergeForm(forms.Form):
    """Which contact takes this one over."""

    target = forms.ModelChoiceField(label=_("Merge into"), queryset=Contact.objects.none(), empty_label="–")

    def __init__(self, *args: Any, targets: QuerySet[Contact], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].queryset = targets  # type: ignore[attr-defined]

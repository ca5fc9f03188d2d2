"""Customers, beside the companies of a CRM."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.domains import FREE_MAIL, normalise_address
from customers.events import ACCOUNT_CHANGED
from customers.models import Account
from customers.services.name_account import accounts_known_as, add_external_id
from customers.services.save_account import create_account, update_account
from customers.services.set_traits import set_account_traits
from integrations.crm.contract import ACCOUNT
from integrations.crm.ours.base import TRAIT, OurObject, Values, traits_of
from integrations.crm.values import OurField, as_text, from_text
from people.models import User
from people.viewer import Viewer


class OurAccounts(OurObject):
    """Customers."""

    key = ACCOUNT
    changed_verb = ACCOUNT_CHANGED.verb
    own_fields = {
        one.name: one
        for one in (
            OurField("id", gettext_lazy("Our id"), is_read_only=True),
            OurField("external_id", gettext_lazy("External id")),
            OurField("name", gettext_lazy("Name")),
            OurField("domain", gettext_lazy("Domain"), "domain"),
            OurField("tier", gettext_lazy("Tier"), "choice", choices=tuple(Account.Tier.choices)),
            OurField("lifecycle", gettext_lazy("Stage"), "choice", choices=tuple(Account.Lifecycle.choices)),
            OurField("arr", gettext_lazy("ARR"), "money"),
            OurField("currency", gettext_lazy("Currency")),
            OurField("seats", gettext_lazy("Seats"), "integer"),
            OurField("csm", gettext_lazy("CSM (e-mail)"), "person"),
            OurField("customer_since", gettext_lazy("Customer since"), "day"),
            OurField("renewal_on", gettext_lazy("Renewal"), "day"),
            OurField("timezone", gettext_lazy("Time zone")),
            OurField("next_step", gettext_lazy("Next step")),
            OurField("health_score", gettext_lazy("Health score"), "integer", is_read_only=True),
            OurField("health_band", gettext_lazy("Health band"), is_read_only=True),
            OurField("open_tickets", gettext_lazy("Open tickets"), "integer", is_read_only=True),
        )
    }

    def values(self, ids: Collection[int]) -> dict[int, dict[str, str]]:
        """Read accounts with their CSM."""
        rows, names = (
            Account.objects.filter(pk__in=ids, merged_into=None).select_related("csm"),
            list(self.fields),
        )
        return {row.pk: {name: self._text(row, name) for name in names} for row in rows}

    def labels(self, ids: Collection[int]) -> dict[int, str]:
        """The names."""
        return dict(Account.objects.filter(pk__in=ids).values_list("pk", "name"))

    def set(self, pk: int, values: Values, by: Viewer) -> None:
        """Change an account, its traits too."""
        account = Account.objects.get(pk=pk)
        if own := self._parsed(values):
            update_account(account=account, values=own, by=by)
        if traits := traits_of(values):
            set_account_traits(account=account, values=traits, by=by)

    def create(self, values: Values, *, known_as: str, account_id: int | None, by: Viewer) -> int:
        """Create one."""
        given = {name: value for name, value in values.items() if value}
        account = create_account(values=self._parsed(given), by=by)
        if traits := traits_of(given):
            set_account_traits(account=account, values=traits, by=by)
        return account.pk

    def find(self, remote_id: str, values: Values, source: str) -> int | None:
        """By our id in their record, by their id here, by external id, by a domain that one account has."""
        if (own := values.get("id", "")).isdecimal() and len(own) < 19:
            return Account.objects.filter(pk=int(own), merged_into=None).values_list("pk", flat=True).first()
        if found := accounts_known_as(source, [remote_id]).get(remote_id):
            return found
        if external_id := values.get("external_id"):
            same_id = (
                Account.objects.filter(external_id=external_id, merged_into=None)
                .values_list("pk", flat=True)
                .first()
            )
            if same_id is not None:
                return same_id
        domain = values.get("domain", "").lower()
        if not domain or domain in FREE_MAIL:
            return None
        same = list(Account.objects.filter(domain=domain, merged_into=None).values_list("pk", flat=True)[:2])
        return same[0] if len(same) == 1 else None

    def linked(self, pk: int, *, source: str, remote_id: str, by: Viewer) -> None:
        """An external id of the system, as other programs look it up."""
        add_external_id(account=Account.objects.get(pk=pk), source=source, value=remote_id, by=by)

    def expected(self, linked_accounts: Collection[int] | None = None) -> Any:
        """Every customer that has not left."""
        return (
            Account.objects.filter(merged_into=None)
            .exclude(lifecycle=Account.Lifecycle.CHURNED)
            .order_by("pk")
        )

    def _text(self, row: Account, name: str) -> str:
        if name == "csm":
            return normalise_address(row.csm.email) if row.csm is not None else ""
        if name.startswith(TRAIT):
            return as_text(self.fields[name], row.traits.get(name.removeprefix(TRAIT)))
        return as_text(self.own_fields[name], getattr(row, name))

    def _parsed(self, values: Values) -> dict[str, Any]:
        parsed = {
            name: from_text(self.own_fields[name], text)
            for name, text in values.items()
            if name in self.own_fields and name != "csm"
        }
        if "csm" in values:
            parsed["csm_id"] = _colleague(values["csm"])
        return parsed


def _colleague(address: str) -> int | None:
    if not address:
        return None
    found = User.objects.filter(email__iexact=address, is_active=True).values_list("pk", flat=True).first()
    if found is None:
        raise ValueError(_("no colleague has the address “%s”") % address[:80])
    return found

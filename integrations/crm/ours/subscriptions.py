"""What customers have bought, beside the won deals of a CRM."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Event
from customers.events import SUBSCRIPTION_SAVED
from customers.models import Account, Subscription
from customers.services.save_subscription import save_subscription
from integrations.crm.contract import SUBSCRIPTION
from integrations.crm.ours.base import EVENTS_LOOKED_AT, OurObject, Values
from integrations.crm.values import OurField, as_text, from_text
from people.viewer import Viewer


class OurSubscriptions(OurObject):
    """What customers have bought."""

    key = SUBSCRIPTION
    changed_verb = SUBSCRIPTION_SAVED.verb
    own_fields = {
        one.name: one
        for one in (
            OurField("id", gettext_lazy("Our id"), is_read_only=True),
            OurField("product", gettext_lazy("Product")),
            OurField("plan", gettext_lazy("Plan")),
            OurField("arr", gettext_lazy("ARR"), "money"),
            OurField("currency", gettext_lazy("Currency")),
            OurField("seats", gettext_lazy("Seats"), "integer"),
            OurField("starts_on", gettext_lazy("Start"), "day"),
            OurField("renews_on", gettext_lazy("Renewal"), "day"),
            OurField("ended_on", gettext_lazy("End"), "day"),
        )
    }

    def values(self, ids: Collection[int]) -> dict[int, dict[str, str]]:
        """Read subscriptions."""
        rows = Subscription.objects.filter(pk__in=ids)
        return {
            row.pk: {name: as_text(one, getattr(row, name)) for name, one in self.fields.items()}
            for row in rows
        }

    def labels(self, ids: Collection[int]) -> dict[int, str]:
        """Product and customer."""
        rows = Subscription.objects.filter(pk__in=ids).select_related("account")
        return {row.pk: f"{row.product} · {row.account.name}" for row in rows}

    def set(self, pk: int, values: Values, by: Viewer) -> None:
        """Change a subscription, and with it what follows from it."""
        row = Subscription.objects.select_related("account").get(pk=pk)
        save_subscription(account=row.account, subscription=row, values=self._parsed(values), by=by)

    def create(self, values: Values, *, known_as: str, account_id: int | None, by: Viewer) -> int:
        """Create one under their id, with the name of their system before it."""
        if account_id is None:
            raise ValidationError(_("The deal belongs to no company that is known here."))
        account = Account.objects.get(pk=account_id)
        parsed = self._parsed({name: value for name, value in values.items() if value})
        parsed.setdefault("currency", account.currency)
        parsed.setdefault("arr", Decimal(0))
        parsed.setdefault("starts_on", timezone.now().date())
        return save_subscription(account=account, values={**parsed, "external_id": known_as}, by=by).pk

    def find(self, remote_id: str, values: Values, source: str) -> int | None:
        """By our id in their record, or theirs here."""
        rows = Subscription.objects.all()
        if (own := values.get("id", "")).isdecimal() and len(own) < 19:
            return rows.filter(pk=int(own)).values_list("pk", flat=True).first()
        known = (f"{source}:{remote_id}", remote_id)
        return rows.filter(external_id__in=known).values_list("pk", flat=True).first()

    def expected(self, linked_accounts: Collection[int] | None = None) -> Any:
        """What these accounts have and has not ended."""
        return Subscription.objects.filter(account__in=linked_accounts or (), ended_on=None).order_by("pk")

    def last_changed_at(self, pk: int, name: str, *, except_source: str) -> datetime | None:
        """The last time that it was saved: events do not tell which field."""
        account = Subscription.objects.filter(pk=pk).values_list("account", flat=True).first()
        events = Event.objects.filter(
            subject_kind="account", subject_id=account or 0, verb=self.changed_verb
        ).exclude(source=except_source)
        for event in events.select_related("detail").order_by("-pk")[:EVENTS_LOOKED_AT]:
            if (event.detail.data or {}).get("subscription") == pk:
                return event.occurred_at
        return None

    def _parsed(self, values: Values) -> dict[str, Any]:
        return {name: from_text(self.fields[name], text) for name, text in values.items()}

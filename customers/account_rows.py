"""Tables of customers whose rows go along when an account is merged into another."""

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from customers.models import (
    Account,
    AccountExternalId,
    AccountNote,
    Contact,
    DirtyUsageDay,
    Invoice,
    InvoiceRevision,
    Meeting,
    RevenueMovement,
    SponsorChange,
    Subscription,
    UsageDaily,
    UsageEvent,
)
from customers.registry import AccountRows


class People(AccountRows):
    """Contacts."""

    key = "contacts"
    label = _("People")
    order = 10
    model = Contact


class Branches(AccountRows):
    """The companies below the account."""

    key = "branches"
    label = _("Companies below it")
    order = 20
    model = Account
    field = "parent"


class ExternalIds(AccountRows):
    """Ids of other systems."""

    key = "external-ids"
    label = _("Ids in other systems")
    order = 30
    model = AccountExternalId


class Subscriptions(AccountRows):
    """What was bought."""

    key = "subscriptions"
    label = _("Subscriptions")
    order = 40
    model = Subscription


class Revenue(AccountRows):
    """The revenue ledger."""

    key = "revenue"
    label = _("Changes of revenue")
    order = 41
    model = RevenueMovement


class Invoices(AccountRows):
    """Invoices."""

    key = "invoices"
    label = _("Invoices")
    order = 42
    model = Invoice


class InvoiceRevisions(AccountRows):
    """What was known about invoices when."""

    key = "invoice_revisions"
    label = _("Former states of invoices")
    order = 43
    model = InvoiceRevision


class Notes(AccountRows):
    """Notes."""

    key = "notes"
    label = _("Notes")
    order = 42
    model = AccountNote


class Meetings(AccountRows):
    """Meetings."""

    key = "meetings"
    label = _("Meetings")
    order = 43
    model = Meeting


class SponsorChanges(AccountRows):
    """Findings that somebody may have left."""

    key = "sponsor-changes"
    label = _("Findings about people who may have left")
    order = 44
    model = SponsorChange


class Usage(AccountRows):
    """Raw product usage; the days of both are rolled up again."""

    key = "usage"
    label = _("Product usage: events")
    order = 50
    model = UsageEvent

    def after(self, row_ids: Collection[int], accounts: tuple[int, int]) -> None:
        """Mark the days of the rows for both accounts."""
        rows = UsageEvent.objects.filter(pk__in=row_ids).order_by()
        days = set(rows.values_list("occurred_at__date", flat=True).distinct())
        now = timezone.now()
        marks = [
            DirtyUsageDay(account_id=pk, day=day, marked_at=now) for pk in accounts for day in sorted(days)
        ]
        DirtyUsageDay.objects.bulk_create(marks, ignore_conflicts=True)


class UsageDays(AccountRows):
    """Days of product usage; where both have one, each keeps its own until it is rolled up again."""

    key = "usage-days"
    label = _("Product usage: days")
    order = 51
    model = UsageDaily

    def movable(self, source: int, target: int) -> QuerySet[Any]:
        """Leave out the days that the target has."""
        return self.without_twins(source, target, "day", "feature")

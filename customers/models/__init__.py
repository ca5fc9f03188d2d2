"""Tables of customers."""

from customers.models.account import Account
from customers.models.consent import ConsentEvent
from customers.models.contact import Contact, ContactIdentity
from customers.models.revenue import RevenueMovement, Subscription
from customers.models.usage import DirtyUsageDay, UsageDaily, UsageEvent

__all__ = [
    "Account",
    "ConsentEvent",
    "Contact",
    "ContactIdentity",
    "DirtyUsageDay",
    "RevenueMovement",
    "Subscription",
    "UsageDaily",
    "UsageEvent",
]

"""What happened at an account that a chart over time should tell: people who came and went, changes of revenue."""

from datetime import date

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from core.formatting import money
from customers.models import Account, Contact, RevenueMovement
from people.viewer import Viewer

KEY_ROLES = ("sponsor", "champion", "admin")


def milestones(account: Account, viewer: Viewer, *, since: date) -> list[tuple[date, str]]:
    """Return (day, sentence) since a day, oldest first: key people leaving, revenue moving. Two queries."""
    if not viewer.can("customers.view"):
        return []
    told = [
        (
            timezone.localtime(contact.left_at).date(),
            _("%(name)s left") % {"name": contact.name or contact.get_role_display()},
        )
        for contact in Contact.objects.filter(account=account, merged_into=None, role__in=KEY_ROLES).exclude(
            left_at=None
        )
        if contact.left_at is not None
    ]
    told += [
        (
            row.effective_on,
            f"{row.get_kind_display()} {'+' if row.amount > 0 else ''}{money(row.amount, row.currency)}",
        )
        for row in RevenueMovement.objects.standing().filter(
            ~Q(kind=RevenueMovement.Kind.NEW), account=account
        )
    ]
    today = timezone.localdate()
    return sorted((day, text) for day, text in told if since <= day <= today)

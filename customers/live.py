"""Live streams of customers."""

from collections.abc import Collection
from typing import Any

from core.live.subjects import LiveSubject
from customers.models import Account


class AccountStream(LiveSubject):
    """What happens at one account."""

    key = "account"

    def visible_ids(self, viewer: Any, ids: Collection[int]) -> set[int]:
        """Return the accounts among ``ids`` that the viewer may see."""
        return set(Account.objects.visible_to(viewer).filter(pk__in=ids).values_list("pk", flat=True))

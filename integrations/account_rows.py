"""Tables of integrations whose rows go along when an account is merged into another."""

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from customers.registry import AccountRows
from integrations.crm.contract import ACCOUNT
from integrations.models import CrmLink, CrmRecord


class CrmLinks(AccountRows):
    """Links with companies of a CRM; one stays where the target is linked in the same CRM."""

    key = "crm_links"
    label = _("Links with a CRM")
    order = 120
    model = CrmLink

    def rows(self, account_id: int) -> QuerySet[Any]:
        """Return the links of an account."""
        return CrmLink.objects.filter(object=ACCOUNT, local_id=account_id)

    def movable(self, source: int, target: int) -> QuerySet[Any]:
        """Leave out what would be a second link in one connection."""
        return self.without_twins(source, target, "connection")

    def move(self, row_ids: Collection[int], source: int, target: int) -> None:
        """Link with the other account."""
        self.rows(source).filter(pk__in=row_ids).update(local_id=target)

    def after(self, row_ids: Collection[int], accounts: tuple[int, int]) -> None:
        """Let the fields be decided again."""
        for link in CrmLink.objects.filter(pk__in=row_ids):
            CrmRecord.objects.filter(
                connection=link.connection_id, object=ACCOUNT, remote_id=link.remote_id
            ).update(state=CrmRecord.State.WAITING)

"""Accounts and contacts in the command palette."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.palette import PaletteItem, PaletteSource
from customers.models import Account, Contact, ContactIdentity
from people.viewer import Viewer

# Of more addresses with these letters in them nobody looks for one here.
MOST_ADDRESSES = 100


class AccountSource(PaletteSource):
    """Accounts by name or domain."""

    key = "accounts"
    label = _("Customers")
    icon = "building-community"
    order = 20

    def find(self, viewer: Viewer, query: str, limit: int) -> list[PaletteItem]:
        """Return visible accounts; names that begin with the words come first."""
        words = Q(name__icontains=query) | Q(domain__icontains=query)
        begins = Q(name__istartswith=query)
        found = Account.objects.visible_to(viewer)
        accounts = list(found.filter(begins).order_by("name")[:limit])
        accounts += list(found.filter(words).exclude(begins).order_by("name")[: limit - len(accounts)])
        return [
            PaletteItem(label=account.name, url=f"/customers/{account.pk}/", sub=account.domain)
            for account in accounts
        ]


class ContactSource(PaletteSource):
    """Contacts by name or address; they lead to their account."""

    key = "contacts"
    label = _("Contacts")
    icon = "user"
    order = 30

    def find(self, viewer: Viewer, query: str, limit: int) -> list[PaletteItem]:
        """Return visible contacts of an account that have not been merged away."""
        # Asked for first: each of the two questions can then use its own index.
        known = ContactIdentity.objects.filter(value__icontains=query).values_list("contact", flat=True)
        contacts = (
            Contact.objects.visible_to(viewer)
            .filter(Q(name__icontains=query) | Q(pk__in=list(known.order_by("value")[:MOST_ADDRESSES])))
            .filter(merged_into=None, account__isnull=False)
            .select_related("account")
            .prefetch_related("identities")
            .order_by("name", "pk")[:limit]
        )
        return [
            PaletteItem(
                label=str(contact),
                url=f"/customers/{contact.account_id}/",
                sub=" · ".join(
                    part for part in (contact.account.name if contact.account else "", contact.email) if part
                ),
            )
            for contact in contacts
        ]

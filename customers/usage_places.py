"""Which account and which contact an item of product usage belongs to: one query for each kind of name, however many items."""

from collections.abc import Collection
from dataclasses import dataclass, field

from core.any_of import AnyOf
from customers.domains import company_domain
from customers.models import Account, Contact, ContactIdentity
from customers.usage_items import Item


@dataclass
class Places:
    """What the identifiers of a batch lead to."""

    accounts: dict[str, int] = field(default_factory=dict)
    domains: dict[str, int] = field(default_factory=dict)
    contacts: dict[tuple[str, str], Contact] = field(default_factory=dict)

    def contact_of(self, key: str, email: str = "") -> Contact | None:
        """Return the person with this user id or address."""
        return self.contacts.get(("user", key)) or self.contacts.get(("email", email or key))

    def place(self, item: Item) -> None:
        """Fill the item's account and contact in, as far as they are known."""
        contact = self.contacts.get(("user", item.user_key)) or self.contacts.get(("email", item.email))
        if contact is None and item.previous:
            contact = self.contact_of(item.previous)
        item.contact_id = contact.pk if contact else None
        item.account_id = self.accounts.get(item.group)
        # A group that is named but unknown must not fall to another account by a person who belongs to several.
        if item.account_id is None and not item.group:
            item.account_id = contact.account_id if contact else None
            if item.account_id is None and item.email:
                item.account_id = self.domains.get(company_domain(item.email))


def find_places(items: Collection[Item]) -> Places:
    """Look the groups, people and domains of the items up."""
    groups = {item.group for item in items if item.group}
    emails = {item.email for item in items if item.email}
    domains = {company_domain(email) for email in emails} - {""}
    values = {item.user_key for item in items} | {item.previous for item in items} | emails
    identities = (
        ContactIdentity.objects.filter(AnyOf("value", values - {""}), kind__in=["email", "user"])
        .select_related("contact")
        .only("kind", "value", "contact__account_id", "contact__merged_into_id")
    )
    accounts = Account.objects.filter(AnyOf("external_id", groups)) if groups else None
    # Of several accounts with one domain the oldest counts.
    companies = Account.objects.filter(AnyOf("domain", domains)).order_by("-pk") if domains else None
    return Places(
        accounts={} if accounts is None else dict(accounts.values_list("external_id", "pk")),  # type: ignore[arg-type]
        domains={} if companies is None else dict(companies.values_list("domain", "pk")),
        contacts={(row.kind, row.value): row.contact for row in identities},
    )

"""Which of the demo company's customers belong to each other, and under which ids its CRM and its billing know them."""

from datetime import datetime

from cs_ops.demo.companies import Company, Customers
from cs_ops.demo.latent import stream
from customers.models import Account, AccountExternalId

# Of the enterprise customers, so many have branches that are customers of their own; so many each.
HEADS, BRANCHES = 0.3, 4


def add_groups(seed: int, customers: Customers, now: datetime) -> None:
    """Put branches below some enterprise customers, one of them below another branch; note ids of other systems."""
    rng = stream(seed, "groups")
    companies = customers.companies
    heads = [one for one in companies if one.account.tier == "enterprise" and rng.random() < HEADS]
    free = [one for one in companies if one.account.tier != "enterprise"]
    placed: list[Account] = []
    for head in heads:
        above = head.account
        for number in range(min(int(rng.integers(2, BRANCHES + 1)), len(free))):
            branch = free.pop(int(rng.integers(len(free)))).account
            branch.parent = above
            placed.append(branch)
            above = branch if number == 1 else head.account
    Account.objects.bulk_update(placed, ["parent"], batch_size=500)
    AccountExternalId.objects.bulk_create(
        [row for company in companies for row in _ids(company, now)], batch_size=2000
    )


def _ids(company: Company, now: datetime) -> list[AccountExternalId]:
    return [
        AccountExternalId(
            account=company.account, source="hubspot", value=str(81_000_000 + company.number), changed_at=now
        ),
        AccountExternalId(
            account=company.account, source="billing", value=f"C-{30_000 + company.number}", changed_at=now
        ),
    ]

"""Which of the demo company's customers belong to each other, what its CRM notes about them, and under which ids it does."""

from datetime import datetime

from cs_ops.demo.companies import Company, Customers
from cs_ops.demo.latent import stream
from customers.models import Account, AccountExternalId, TraitDefinition

# Of the enterprise customers, so many have branches that are customers of their own; so many each.
HEADS, BRANCHES = 0.3, 4
INDUSTRIES = ("Energy", "Facility", "Lifts", "Medical devices", "Telecom")


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
    _add_traits(seed, companies)
    AccountExternalId.objects.bulk_create(
        [row for company in companies for row in _ids(company, now)], batch_size=2000
    )


def _add_traits(seed: int, companies: list[Company]) -> None:
    rng = stream(seed, "traits")
    target, kind = TraitDefinition.Target.ACCOUNT, TraitDefinition.Kind
    TraitDefinition.objects.bulk_create(
        [
            TraitDefinition(
                target=target, key="industry", label="Industry", kind=kind.CHOICE, choices=list(INDUSTRIES)
            ),
            TraitDefinition(target=target, key="field_workers", label="Field workers", kind=kind.NUMBER),
            TraitDefinition(target=target, key="reference", label="Is a reference", kind=kind.BOOL),
        ]
    )
    for company in companies:
        company.account.traits = {
            "industry": str(rng.choice(INDUSTRIES)),
            "field_workers": int(company.account.seats * (2 + 3 * rng.random())),
            **({"reference": True} if rng.random() < 0.1 else {}),
        }
    Account.objects.bulk_update([one.account for one in companies], ["traits"], batch_size=500)


def _ids(company: Company, now: datetime) -> list[AccountExternalId]:
    return [
        AccountExternalId(
            account=company.account, source="hubspot", value=str(81_000_000 + company.number), changed_at=now
        ),
        AccountExternalId(
            account=company.account, source="billing", value=f"C-{30_000 + company.number}", changed_at=now
        ),
    ]

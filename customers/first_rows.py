"""The usual stages; put in place after every migration (and after a flush) while there is none."""

from typing import Any

from customers.models import Account, Stage


def _clause(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "is": operator, "value": value}


#: One stage for each value of ``Account.lifecycle``. The rules are proposals: they move nobody until they are switched on.
STAGES: tuple[tuple[str, dict[str, Any], dict[str, Any], int | None], ...] = (
    ("onboarding", {}, {}, 10),
    ("adopting", _clause("customer_since", "longer_ago", 89), {}, 10),
    ("established", _clause("customer_since", "longer_ago", 364), {}, None),
    ("renewing", _clause("renewal", "in_next", 75), _clause("renewal", "further", 75), None),
    ("churned", {}, {}, None),
)


def put_first_rows(**_: Any) -> None:
    """Add the stages when there is none; what people have made of them stays."""
    if Stage.objects.exists():
        return
    labels = dict(Account.Lifecycle.choices)
    Stage.objects.bulk_create(
        [
            Stage(
                key=key,
                name=str(labels[key]),
                phase=key,
                position=position,
                entry=entry,
                exit=leave,
                stall_days=stall_days,
            )
            for position, (key, entry, leave, stall_days) in enumerate(STAGES)
        ],
        ignore_conflicts=True,
    )

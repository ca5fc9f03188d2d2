"""The built-in statuses and the counter of ticket numbers; put in place after every migration (and after a flush)."""

from typing import Any

from tickets.models import Status, TicketNumber

STATUSES = [
    ("new", "New", "new", "Received"),
    ("open", "Open", "open", "In progress"),
    ("waiting", "Waiting on customer", "waiting", "Waiting for you"),
    ("on_hold", "On hold", "on_hold", "In progress"),
    ("resolved", "Resolved", "resolved", "Solved"),
    ("closed", "Closed", "closed", "Closed"),
]


def put_first_rows(**_: Any) -> None:
    """Add what is missing; names that people have changed stay."""
    present = set(Status.objects.values_list("key", flat=True))
    Status.objects.bulk_create(
        [
            Status(
                key=key,
                name=name,
                category=category,
                customer_label=label,
                pauses_sla=category in {"waiting", "on_hold"},
                position=position,
            )
            for position, (key, name, category, label) in enumerate(STATUSES)
            if key not in present
        ],
        ignore_conflicts=True,
    )
    TicketNumber.objects.get_or_create(pk=1)

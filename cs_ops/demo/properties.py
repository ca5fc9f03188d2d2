"""What the demo desk says about its tickets: types with checklists, tags, custom fields; some put aside, some worked time."""

from datetime import datetime, timedelta

import numpy as np

from cs_ops.demo.latent import stream
from people.models import User
from tickets.models import (
    ChecklistItem,
    CustomField,
    FieldValue,
    Status,
    Tag,
    Ticket,
    TicketTag,
    TicketType,
    TimeEntry,
)

TYPES = (
    ("Question", "Somebody wants to know how it is done.", ()),
    (
        "Incident",
        "Something that worked does not work any more.",
        ("Reproduce it", "Check the status page", "Find the cause", "Tell the customer what was done"),
    ),
    ("Request", "A change that we make for the customer.", ("Check who may ask for it", "Make the change")),
    ("Wish", "Something that the product cannot do yet.", ()),
)
TYPE_OF = {
    "Login and single sign-on": "Incident",
    "Roles and permissions": "Request",
    "Invoices and payments": "Question",
    "Plans and seats": "Request",
    "API and webhooks": "Incident",
    "Connectors and sync": "Incident",
    "Reports and exports": "Incident",
    "Performance and outages": "Incident",
    "Import and migration": "Question",
    "How to and wishes": "Wish",
}
TAGS_OF = {
    "Login and single sign-on": ("sso", "login", "two-factor"),
    "Roles and permissions": ("permissions", "offboarding"),
    "Invoices and payments": ("refund", "vat", "invoice"),
    "Plans and seats": ("upgrade", "quote"),
    "API and webhooks": ("api", "webhook", "rate limit"),
    "Connectors and sync": ("crm", "calendar", "sync"),
    "Reports and exports": ("export", "wrong numbers"),
    "Performance and outages": ("outage", "slow"),
    "Import and migration": ("import", "go-live"),
    "How to and wishes": ("how-to", "feature request"),
}
CAUSES = ("Our mistake", "Configuration", "Third party", "Not found")
AREAS = ("Web", "Phone app", "API", "Reports")
NEWEST = 900
NOTES = ("Read the logs", "Call with the customer", "Tried it on the test system", "Asked engineering", "")


def add_properties(seed: int, now: datetime) -> None:
    """Give types, tags and values to the newest tickets; the open ones get the rest. A few inserts in all."""
    rng = stream(seed, "properties")
    types, tags, fields = _kinds()
    tickets = list(Ticket.objects.select_related("category").order_by("-created_at", "-pk")[:NEWEST])
    _tag(tickets, tags, rng)
    _type(tickets, types, fields, rng)
    living = [one for one in tickets if one.status_category in Status.ACTIVE and one.assignee_id is not None]
    _work(living, types, now, rng)
    _put_aside(living, now, rng)


def _kinds() -> tuple[dict[str, TicketType], dict[str, Tag], dict[str, CustomField]]:
    types = TicketType.objects.bulk_create(
        TicketType(name=name, description=description, checklist=list(steps), position=place)
        for place, (name, description, steps) in enumerate(TYPES)
    )
    names = sorted({name for listed in TAGS_OF.values() for name in listed})
    tags = Tag.objects.bulk_create(Tag(name=name) for name in names)
    by_name = {one.name: one for one in types}
    kinds = CustomField.Kind
    fields = CustomField.objects.bulk_create(
        [
            CustomField(
                key="product_area", label="Product area", kind=kinds.CHOICE, options=list(AREAS), position=0
            ),
            CustomField(
                key="root_cause",
                label="Root cause",
                kind=kinds.CHOICE,
                options=list(CAUSES),
                help_text="What it came from in the end.",
                required_on_resolve=True,
                position=1,
                condition={
                    "match": "all",
                    "of": [{"field": "priority", "is": "in", "value": ["high", "urgent"]}],
                },
            ),
            CustomField(key="affected_people", label="Affected people", kind=kinds.NUMBER, position=2),
            CustomField(key="wanted_by", label="Wanted by", kind=kinds.DATE, position=3),
        ]
    )
    by_key = {field.key: field for field in fields}
    by_key["root_cause"].types.set([by_name["Incident"]])
    by_key["affected_people"].types.set([by_name["Incident"]])
    by_key["wanted_by"].types.set([by_name["Request"], by_name["Wish"]])
    return by_name, {tag.name: tag for tag in tags}, by_key


def _tag(tickets: list[Ticket], tags: dict[str, Tag], rng: np.random.Generator) -> None:
    rows = []
    for ticket in tickets:
        offered = TAGS_OF.get(ticket.category.name if ticket.category else "", ())
        count = min(len(offered), int(rng.choice(3, p=(0.35, 0.45, 0.2))))
        chosen = rng.choice(len(offered), size=count, replace=False) if count else ()
        rows += [TicketTag(ticket=ticket, tag=tags[offered[int(place)]]) for place in chosen]
    TicketTag.objects.bulk_create(rows, batch_size=500)


def _type(
    tickets: list[Ticket],
    types: dict[str, TicketType],
    fields: dict[str, CustomField],
    rng: np.random.Generator,
) -> None:
    rows = []
    for ticket in tickets:
        known = TYPE_OF.get(ticket.category.name if ticket.category else "")
        if known is None or rng.random() < 0.1:
            continue
        ticket.type = types[known]
        over = ticket.status_category not in Status.ACTIVE
        if rng.random() < 0.7:
            rows.append(FieldValue(ticket=ticket, field=fields["product_area"], text=str(rng.choice(AREAS))))
        if known == "Incident" and over and ticket.priority in {"high", "urgent"}:
            rows.append(FieldValue(ticket=ticket, field=fields["root_cause"], text=str(rng.choice(CAUSES))))
        if known == "Incident" and rng.random() < 0.4:
            people = int(rng.integers(1, 60))
            rows.append(FieldValue(ticket=ticket, field=fields["affected_people"], number=people))
    Ticket.objects.bulk_update(tickets, ["type"], batch_size=300)
    FieldValue.objects.bulk_create(rows, batch_size=500)


def _work(
    living: list[Ticket], types: dict[str, TicketType], now: datetime, rng: np.random.Generator
) -> None:
    steps, entries = [], []
    people = {user.pk: user for user in User.objects.filter(pk__in={one.assignee_id for one in living})}
    for ticket in living:
        lines = ticket.type.checklist if ticket.type else []
        done = int(rng.integers(0, len(lines))) if lines else 0
        steps += [
            ChecklistItem(
                ticket=ticket,
                text=text,
                position=place,
                from_type=ticket.type,
                done_at=ticket.last_message_at if place < done else None,
                done_by_id=ticket.assignee_id if place < done else None,
            )
            for place, text in enumerate(lines)
        ]
        if rng.random() < 0.35:
            entries.append(
                TimeEntry(
                    ticket=ticket,
                    user=people.get(ticket.assignee_id or 0),
                    minutes=int(rng.choice((5, 10, 15, 20, 30, 45, 75))),
                    note=str(rng.choice(NOTES)),
                    worked_on=min(ticket.last_message_at, now).date(),
                )
            )
    ChecklistItem.objects.bulk_create(steps, batch_size=500)
    TimeEntry.objects.bulk_create(entries, batch_size=500)


def _put_aside(living: list[Ticket], now: datetime, rng: np.random.Generator) -> None:
    """Some of what waits for the customer, or for us without haste, comes back on one of the next days."""
    calm = [one for one in living if one.status_category in {"waiting", "on_hold"}]
    for ticket in calm[: max(1, len(calm) // 4)] if calm else ():
        day = (now + timedelta(days=int(rng.integers(1, 6)))).replace(hour=8, minute=0, second=0)
        ticket.snoozed_until, ticket.snoozed_by_id = day, ticket.assignee_id
        ticket.save(update_fields=["snoozed_until", "snoozed_by"])

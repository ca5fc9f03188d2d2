"""Reads around a ticket: what it is linked to, what was merged into it, which tickets it could be merged with."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.viewer import Viewer
from tickets.models import Status, Ticket, TicketLink

MOST_CANDIDATES = 8
_OVER = (Status.Category.RESOLVED, Status.Category.CLOSED)

# What the other ticket is, by kind of link and the end on which the ticket at hand stands.
_ROLES: dict[tuple[str, str], tuple[str, str | Promise]] = {
    ("parent", "to"): ("parent", gettext_lazy("Parent")),
    ("parent", "from"): ("child", gettext_lazy("Children")),
    ("related", "from"): ("related", gettext_lazy("Related")),
    ("related", "to"): ("related", gettext_lazy("Related")),
    ("duplicate", "from"): ("duplicate_of", gettext_lazy("Duplicate of")),
    ("duplicate", "to"): ("duplicate", gettext_lazy("Duplicates")),
    ("split", "to"): ("split_from", gettext_lazy("Split off from")),
    ("split", "from"): ("split", gettext_lazy("Split off")),
}
_ORDER = [
    "parent",
    "child",
    "related",
    "duplicate_of",
    "duplicate",
    "split_from",
    "split",
    "follows",
    "followed_by",
    "merged",
]


@dataclass(frozen=True)
class LinkedTicket:
    """A ticket beside another one; ``link_id`` is None for what no link row says and nobody can remove."""

    ticket: Ticket
    role: str
    link_id: int | None = None

    @property
    def is_removable(self) -> bool:
        """Whether the link can be removed."""
        return self.link_id is not None and self.role not in {"split", "split_from"}


@dataclass(frozen=True)
class LinkGroup:
    """The tickets of one role, with how many of them are solved when they are children."""

    role: str
    label: str
    linked: tuple[LinkedTicket, ...]
    note: str = ""


def links_of(viewer: Viewer, ticket: Ticket) -> list[LinkGroup]:
    """Return what a ticket is linked to, as far as the viewer sees it, in groups. Four queries, five with a parent."""
    groups: dict[str, list[LinkedTicket]] = {}
    labels: dict[str, str] = {}
    for role, label, linked in _rows(viewer, ticket):
        groups.setdefault(role, []).append(linked)
        labels[role] = label
    notes = {}
    if "child" in groups:
        notes["child"] = _progress([one.ticket for one in groups["child"]])
    if "parent" in groups:
        siblings = TicketLink.objects.filter(
            from_ticket=groups["parent"][0].ticket.pk, kind=TicketLink.Kind.PARENT
        ).values("to_ticket")
        notes["parent"] = _progress(Ticket.objects.visible_to(viewer).filter(pk__in=siblings))
    return [
        LinkGroup(role, labels[role], tuple(groups[role]), notes.get(role, ""))
        for role in _ORDER
        if role in groups
    ]


def _rows(viewer: Viewer, ticket: Ticket) -> Iterable[tuple[str, str, LinkedTicket]]:
    visible = Ticket.objects.visible_to(viewer).select_related("status")
    links = list(TicketLink.objects.filter(Q(from_ticket=ticket) | Q(to_ticket=ticket)).order_by("pk"))
    others = visible.in_bulk({pk for one in links for pk in (one.from_ticket_id, one.to_ticket_id)})
    for link in links:
        end = "from" if link.from_ticket_id == ticket.pk else "to"
        other = others.get(link.to_ticket_id if end == "from" else link.from_ticket_id)
        if other is not None:
            role, label = _ROLES[link.kind, end]
            yield role, str(label), LinkedTicket(other, role, link.pk)
    near = Q(merged_into=ticket) | Q(follow_up_of=ticket) | Q(pk=ticket.follow_up_of_id)
    for other in visible.filter(near).order_by("pk"):
        if other.merged_into_id == ticket.pk:
            yield "merged", _("Merged into this"), LinkedTicket(other, "merged")
        elif other.pk == ticket.follow_up_of_id:
            yield "follows", _("Follows"), LinkedTicket(other, "follows")
        else:
            yield "followed_by", _("Followed up by"), LinkedTicket(other, "followed_by")


def _progress(children: Iterable[Ticket]) -> str:
    """How many of the children are solved."""
    over = [child.status_category in _OVER for child in children]
    return _("%(done)d of %(total)d solved") % {"done": sum(over), "total": len(over)}


def candidates(
    viewer: Viewer, ticket: Ticket, words: str = "", *, any_customer: bool = False, closed_too: bool = False
) -> list[Ticket]:
    """Return visible tickets that this one could be merged into, moved to or linked with, the likeliest first.

    Tickets of the same customer: the requester's own first, open ones before others, newest first; ``words`` narrow them
    by subject. A number or a reference finds the ticket itself, with ``any_customer`` also one of another customer.
    Merged tickets are left out, closed ones unless ``closed_too``. One query.
    """
    same = Q(contact=ticket.contact_id) | (Q(account=ticket.account_id) if ticket.account_id else Q())
    words = words.strip().lstrip("#")
    found: QuerySet[Ticket] = Ticket.objects.visible_to(viewer).filter(merged_into=None)
    found = found.exclude(pk=ticket.pk).select_related("status", "contact", "account")
    if not closed_too:
        found = found.exclude(status_category=Status.Category.CLOSED)
    named = _named(words)
    if not words:
        found = found.filter(same)
    elif any_customer:
        found = found.filter(named | Q(subject__icontains=words) & same)
    else:
        found = found.filter(same, named | Q(subject__icontains=words))
    likeliest = Case(
        When(contact=ticket.contact_id, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    active = Case(
        When(status_category__in=Status.ACTIVE, then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    return list(found.order_by(active, likeliest, "-last_message_at", "-pk")[:MOST_CANDIDATES])


def _named(words: str) -> Q:
    """The ticket with this number or reference."""
    named = Q(reference=words.upper()[:12])
    if words.isascii() and words.isdigit() and len(words) <= 18:
        named |= Q(number=int(words))
    return named

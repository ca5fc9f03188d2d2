"""The conversation beside the list as templates draw it: header, prediction, thread, composer."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from people.models import Team
from people.viewer import Viewer
from tickets.category_tree import category_path
from tickets.channels.email.mail_facts import authentication_words, invitation_cards, is_doubtful
from tickets.conversation import EventItem, Item, MessageItem, read_conversation
from tickets.downloads import PICTURE_TYPES
from tickets.file_scans import verdict_of
from tickets.models import Attachment, Category, Draft, Message, Status, Ticket
from tickets.pages.composing import waiting_parts
from tickets.pages.lists import ListState
from tickets.registry import channel_parts
from tickets.rich_text import safe_html
from tickets.signal_chips import said_chips
from tickets.status_rows import statuses
from tickets.suggested_tags import open_suggestions
from tickets.ticket_facts import KIND_OPEN, SUGGESTED, RoutingFacts, routing_of, sla_of

KINDS = {Message.Kind.INBOUND: "in", Message.Kind.OUTBOUND: "out", Message.Kind.NOTE: "note"}
_TONES = {
    Message.Delivery.FAILED: "bad",
    Message.Delivery.BOUNCED: "bad",
    Message.Delivery.UNCERTAIN: "warn",
}
# What only some providers tell.
_TOLD = frozenset({Message.Delivery.DELIVERED, Message.Delivery.READ})
TREND = 3
SHORT_TEXT = 240
LONG_TEXT = 1_600


def head_parts(
    ticket: Ticket, viewer: Viewer, state: ListState, messages: Sequence[Message] | None = None
) -> dict[str, Any]:
    """Variables of ``tickets/_head.html``: the ticket's properties and how it was routed; ``messages`` when they are read."""
    sla = sla_of(ticket)
    known = statuses()
    return {
        "ticket": ticket,
        "state": state,
        "can_edit": viewer.can("tickets.edit"),
        "can_assign": viewer.can("tickets.assign"),
        "is_mine": viewer.user_id is not None and ticket.assignee_id == viewer.user_id,
        "is_active": ticket.status.category in Status.ACTIVE,
        "statuses": [one for one in known if one.category != Status.Category.NEW and one.is_active],
        "priorities": Ticket.Priority.choices[::-1],
        "sla": sla,
        "sla_label": _("Solve in") if sla.about == "resolution" else _("Reply in"),
        "trend": _trend(ticket) if messages is None else _trend_of(messages),
        "prediction": _prediction(ticket, viewer, routing_of(ticket), state),
        "is_pending": ticket.routing_state == Ticket.Routing.PENDING,
        "suggested_tags": open_suggestions(ticket),
    }


def _trend(ticket: Ticket) -> list[str]:
    """The moods of the customer's last three messages, oldest first."""
    moods = (
        ticket.messages.filter(kind=Message.Kind.INBOUND)
        .exclude(sentiment_label="")
        .order_by("-created_at", "-pk")
        .values_list("sentiment_label", flat=True)[:TREND]
    )
    return list(moods)[::-1]


def _trend_of(messages: Sequence[Message]) -> list[str]:
    """The same from messages that are read, oldest first."""
    moods = [one.sentiment_label for one in messages if one.kind == Message.Kind.INBOUND]
    return [mood for mood in moods if mood][-TREND:]


def _prediction(
    ticket: Ticket, viewer: Viewer, facts: RoutingFacts | None, state: ListState
) -> dict[str, Any] | None:
    """The chip; None while there is neither a prediction nor a choice by hand."""
    if ticket.routing_state == Ticket.Routing.PENDING:
        return None
    may_edit = viewer.can("tickets.edit") and ticket.status.category != Status.Category.CLOSED
    judged = ticket.routing_state == Ticket.Routing.MANUAL
    leaning = ticket.routing_state == Ticket.Routing.TRIAGE and facts is not None and facts.suggested != ""
    sure_of_parent = facts.parent_probability if facts is not None and _is_kind_open(ticket, facts) else None
    return {
        "sentence_html": _sentence(ticket, facts),
        "probability": sure_of_parent
        if sure_of_parent is not None
        else facts.confidence
        if facts is not None and facts.suggested and not _overruled(ticket, facts)
        else None,
        "reasons": [(f"“{term}”", weight) for term, weight in facts.reasons]
        if facts is not None and not _overruled(ticket, facts)
        else [],
        "model_version": facts.model_version if facts is not None else "",
        "unsure": ticket.routing_state == Ticket.Routing.TRIAGE and not _is_offered(ticket, facts),
        "accept_label": _("Route there") if leaning else "",
        "accept_url": state.ticket_url(ticket.pk, "inbox-confirm")
        if may_edit and not judged and facts is not None and (leaning or not facts.abstained)
        else "",
        "more_url": state.ticket_url(ticket.pk, "inbox-routing-reasons"),
        "accepted": judged and facts is not None and facts.verdict == "confirmation",
        "change_template": "tickets/_routing_menu.html" if may_edit else "",
        "target": "#conversation-head",
    }


def _overruled(ticket: Ticket, facts: RoutingFacts) -> bool:
    """Whether what holds now is a person's choice against the classifier's."""
    return ticket.routing_state == Ticket.Routing.MANUAL and facts.category != facts.suggested


def _is_offered(ticket: Ticket, facts: RoutingFacts | None) -> bool:
    """Whether the classifier is sure, and a person has to agree all the same."""
    return ticket.routing_state == Ticket.Routing.TRIAGE and facts is not None and facts.because == SUGGESTED


def _is_kind_open(ticket: Ticket, facts: RoutingFacts | None) -> bool:
    """Whether the classifier was sure of the category that it stands in, and not of its kind."""
    return ticket.routing_state == Ticket.Routing.ROUTED and facts is not None and facts.because == KIND_OPEN


def _sentence(ticket: Ticket, facts: RoutingFacts | None) -> SafeString:
    team = ticket.team.name if ticket.team else ""
    category = category_path(ticket.category_id)
    if ticket.routing_state == Ticket.Routing.TRIAGE:
        if facts is None or not facts.suggested:
            return format_html("{}", _("The classifier could not tell what this is about"))
        words = _("Suggested: <b>{}</b>") if _is_offered(ticket, facts) else _("Perhaps <b>{}</b>")
        return format_html(words, facts.suggested)
    if not team and not category:
        return format_html("{}", _("Not routed"))
    place = (
        format_html("<b>{}</b> · {}", team, category)
        if team and category
        else format_html("<b>{}</b>", team or category)
    )
    if facts is None or _overruled(ticket, facts):
        return format_html(_("Routed by hand to {}"), place)
    if _is_kind_open(ticket, facts):
        return format_html(_("Routed to {}, which kind is open"), place)
    return format_html(_("Routed to {}"), place)


def routing_choices(ticket: Ticket) -> dict[str, Any]:
    """Variables of the menu that changes the routing: categories by team, the classifier's favourites first."""
    facts = routing_of(ticket)
    likely = dict(facts.alternatives) if facts is not None else {}
    categories = list(Category.objects.filter(is_active=True).select_related(*Category.WITH_TEAMS))
    ranked = sorted(categories, key=lambda one: (-likely.get(one.name, -1.0), category_path(one.pk)))
    return {
        "ticket": ticket,
        "categories": [(one, category_path(one.pk), likely.get(one.name)) for one in ranked],
        "teams": list(Team.objects.filter(is_active=True)),
    }


def thread_parts(ticket: Ticket, viewer: Viewer, state: ListState, drafts: Sequence[Draft]) -> dict[str, Any]:
    """Variables of ``tickets/_thread.html``: messages, lines and day rules, oldest first."""
    items, messages = read_conversation(ticket, viewer)
    newest = [
        item
        for item in items
        if isinstance(item, MessageItem) and item.kind != Message.Kind.NOTE and not item.merged_number
    ]
    last = max(newest, key=lambda item: item.id, default=None)
    return {
        "ticket": ticket,
        "state": state,
        "items": list(_with_days(items, ticket, viewer, state)),
        "waiting": waiting_parts(ticket, drafts, viewer),
        # reading somebody else's ticket leaves the mark to that person
        "may_mark": viewer.can("tickets.reply")
        and viewer.user_id is not None
        and ticket.assignee_id in {viewer.user_id, None},
        "newest_message": last.id if last is not None else 0,
        "newest_is_mine": last is not None and last.is_mine,
        "read_messages": messages,
    }


def _with_days(
    items: Sequence[Item], ticket: Ticket, viewer: Viewer, state: ListState
) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = []
    day: date | None = None
    today = timezone.localdate()
    for item in items:
        on = timezone.localtime(item.at).date()
        if on != day:
            day = on
            shown.append({"type": "day", "id": f"day-{on.isoformat()}", "label": _day_label(on, today)})
        if isinstance(item, EventItem):
            shown.append({"type": "event", "event": _event(item)})
        else:
            shown.append({"type": "message", "message": message_parts(item, ticket, viewer, state)})
    return shown


def _day_label(day: date, today: date) -> str:
    if day == today:
        return _("Today")
    text = date_format(day, "l, j F" if day.year == today.year else "j F Y")
    return _("Yesterday, %s") % date_format(day, "j F") if day == today - timedelta(days=1) else text


def _event(item: EventItem) -> dict[str, Any]:
    return {
        "id": f"event-{item.id}",
        "icon": item.icon,
        "at": item.at,
        "origin": item.merged_number,
        "text_html": format_html("{} {} <b>{}</b>", item.actor, item.sentence, item.object),
    }


def message_parts(
    item: MessageItem, ticket: Ticket, viewer: Viewer, state: ListState, *, form: str = "text"
) -> dict[str, Any]:
    """A message as ``ui/message.html`` draws it. ``form`` is text, html or html-images."""
    addresses = {"ticket_id": item.ticket_id, "message_id": item.id}
    frame = {"html": "inbox-frame", "html-images": "inbox-frame-images"}.get(form)
    delayed = _is_delayed(item)
    return {
        "id": item.id,
        "kind": KINDS[Message.Kind(item.kind)],
        "author": item.author,
        "you": item.is_mine,
        "at": item.at,
        "channel": channel_parts(item.channel)[1],
        "sentiment": item.sentiment,
        "body": item.text,
        "body_html": safe_html(item.html) if item.html else "",
        "quoted": item.quoted,
        "quoted_lines": item.quoted.count("\n") + 1 if item.quoted else 0,
        "attachments": [_file(one, item.ticket_id) for one in item.attachments],
        "frame_url": reverse(frame, kwargs=addresses) if frame else "",
        # the frame runs no script that could measure it
        "frame_size": "s" if len(item.text) < SHORT_TEXT else "l" if len(item.text) > LONG_TEXT else "",
        "state_text": _state_words(item),
        "state_tone": "warn" if delayed else _TONES.get(Message.Delivery(item.delivery), ""),
        "next_try_at": item.next_try_at if delayed else None,
        "state_detail": item.delivery_detail,
        "is_automatic": item.is_automatic,
        "forwarded_by": (item.facts.get("forwarded_by") or {}).get("name", ""),
        "doubtful": authentication_words(item.facts) if is_doubtful(item.facts) else "",
        "invitations": invitation_cards(item.facts),
        "sender_unverified": item.sender_unverified and item.kind == Message.Kind.INBOUND,
        **_leaving(item, viewer),
        "said": said_chips(item, ticket, viewer),
        "stamp": "-".join(
            (item.delivery, item.sentiment, _stamp_of_sending(item), form, _stamp_of_said(item))
        ),
        "form": form,
        "has_html": item.has_html,
        "form_url": reverse("inbox-message", kwargs=addresses),
        "retry_url": reverse("inbox-retry", kwargs=addresses)
        if item.can_repeat and viewer.can("tickets.reply")
        else "",
        "origin": item.merged_number,
        "origin_url": reverse("inbox-ticket", args=[item.ticket_id]) if item.merged_number else "",
        "moves": _moves(item, ticket, viewer),
        "actions": "tickets/_message_actions.html",
    }


def _is_delayed(item: MessageItem) -> bool:
    return item.delivery == Message.Delivery.QUEUED and item.next_try_at is not None


def _state_words(item: MessageItem) -> str:
    """What became of an answer, where that is worth a word."""
    if _is_delayed(item):
        return _("Not yet sent")
    waits = item.delivery == Message.Delivery.QUEUED and item.leaves_at is None
    return item.delivery_label if item.delivery in _TONES or item.delivery in _TOLD or waits else ""


def _stamp_of_sending(item: MessageItem) -> str:
    if item.next_try_at is not None:
        return f"delayed{item.next_try_at.timestamp():.0f}"
    if item.leaves_at is not None:
        return "leaving"
    return "failed" if item.can_repeat else ""


def _stamp_of_said(item: MessageItem) -> str:
    return ".".join(f"{one['id']}{one['state']}{one['due_at'] or ''}" for one in item.said)


def _leaving(item: MessageItem, viewer: Viewer) -> dict[str, Any]:
    """Until when an answer can be taken back, and where its mail can be read as it is."""
    addresses = {"ticket_id": item.ticket_id, "message_id": item.id}
    mail = item.channel == "email" and item.kind != Message.Kind.NOTE
    leaving = item.leaves_at is not None and item.delivery == Message.Delivery.QUEUED
    return {
        "leaves_at": item.leaves_at if leaving else None,
        "undo_url": reverse("inbox-undo", kwargs=addresses)
        if leaving and item.is_mine and viewer.can("tickets.reply")
        else "",
        "eml_url": reverse("inbox-eml", kwargs=addresses) if mail else "",
        "headers_url": reverse("inbox-headers", kwargs=addresses) if mail else "",
    }


def _moves(item: MessageItem, ticket: Ticket, viewer: Viewer) -> dict[str, str]:
    """Addresses of the dialogs that take a message elsewhere; none for answers and for what rests in a merged ticket."""
    if item.merged_number or ticket.merged_into_id is not None or not viewer.can("tickets.edit"):
        return {}
    addresses = {"ticket_id": item.ticket_id, "message_id": item.id}
    moves = {}
    if item.kind == Message.Kind.INBOUND and viewer.can("tickets.create"):
        moves["split"] = reverse("inbox-split", kwargs=addresses)
    if item.kind != Message.Kind.OUTBOUND:
        moves["move"] = reverse("inbox-move-message", kwargs=addresses)
    return moves


def _file(file: Attachment, ticket_id: int) -> dict[str, Any]:
    return {
        "name": file.name,
        "url": reverse("inbox-attachment", args=[ticket_id, file.pk]),
        "size_text": _size(file.size),
        "icon": "photo" if file.content_type in PICTURE_TYPES else "file-text",
        "held": verdict_of(file).hold(),
    }


def _size(size: int) -> str:
    if size < 1_000_000:
        return _("%d kB") % max(1, round(size / 1000))
    return _("%.1f MB") % (size / 1_000_000)

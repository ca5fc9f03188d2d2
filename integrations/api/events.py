"""REST of the event log: what has happened since a place in its order."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.reading import Filter, Listing, a_number, wanted_fields
from integrations.catalogue import PERMISSION_OF, verbs_of
from integrations.event_log import event_page, visible_events
from people.api.permissions import viewer_of

MOST = 500
USUAL = 100


class EventParty(serializers.Serializer[Any]):
    """A subject or an actor."""

    kind = serializers.CharField()
    id = serializers.IntegerField(allow_null=True)


class EventOut(serializers.Serializer[Any]):
    """An event as the log holds it. ``detail`` is null when it was erased, or names a ticket that the key may not see."""

    sequence = serializers.IntegerField()
    id = serializers.IntegerField()
    type = serializers.CharField()
    occurred_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    subject = EventParty()
    actor = EventParty()
    source = serializers.CharField()  # type: ignore[assignment]
    account = serializers.IntegerField(allow_null=True)
    ticket = serializers.IntegerField(allow_null=True)
    cause = serializers.IntegerField(allow_null=True)
    detail = serializers.DictField(allow_null=True)


class EventPageOut(serializers.Serializer[Any]):
    """A stretch of the log, oldest first. Ask again with ``after`` = ``next_after``; at once while ``has_more``."""

    next_after = serializers.IntegerField()
    has_more = serializers.BooleanField()
    results = EventOut(many=True)


class Events(APIView):
    """The event log."""

    # Each event asks for the permission of its kind.
    required_permissions: ClassVar = {"GET": tuple(sorted(set(PERMISSION_OF.values())))}
    listing = Listing(
        EventOut,
        filters=[
            Filter("after", "number", description="the `next_after` of the answer before; 0 when absent"),
            Filter("limit", "number", description=f"1 to {MOST}, {USUAL} when absent"),
            Filter(
                "type", description="with commas between: a type (`tickets.created`), a group (`tickets.*`)"
            ),
            Filter("ticket", "id", lookup="ticket_id"),
            Filter("account", "id", lookup="account_id"),
            Filter("subject_kind", lookup="subject_kind"),
            Filter("subject_id", "id", lookup="subject_id"),
            Filter("since", "time", lookup="occurred_at__gte"),
        ],
    )

    @extend_schema(operation_id="events_list", responses=EventPageOut)
    def get(self, request: Request) -> Response:
        """Read what has happened, in the order in which it was committed; nothing is skipped, also when events come late.

        The types are those that webhooks tell (`/api/v1/webhooks/events/`); a key reads those of its scopes.
        """
        viewer = viewer_of(request)
        wanted = wanted_fields(request, EventOut)
        asked = self.listing.asked(request)
        events = self.listing.filtered(request, visible_events(viewer, _verbs(asked.get("type", ""))))
        after = _number(asked, "after", 0)
        limit = max(1, min(_number(asked, "limit", USUAL), MOST))
        page = event_page(viewer, events, after=after, limit=limit)
        rows = self.listing.shown(page.rows, wanted)
        return Response({"next_after": page.next_after, "has_more": page.has_more, "results": rows})


def _verbs(value: str) -> frozenset[str]:
    if not value:
        return frozenset(PERMISSION_OF)
    found: frozenset[str] = frozenset()
    for pattern in value.split(","):
        verbs = verbs_of(pattern.strip())
        if not verbs:
            raise ValidationError({"type": [_("No event is called “%s”.") % pattern.strip()[:64]]})
        found |= verbs
    return found


def _number(asked: dict[str, str], name: str, usual: int) -> int:
    try:
        return a_number(asked[name]) if asked.get(name) else usual
    except ValueError:
        raise ValidationError({name: [_("This value cannot be used.")]}) from None

"""What success keeps about a person: the messages of outreach."""

from collections.abc import Collection, Mapping
from typing import Any

from customers.registry import PersonalData
from success.models import Outreach


class OutreachData(PersonalData):
    """Proactive messages to the person."""

    key = "outreach"
    order = 400

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return what was, or was about to be, written to the person."""
        rows = Outreach.objects.filter(contact__in=contact_ids).order_by("pk")
        return {
            "outreach": list(
                rows.values("channel", "topic", "subject", "body", "state", "created_at", "sent_at")
            )
        }

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Empty the texts; that something was sent, and when, stays."""
        rows = Outreach.objects.filter(contact__in=contact_ids).exclude(body="")
        return {"outreach": rows.update(subject="", body="")}

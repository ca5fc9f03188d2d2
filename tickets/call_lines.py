"""Lines of conversations and timelines about calls."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from tickets.calls import talk_time
from tickets.events import CALL_ENDED, CALL_LINKED, CALL_LOGGED
from tickets.models import Call

CALL_ICONS = {CALL_ENDED.verb: "phone", CALL_LINKED.verb: "phone", CALL_LOGGED.verb: "phone"}


def words_of_call_event(verb: str, detail: Mapping[str, Any], users: Mapping[int, str]) -> str | None:
    """Return the end of a line about a call, None for other lines. Erased details leave it empty."""
    if verb not in CALL_ICONS:
        return None
    if not detail:
        return ""
    is_inbound = detail.get("direction") == Call.Direction.INBOUND
    state = str(detail.get("state", ""))
    parts = [
        _("from the customer") if is_inbound else _("to the customer"),
        str(dict(Call.State.choices).get(state, ""))
        if state in {Call.State.MISSED, Call.State.VOICEMAIL}
        else "",
        talk_time(detail.get("seconds")),
        users.get(detail.get("agent") or 0, ""),
    ]
    return " · ".join(part for part in parts if part)

"""Remember how the server of an inbox was when mail was last handed to it, and tell people when no answer leaves."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from people.viewer import system_viewer
from tickets.channels.email.events import OUTGOING_ALARM, OUTGOING_STATE_CHANGED
from tickets.channels.email.server_connection import Code, ServerTrouble
from tickets.models import OutgoingServer

State = OutgoingServer.State
ALARM_AFTER = timedelta(minutes=15)
# Often enough to see that mail leaves; once for each mail would be a write for each.
SENT_EVERY = timedelta(minutes=1)
_STATES = {
    Code.WRONG_PASSWORD: State.WRONG_PASSWORD,
    Code.PASSWORD_UNREADABLE: State.WRONG_PASSWORD,
    Code.SIGN_IN_EXPIRED: State.SIGN_IN_EXPIRED,
    Code.SIGN_IN_REFUSED: State.SIGN_IN_EXPIRED,
}


def note_outgoing_success(*, outgoing: OutgoingServer, has_sent: bool) -> None:
    """The server has answered; ``has_sent`` when it took a mail."""
    now = timezone.now()
    old = outgoing.last_sent_at is None or now - outgoing.last_sent_at > SENT_EVERY
    if outgoing.state == State.OK and not (has_sent and old):
        return
    with transaction.atomic():
        row = _locked(outgoing)
        if row is None:
            return
        _change_state(row, State.OK, "")
        row.alarm = ""
        if has_sent:
            row.last_sent_at = now
        row.save()


@transaction.atomic
def note_outgoing_trouble(*, outgoing: OutgoingServer, trouble: ServerTrouble) -> None:
    """The server cannot be used. People are told of a refused login at once, of one that is away after a while."""
    row = _locked(outgoing)
    if row is None:
        return
    state = _STATES.get(trouble.code, State.UNREACHABLE)
    _change_state(row, state, trouble.words)
    row.error = trouble.words[:300]
    long = timezone.now() - row.state_since >= ALARM_AFTER
    if (state != State.UNREACHABLE or long) and row.alarm != state:
        row.alarm = state
        OUTGOING_ALARM.record(by=system_viewer("mail"), subject_id=row.pk, detail={"alarm": str(state)})
    row.save()


def _locked(outgoing: OutgoingServer) -> OutgoingServer | None:
    return OutgoingServer.objects.select_for_update().filter(pk=outgoing.pk).first()


def _change_state(row: OutgoingServer, state: str, error: str) -> None:
    if row.state != state:
        detail = {"from": str(row.state), "to": str(state), "error": error}
        OUTGOING_STATE_CHANGED.record(by=system_viewer("mail"), subject_id=row.pk, detail=detail)
        row.state, row.state_since = state, timezone.now()
    row.error = error[:300]

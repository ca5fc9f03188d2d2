"""What every visit to a mailbox begins and ends with: the lease, the login, and how the mailbox is afterwards."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from core.secret_box import CannotOpen, unseal
from people.viewer import system_viewer
from tickets.channels.email.events import MAILBOX_ALARM, MAILBOX_STATE_CHANGED
from tickets.channels.email.imap_session import ImapSession, imap_session
from tickets.channels.email.pop3_session import Pop3Session, pop3_session
from tickets.channels.email.server_connection import Code, Login, ServerTrouble
from tickets.channels.email.services.renew_sign_in import access_token, note_token_refused
from tickets.models import Mailbox

logger = logging.getLogger(__name__)

PURPOSE = "tickets.mailbox"
# Longer than a visit, which ends by itself; a visit renews it with whatever it writes.
LEASE = timedelta(seconds=120)
LOOK_EVERY = timedelta(seconds=30)
PAUSES = (10, 30, 60, 300, 900)
# Servers lock out who asks often with a wrong password.
PASSWORD_PAUSES = (300, 900, 3600)
ALARM_AFTER = timedelta(minutes=15)
State = Mailbox.State
_STATES = {
    Code.WRONG_PASSWORD: State.WRONG_PASSWORD,
    Code.PASSWORD_UNREADABLE: State.WRONG_PASSWORD,
    Code.SIGN_IN_EXPIRED: State.SIGN_IN_EXPIRED,
    Code.SIGN_IN_REFUSED: State.SIGN_IN_EXPIRED,
    Code.FOLDER_MISSING: State.FOLDER_MISSING,
}
_ALARMS = {
    State.WRONG_PASSWORD: Mailbox.Alarm.WRONG_PASSWORD,
    State.SIGN_IN_EXPIRED: Mailbox.Alarm.SIGN_IN_EXPIRED,
    State.FOLDER_MISSING: Mailbox.Alarm.FOLDER_MISSING,
}


class LeaseLost(Exception):
    """Somebody else works on the mailbox by now, or it was paused; what this visit has not written is left to them."""


def claim(mailbox_id: int) -> Mailbox | None:
    """Lease a mailbox; None when it is paused, its inbox is not active, or somebody else is connected."""
    now = timezone.now()
    token = secrets.token_hex(16)
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    claimed = (
        Mailbox.objects.filter(free, pk=mailbox_id, inbox__is_active=True, inbox__channel="email")
        .exclude(state=State.PAUSED)
        .update(leased_until=now + LEASE, lease_token=token)
    )
    if not claimed:
        return None
    return Mailbox.objects.select_related("inbox").filter(pk=mailbox_id, lease_token=token).first()


def hold(box: Mailbox) -> None:
    """Lock the row for the rest of the transaction and renew the lease. Raises LeaseLost when it is not ours any more."""
    if not Mailbox.objects.select_for_update().filter(pk=box.pk, lease_token=box.lease_token).exists():
        raise LeaseLost
    write(box, leased_until=timezone.now() + LEASE)


def write(box: Mailbox, **values: object) -> None:
    """Change columns of a mailbox that is ours, in the database and in ``box``. Raises LeaseLost."""
    if not Mailbox.objects.filter(pk=box.pk, lease_token=box.lease_token).update(**values):
        raise LeaseLost
    for name, value in values.items():
        setattr(box, name, value)


def release(box: Mailbox) -> None:
    """Give the lease back, if it is still ours."""
    Mailbox.objects.filter(pk=box.pk, lease_token=box.lease_token).update(leased_until=None, lease_token="")


@contextmanager
def session_of(box: Mailbox, *, seconds: float) -> Iterator[ImapSession | Pop3Session]:
    """Log in to a mailbox. Raises ServerTrouble."""
    login = login_of(box)
    session = pop3_session if box.protocol == Mailbox.Protocol.POP3 else imap_session
    try:
        with session(login, seconds=seconds) as opened:
            yield opened
    except ServerTrouble as trouble:
        if trouble.code == Code.SIGN_IN_REFUSED and box.account_id:
            raise note_token_refused(account_id=box.account_id, trouble=trouble) from trouble
        raise


def login_of(box: Mailbox) -> Login:
    """Who one is to the server; it may call a provider to renew a token. Raises ServerTrouble."""
    place = (box.host, box.port, box.security, box.username)
    if box.account_id:
        return Login(*place, token=access_token(account_id=box.account_id))
    try:
        return Login(*place, unseal(box.sealed_password, purpose=PURPOSE))
    except CannotOpen as error:
        raise ServerTrouble(Code.PASSWORD_UNREADABLE) from error


@transaction.atomic
def note_success(box: Mailbox, *, again_now: bool) -> None:
    """The mailbox has been read; ``again_now`` when there is more. Ends the visit. Raises LeaseLost."""
    hold(box)
    now = timezone.now()
    cured = box.alarm in {Mailbox.Alarm.UNREACHABLE, *_ALARMS.values()}
    _change_state(box, State.OK, "")
    write(
        box,
        failures=0,
        last_success_at=now,
        next_look_at=now if again_now else now + LOOK_EVERY,
        alarm="" if cured else box.alarm,
    )
    release(box)


@transaction.atomic
def note_trouble(box: Mailbox, trouble: ServerTrouble, *, progressed: bool) -> None:
    """The visit broke off. With new mails it was good for something: the next one comes at once and all counts as well.

    Otherwise the pauses grow from visit to visit. Ends the visit. Raises LeaseLost.
    """
    hold(box)
    logger.warning("mailbox %s cannot be read: %s", box.pk, trouble.code)
    now = timezone.now()
    if progressed:
        _change_state(box, State.OK, "")
        write(box, next_look_at=now, last_success_at=now, failures=0)
        release(box)
        return
    state = _STATES.get(trouble.code, State.UNREACHABLE)
    failures = box.failures + 1 if box.state == state else 1
    is_refused = state in (State.WRONG_PASSWORD, State.SIGN_IN_EXPIRED)
    pauses = PASSWORD_PAUSES if is_refused else PAUSES
    pause = timedelta(seconds=pauses[min(failures, len(pauses)) - 1])
    _change_state(box, state, trouble.words)
    write(box, failures=failures, next_look_at=now + pause, error=trouble.words[:300])
    if state in _ALARMS:
        raise_alarm(box, _ALARMS[state])
    release(box)


def raise_alarm(box: Mailbox, alarm: str) -> None:
    """Tell people what is wrong, once, in the caller's transaction."""
    changed = Mailbox.objects.filter(pk=box.pk).exclude(alarm=alarm).update(alarm=alarm)
    if changed:
        box.alarm = alarm
        MAILBOX_ALARM.record(by=system_viewer("mail"), subject_id=box.pk, detail={"alarm": str(alarm)})


def _change_state(box: Mailbox, state: str, error: str) -> None:
    if box.state == state:
        return
    detail = {"from": str(box.state), "to": str(state), "error": error}
    MAILBOX_STATE_CHANGED.record(by=system_viewer("mail"), subject_id=box.pk, detail=detail)
    write(box, state=state, state_since=timezone.now(), error=error[:300])

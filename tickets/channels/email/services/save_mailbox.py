"""Connect a mailbox to an inbox, try it, change, pause, look at and remove it."""

import ipaddress
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import guarded_http
from core.changes import apply_changes
from core.secret_box import CannotOpen, seal, unseal
from people.viewer import Viewer
from tickets.channels.email.events import MAILBOX_LOOK_REQUESTED, MAILBOX_REMOVED, MAILBOX_SAVED
from tickets.channels.email.imap_session import PORTS, Code, Login, MailboxTrouble, imap_session, is_allowed
from tickets.channels.email.services.look_at_mailbox import PURPOSE, State
from tickets.models import Inbox, Mailbox

TRY_SECONDS = 15.0
LONGEST_PASSWORD = 1000
# Who changes one of these must know the password: else it could be sent to a server of one's own.
_LOGIN_FIELDS = ("host", "port", "security", "username")


@dataclass(frozen=True)
class Trial:
    """What a try of a connection found, in words for people."""

    works: bool
    words: str


@transaction.atomic
def save_mailbox(
    *,
    inbox: Inbox,
    host: str,
    port: int,
    security: str,
    username: str,
    password: str,
    folder: str,
    by: Viewer,
    take_existing: bool = False,
    mailbox: Mailbox | None = None,
) -> Mailbox:
    """Save a mailbox; without ``mailbox`` a new one. Raises ValidationError naming the field.

    An empty ``password`` keeps the one that is there, as long as server and user stay the same. ``take_existing`` is for a new
    mailbox. Another server, user or folder is listed from its beginning on, as if the server had numbered its mails anew: what
    has come since the mailbox was first connected is taken, and what is in the ledger already is known by its bytes.
    """
    by.require("settings.manage")
    row = Mailbox() if mailbox is None else Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    wanted = _cleaned(host, port, security, username, folder)
    if mailbox is None and inbox.channel != "email":
        raise ValidationError({"inbox": _("Only e-mail inboxes have mailboxes.")})
    sealed = _sealed(row, wanted, password)
    elsewhere = any(getattr(row, name) != wanted[name] for name in ("host", "username", "folder"))
    if mailbox is None:
        row.inbox, row.take_existing = inbox, take_existing
    changes = apply_changes(row, **wanted)
    row.sealed_password = sealed
    if password or elsewhere or changes:
        # Worked off at once; whoever is connected with the old words loses the lease.
        _begin_again(row)
    if elsewhere and mailbox is not None:
        _forget_progress(row)
    row.full_clean()
    row.save()
    if password and mailbox is not None:
        changes = {**changes, "password": [None, None]}
    if changes or mailbox is None:
        MAILBOX_SAVED.record(by=by, subject_id=row.pk, detail=changes)
    return row


def try_mailbox(
    *,
    host: str,
    port: int,
    security: str,
    username: str,
    password: str,
    folder: str,
    by: Viewer,
    mailbox: Mailbox | None = None,
) -> Trial:
    """Connect with these words and say in words what happens; takes at most ``TRY_SECONDS`` and changes nothing.

    An empty ``password`` is the one of ``mailbox``, as in ``save_mailbox``. Raises ValidationError naming the field.
    """
    by.require("settings.manage")
    wanted = _cleaned(host, port, security, username, folder)
    row = mailbox or Mailbox()
    try:
        secret = password or unseal(_sealed(row, wanted, password), purpose=PURPOSE)
    except CannotOpen:
        return Trial(False, MailboxTrouble(Code.PASSWORD_UNREADABLE).words)
    login = Login(wanted["host"], wanted["port"], wanted["security"], wanted["username"], secret)
    try:
        with imap_session(login, seconds=TRY_SECONDS) as session:
            found = session.open_folder(wanted["folder"])
            count = len(session.listing(f"{max(1, found.uidnext - 100)}:{found.uidnext}"))
    except MailboxTrouble as trouble:
        return Trial(False, trouble.words)
    words = ngettext(
        "The connection works. %d mail is among the last 100 numbers of the folder.",
        "The connection works. %d mails are among the last 100 numbers of the folder.",
        count,
    )
    return Trial(True, words % count)


@transaction.atomic
def pause_mailbox(*, mailbox: Mailbox, by: Viewer) -> None:
    """Read the mailbox no more until it is resumed; a visit that is under way ends with its next batch."""
    by.require("settings.manage")
    row = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    if row.state != State.PAUSED:
        _set_state(row, State.PAUSED, by)


@transaction.atomic
def resume_mailbox(*, mailbox: Mailbox, by: Viewer) -> None:
    """Read a paused mailbox again, from where it was left."""
    by.require("settings.manage")
    row = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    if row.state == State.PAUSED:
        _set_state(row, State.NEW, by)


@transaction.atomic
def fetch_now(*, mailbox: Mailbox, by: Viewer, missing: bool = False) -> None:
    """Have the mailbox looked at within seconds; with ``missing`` also fetch the mails that reconciliation misses.

    Raises ValidationError for a paused one.
    """
    by.require("operations.retry")
    row = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    if row.state == State.PAUSED:
        raise ValidationError(_("The mailbox is paused."))
    row.next_look_at = timezone.now()
    row.fetch_missing = row.fetch_missing or missing
    row.save(update_fields=["next_look_at", "fetch_missing"])
    MAILBOX_LOOK_REQUESTED.record(by=by, subject_id=row.pk, detail={"missing": missing})


@transaction.atomic
def remove_mailbox(*, mailbox: Mailbox, by: Viewer) -> None:
    """Remove a mailbox with its password. The mails that came from it stay, here and on the server."""
    by.require("settings.manage")
    row = Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    detail = {"inbox": row.inbox_id, "host": row.host, "username": row.username, "folder": row.folder}
    MAILBOX_REMOVED.record(by=by, subject_id=row.pk, detail=detail)
    row.delete()


def _cleaned(host: str, port: int, security: str, username: str, folder: str) -> dict[str, Any]:
    """The words as they are stored; raises ValidationError naming the field."""
    texts = {"username": username.strip(), "folder": folder.strip() or "INBOX"}
    for name, text in texts.items():
        if not text or any(ord(character) < 32 or ord(character) == 127 for character in text):
            raise ValidationError({name: _("Write this without line breaks and control characters.")})
    try:
        name = guarded_http.host_name(host.strip())
    except guarded_http.RefusedAddress as error:
        raise ValidationError({"host": _("This is no name of a server.")}) from error
    if port not in PORTS and not is_allowed(name, port):
        raise ValidationError({"port": _("IMAP answers at port 993 or 143.")})
    if security not in Mailbox.Security.values:
        raise ValidationError({"security": _("There is no such encryption.")})
    if security == Mailbox.Security.NONE and not _is_loopback(name):
        raise ValidationError({"security": _("Only a server on this machine is read without encryption.")})
    return {"host": name, "port": port, "security": security, **texts}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sealed(row: Mailbox, wanted: dict[str, Any], password: str) -> str:
    """The sealed password that these words go with."""
    if password:
        if len(password) > LONGEST_PASSWORD or any(one in password for one in "\r\n\0"):
            raise ValidationError({"password": _("This cannot be a password.")})
        return seal(password, purpose=PURPOSE)
    if not row.sealed_password:
        raise ValidationError({"password": _("Enter the password.")})
    if any(getattr(row, name) != wanted[name] for name in _LOGIN_FIELDS):
        raise ValidationError({"password": _("Enter the password again for another server or user.")})
    return row.sealed_password


def _begin_again(row: Mailbox) -> None:
    row.next_look_at = timezone.now()
    row.leased_until, row.lease_token = None, ""
    row.failures, row.error, row.alarm = 0, "", ""
    if row.state != State.PAUSED:
        row.state, row.state_since = State.NEW, timezone.now()


def _forget_progress(row: Mailbox) -> None:
    """UIDs mean other mails now; nought is no server's UIDVALIDITY, so the next visit lists everything."""
    row.uidvalidity = None if row.connected_at is None else 0
    row.skip_before = row.reconciled_at = None
    row.first_uid, row.last_uid, row.stuck_uid, row.stuck_count = 1, 0, 0, 0
    row.missing, row.missing_count, row.server_count, row.fetch_missing = [], 0, 0, False
    row.last_success_at = row.last_mail_at = None
    row.mails.all().delete()


def _set_state(row: Mailbox, state: str, by: Viewer) -> None:
    changes = apply_changes(row, state=state)
    row.state_since = row.next_look_at = timezone.now()
    row.leased_until, row.lease_token, row.failures, row.error, row.alarm = None, "", 0, "", ""
    row.save()
    MAILBOX_SAVED.record(by=by, subject_id=row.pk, detail=changes)

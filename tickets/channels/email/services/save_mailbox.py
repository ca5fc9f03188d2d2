"""Connect a mailbox to an inbox, try it, change, pause, look at and remove it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core.changes import apply_changes
from people.viewer import Viewer
from tickets.channel import Trial
from tickets.channels.email.events import MAILBOX_LOOK_REQUESTED, MAILBOX_REMOVED, MAILBOX_SAVED
from tickets.channels.email.imap_session import ImapSession
from tickets.channels.email.pop3_session import Pop3Session
from tickets.channels.email.server_connection import ServerTrouble
from tickets.channels.email.server_words import (
    check_account,
    clean_line,
    clean_server,
    sealed_password,
)
from tickets.channels.email.services.look_at_mailbox import PURPOSE, State, session_of
from tickets.models import Inbox, MailAccount, Mailbox

TRY_SECONDS = 15.0
LONGEST_KEPT_DAYS = 365
# Who changes one of these must know the password: else it could be sent to a server of one's own.
_LOGIN_FIELDS = ("host", "port", "security", "username")


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
    protocol: str = Mailbox.Protocol.IMAP,
    account: MailAccount | None = None,
    delete_after_days: int | None = None,
    take_existing: bool = False,
    mailbox: Mailbox | None = None,
) -> Mailbox:
    """Save a mailbox; without ``mailbox`` a new one. Raises ValidationError naming the field.

    An empty ``password`` keeps the one that is there, as long as server and user stay the same; with ``account`` (a sign-in)
    there is none, and no user name. ``take_existing`` is for a new mailbox. Another server, user or folder is listed from its
    beginning on, as if the server had numbered its mails anew: what has come since the mailbox was first connected is taken, and
    what is in the ledger already is known by its bytes. ``delete_after_days`` (POP3, 1 to 365): None leaves every mail there.
    """
    by.require("settings.manage")
    row = Mailbox() if mailbox is None else Mailbox.objects.select_for_update().get(pk=mailbox.pk)
    wanted = _cleaned(protocol, host, port, security, username, folder, account, delete_after_days)
    if mailbox is None and inbox.channel != "email":
        raise ValidationError({"inbox": _("Only e-mail inboxes have mailboxes.")})
    sealed = _sealed(row, wanted, password)
    elsewhere = any(getattr(row, name) != wanted[name] for name in ("protocol", "host", "username", "folder"))
    if mailbox is None:
        row.inbox, row.take_existing = inbox, take_existing
    changes = apply_changes(row, **wanted)
    row.sealed_password = sealed
    if password or elsewhere or changes:
        # Worked off at once; whoever is connected with the old words loses the lease.
        begin_again(row)
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
    protocol: str = Mailbox.Protocol.IMAP,
    account: MailAccount | None = None,
    delete_after_days: int | None = None,
    mailbox: Mailbox | None = None,
) -> Trial:
    """Connect with these words and say in words what happens; takes at most ``TRY_SECONDS`` and changes nothing.

    An empty ``password`` is the one of ``mailbox``, as in ``save_mailbox``. Raises ValidationError naming the field.
    """
    by.require("settings.manage")
    wanted = _cleaned(protocol, host, port, security, username, folder, account, delete_after_days)
    sealed = _sealed(mailbox or Mailbox(), wanted, password)
    try:
        with session_of(Mailbox(sealed_password=sealed, **wanted), seconds=TRY_SECONDS) as session:
            words = _found(session, wanted["folder"])
    except ServerTrouble as trouble:
        return Trial(False, trouble.words)
    return Trial(True, words)


def _found(session: ImapSession | Pop3Session, folder: str) -> str:
    """What a try tells when all is well. Raises ServerTrouble."""
    if isinstance(session, Pop3Session):
        count = len(session.names())
        words = ngettext(
            "The connection works. %d mail is on the server.",
            "The connection works. %d mails are on the server.",
            count,
        )
        return words % count
    found = session.open_folder(folder)
    count = len(session.listing(f"{max(1, found.uidnext - 100)}:{found.uidnext}"))
    words = ngettext(
        "The connection works. %d mail is among the last 100 numbers of the folder.",
        "The connection works. %d mails are among the last 100 numbers of the folder.",
        count,
    )
    return words % count


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


def _cleaned(
    protocol: str,
    host: str,
    port: int,
    security: str,
    username: str,
    folder: str,
    account: MailAccount | None,
    delete_after_days: int | None,
) -> dict[str, Any]:
    """The words as they are stored; raises ValidationError naming the field."""
    if protocol not in Mailbox.Protocol.values:
        raise ValidationError({"protocol": _("There is no such protocol.")})
    is_pop3 = protocol == Mailbox.Protocol.POP3
    username = account.address if account is not None else clean_line("username", username)
    if not username:
        raise ValidationError({"username": _("Enter the user name.")})
    if delete_after_days is not None and not is_pop3:
        raise ValidationError({"delete_after_days": _("Mails are deleted from POP3 servers only.")})
    if delete_after_days is not None and not 1 <= delete_after_days <= LONGEST_KEPT_DAYS:
        words = _("Between 1 and %d days.") % LONGEST_KEPT_DAYS
        raise ValidationError({"delete_after_days": words})
    server = clean_server(protocol=protocol, host=host, port=port, security=security)
    check_account(account, server["host"])
    return {
        **server,
        "protocol": protocol,
        "username": username,
        "folder": "INBOX" if is_pop3 else clean_line("folder", folder) or "INBOX",
        "account": account,
        "delete_after_days": delete_after_days,
    }


def _sealed(row: Mailbox, wanted: dict[str, Any], password: str) -> str:
    """The sealed password that these words go with; none with a sign-in."""
    if wanted["account"] is not None:
        return ""
    moved = any(getattr(row, name) != wanted[name] for name in _LOGIN_FIELDS)
    return sealed_password(stored=row.sealed_password, password=password, moved=moved, purpose=PURPOSE)


def begin_again(row: Mailbox) -> None:
    """Have a mailbox looked at now, whatever was wrong with it; the caller saves it."""
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

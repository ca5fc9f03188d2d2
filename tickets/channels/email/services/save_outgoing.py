"""Give an inbox an outgoing server of its own, try it, and take it away."""

import time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.changes import apply_changes
from people.viewer import Viewer
from tickets.channel import Trial
from tickets.channels.email.events import OUTGOING_REMOVED, OUTGOING_SAVED
from tickets.channels.email.server_connection import ServerTrouble
from tickets.channels.email.server_words import (
    check_account,
    clean_line,
    clean_server,
    sealed_password,
)
from tickets.channels.email.services.send_mail import OUTGOING_PURPOSE, login_of, server_key
from tickets.channels.email.smtp_session import open_session
from tickets.models import Inbox, MailAccount, OutgoingServer, SendingPause

TRY_SECONDS = 15.0
_LOGIN_FIELDS = ("host", "port", "security", "username")


@transaction.atomic
def save_outgoing(
    *,
    inbox: Inbox,
    host: str,
    port: int,
    security: str,
    username: str,
    password: str,
    by: Viewer,
    account: MailAccount | None = None,
) -> OutgoingServer:
    """Save the server by which the answers of an inbox leave. Raises ValidationError naming the field.

    Without user name nobody logs in. An empty ``password`` keeps the one that is there, as long as server and user stay the same;
    with ``account`` (a sign-in) there is none.
    """
    by.require("settings.manage")
    if inbox.channel != "email":
        raise ValidationError({"inbox": _("Only e-mail inboxes send by a mail server.")})
    Inbox.objects.select_for_update().get(pk=inbox.pk)
    stored = OutgoingServer.objects.select_for_update().filter(inbox=inbox).first()
    row = stored or OutgoingServer(inbox=inbox)
    wanted = _cleaned(host, port, security, username, account)
    sealed = _sealed(row, wanted, password)
    changes = apply_changes(row, **wanted)
    row.sealed_password = sealed
    if changes or password:
        forget_trouble(row)
    row.full_clean()
    row.save()
    if password and stored is not None:
        changes = {**changes, "password": [None, None]}
    if changes or stored is None:
        OUTGOING_SAVED.record(by=by, subject_id=row.pk, detail={**changes, "inbox": inbox.pk})
    return row


def try_outgoing(
    *,
    inbox: Inbox,
    host: str,
    port: int,
    security: str,
    username: str,
    password: str,
    by: Viewer,
    account: MailAccount | None = None,
) -> Trial:
    """Connect and log in with these words, send nothing, and say in words what happens; at most ``TRY_SECONDS``.

    Raises ValidationError naming the field.
    """
    by.require("settings.manage")
    wanted = _cleaned(host, port, security, username, account)
    stored = OutgoingServer.objects.filter(inbox=inbox).first()
    sealed = _sealed(stored or OutgoingServer(), wanted, password)
    try:
        login = login_of(OutgoingServer(sealed_password=sealed, **wanted))
        open_session(login, deadline=time.monotonic() + TRY_SECONDS).close()
    except ServerTrouble as trouble:
        return Trial(False, trouble.words)
    if not login.username:
        return Trial(True, _("The connection works. Nobody logs in. Nothing was sent."))
    return Trial(True, _("The connection and the login work. Nothing was sent."))


@transaction.atomic
def remove_outgoing(*, outgoing: OutgoingServer, by: Viewer) -> None:
    """Take the server away with its password; answers leave by ``EMAIL_URL`` again."""
    by.require("settings.manage")
    row = OutgoingServer.objects.select_for_update().get(pk=outgoing.pk)
    SendingPause.objects.filter(server=server_key(row)).delete()
    detail = {"inbox": row.inbox_id, "host": row.host, "username": row.username}
    OUTGOING_REMOVED.record(by=by, subject_id=row.pk, detail=detail)
    row.delete()


def forget_trouble(row: OutgoingServer) -> None:
    """Try the server again at once, whatever was wrong with it; the caller saves it."""
    SendingPause.objects.filter(server=server_key(row)).delete()
    row.state, row.state_since, row.error, row.alarm = OutgoingServer.State.NEW, timezone.now(), "", ""


def _cleaned(
    host: str, port: int, security: str, username: str, account: MailAccount | None
) -> dict[str, Any]:
    server = clean_server(protocol="smtp", host=host, port=port, security=security)
    check_account(account, server["host"])
    username = account.address if account is not None else clean_line("username", username)
    return {**server, "username": username, "account": account}


def _sealed(row: OutgoingServer, wanted: dict[str, Any], password: str) -> str:
    """The sealed password that these words go with; none with a sign-in or without a user."""
    if wanted["account"] is not None or not wanted["username"]:
        if password:
            raise ValidationError({"username": _("A password needs a user name.")})
        return ""
    moved = any(getattr(row, name) != wanted[name] for name in _LOGIN_FIELDS)
    return sealed_password(
        stored=row.sealed_password, password=password, moved=moved, purpose=OUTGOING_PURPOSE
    )

"""Keep accounts signed in: hand out an access token that is good, and renew it ahead of its end.

One worker renews at a time (a lease on the row): a provider that gives a new refresh token each time takes the old one, used a
second time, for theft and ends the grant.
"""

import logging
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from core.secret_box import CannotOpen, seal, unseal
from people.viewer import system_viewer
from tickets.channels.email.events import MAIL_ACCOUNT_EXPIRED
from tickets.channels.email.server_connection import Code, ServerTrouble
from tickets.channels.email.sign_in import SignInFailed, SignInRefused, Tokens, renew_tokens
from tickets.models import MailAccount

logger = logging.getLogger(__name__)

ACCOUNT_PURPOSE = "tickets.mail_account"
# A visit with a token that ends on the way would break off.
AHEAD = timedelta(minutes=5)
LEASE = timedelta(seconds=60)
# Grants that nobody uses expire with some providers.
KEEP_ALIVE = timedelta(days=1)
# A token that is refused right after it was renewed is refused for good.
FRESH = timedelta(minutes=10)


def access_token(*, account_id: int) -> str:
    """Return a token that is good for some minutes; it may call the provider, so hold no transaction.

    Raises ServerTrouble: the sign-in has expired, or cannot be renewed just now.
    """
    account = MailAccount.objects.select_related("app").get(pk=account_id)
    if account.state == MailAccount.State.EXPIRED:
        raise ServerTrouble(Code.SIGN_IN_EXPIRED)
    now = timezone.now()
    if account.expires_at > now + AHEAD:
        return _opened(account.sealed_access_token)
    claimed = _claim(account_id)
    if claimed is not None:
        return _renewed(claimed)
    # Somebody else renews it.
    if account.expires_at > now + LEASE:
        return _opened(account.sealed_access_token)
    raise ServerTrouble(Code.SIGN_IN_BUSY)


def note_token_refused(*, account_id: int, trouble: ServerTrouble) -> ServerTrouble:
    """A server refused the token: have it renewed before its time, and say what the trouble is by then."""
    now = timezone.now()
    stale = Q(renewed_at=None) | Q(renewed_at__lt=now - FRESH)
    if MailAccount.objects.filter(stale, pk=account_id).update(expires_at=now):
        return ServerTrouble(Code.SIGN_IN_BUSY)
    return trouble


def renew_due_sign_ins(*, until: datetime | None = None) -> int:
    """Renew what ends soon or has not been used for long, until the time is over; returns how many were renewed."""
    now = timezone.now()
    due = MailAccount.objects.filter(
        Q(expires_at__lt=now + AHEAD) & (Q(mailboxes__isnull=False) | Q(outgoing__isnull=False))
        | Q(renewed_at__lt=now - KEEP_ALIVE),
        state=MailAccount.State.OK,
    )
    renewed = 0
    for account_id in list(due.order_by("pk").values_list("pk", flat=True).distinct()):
        if until is not None and timezone.now() >= until:
            break
        claimed = _claim(account_id, even_if_good=True)
        if claimed is None:
            continue
        try:
            _renewed(claimed)
            renewed += 1
        except ServerTrouble as trouble:
            logger.warning("mail account %s was not renewed: %s", account_id, trouble.code)
    return renewed


def _claim(account_id: int, *, even_if_good: bool = False) -> MailAccount | None:
    """Lease an account for renewing; None when somebody else renews it, or just has."""
    now = timezone.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    token = secrets.token_hex(16)
    rows = MailAccount.objects.filter(free, pk=account_id, state=MailAccount.State.OK)
    if not even_if_good:
        rows = rows.filter(expires_at__lte=now + AHEAD)
    if not rows.update(leased_until=now + LEASE, lease_token=token):
        return None
    return MailAccount.objects.select_related("app").filter(pk=account_id, lease_token=token).first()


def _renewed(account: MailAccount) -> str:
    """Renew a leased account and return the new token. Raises ServerTrouble."""
    try:
        refresh = unseal(account.sealed_refresh_token, purpose=ACCOUNT_PURPOSE)
        tokens = renew_tokens(account.app, refresh_token=refresh)
    except (SignInRefused, CannotOpen) as error:
        word = error.word if isinstance(error, SignInRefused) else "secret_unreadable"
        _expire(account, word)
        raise ServerTrouble(Code.SIGN_IN_EXPIRED) from error
    except SignInFailed as error:
        _mine(account).update(leased_until=None, lease_token="", error=str(error)[:300])
        if account.expires_at > timezone.now() + timedelta(seconds=30):
            return _opened(account.sealed_access_token)
        raise ServerTrouble(Code.SIGN_IN_BUSY) from error
    return _kept(account, tokens)


def _kept(account: MailAccount, tokens: Tokens) -> str:
    values: dict[str, object] = {
        "sealed_access_token": seal(tokens.access, purpose=ACCOUNT_PURPOSE),
        "expires_at": tokens.expires_at,
        "renewed_at": timezone.now(),
        "leased_until": None,
        "lease_token": "",
        "error": "",
    }
    if tokens.refresh:
        values["sealed_refresh_token"] = seal(tokens.refresh, purpose=ACCOUNT_PURPOSE)
    if not _mine(account).update(**values):
        # Signed in anew meanwhile: what that brought is better than what we have.
        raise ServerTrouble(Code.SIGN_IN_BUSY)
    return tokens.access


@transaction.atomic
def _expire(account: MailAccount, word: str) -> None:
    expired = _mine(account).update(
        state=MailAccount.State.EXPIRED,
        state_since=timezone.now(),
        error=words_of(word)[:300],
        leased_until=None,
        lease_token="",
    )
    if expired:
        MAIL_ACCOUNT_EXPIRED.record(by=system_viewer("mail"), subject_id=account.pk, detail={"error": word})


def words_of(word: str) -> str:
    """A refusal of the provider, for people."""
    return {
        "invalid_grant": _("The provider has ended the sign-in: it was revoked, or is too old."),
        "invalid_client": _("The provider refuses the application: look at its client ID and secret."),
        "unauthorized_client": _("The provider does not let this application do so."),
        "interaction_required": _("The provider wants somebody to sign in again."),
        "access_denied": _("The provider was told not to allow it."),
        "no_refresh_token": _("The provider gave no lasting sign-in. Is offline access among the scopes?"),
        "secret_unreadable": _("What is stored cannot be read any more."),
    }.get(word, _("The provider refuses."))


def _mine(account: MailAccount) -> QuerySet[MailAccount]:
    return MailAccount.objects.filter(pk=account.pk, lease_token=account.lease_token)


def _opened(sealed: str) -> str:
    try:
        return unseal(sealed, purpose=ACCOUNT_PURPOSE)
    except CannotOpen as error:
        raise ServerTrouble(Code.SIGN_IN_EXPIRED) from error

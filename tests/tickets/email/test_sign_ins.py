"""Signing in to mail accounts (OAuth 2): against a provider of our own, and with its tokens at Dovecot and an SMTP server."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.models import Event, Notification, Outbound
from core.outbox import send_due
from people.models import User
from people.viewer import Viewer
from tests.tickets.email.authorisation_server import AuthorisationServer, authorisation_server
from tests.tickets.email.dovecot import Dovecot, needs_dovecot, needs_pop3
from tests.tickets.email.mails import mail_of, take
from tests.tickets.email.smtp_server import smtp_server
from tickets.channels.email.server_connection import Code, ServerTrouble
from tickets.channels.email.services.fetch_mailbox import fetch_mailbox
from tickets.channels.email.services.renew_sign_in import access_token, renew_due_sign_ins
from tickets.channels.email.services.save_mailbox import save_mailbox
from tickets.channels.email.services.save_outgoing import save_outgoing
from tickets.channels.email.services.save_sign_in import (
    finish_sign_in,
    remove_mail_account,
    remove_provider_app,
    save_provider_app,
    start_sign_in,
)
from tickets.channels.email.sign_in import authorisation_url
from tickets.channels.email.smtp_session import pool
from tickets.models import Inbox, MailAccount, Mailbox, MailLedger, ProviderApp
from tickets.pages.settings_sign_ins import return_url
from tickets.services.reply_to_ticket import reply_to_ticket

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("minds")]
HOST = "127.0.0.1"
SignIn = Callable[..., MailAccount]


@pytest.fixture(scope="module")
def providers() -> Iterator[AuthorisationServer]:
    """One provider for the module."""
    with authorisation_server() as server:
        yield server


@pytest.fixture
def provider(
    providers: AuthorisationServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> AuthorisationServer:
    """The provider, in good order, whose certificate is trusted and whose address the operator has allowed."""
    settings.GUARDED_HTTP_ALLOW = settings.GUARDED_MAIL_ALLOW = [HOST]
    monkeypatch.setenv("SSL_CERT_FILE", str(providers.certificate))
    providers.trouble, providers.rotates, providers.expires_in = None, False, 3600
    providers.asked.clear()
    return providers


@pytest.fixture(scope="module")
def servers(providers: AuthorisationServer) -> Iterator[Dovecot]:
    """A mail server that asks the provider about tokens."""
    with Dovecot(tokens_from=providers.plain_port) as server:
        yield server


@pytest.fixture
def app(provider: AuthorisationServer, admin: User) -> ProviderApp:
    return save_provider_app(
        name="Our provider", provider="other", client_id=provider.client_id, secret=provider.secret,
        authorise_url=provider.authorise_url, token_url=provider.token_url, scope="mail offline_access",
        by=admin.as_viewer(),
    )  # fmt: skip


@pytest.fixture
def sign_in(provider: AuthorisationServer, app: ProviderApp, admin: User) -> SignIn:
    """Sign in as an address, from the first request to the kept tokens."""

    def make(address: str = "support") -> MailAccount:
        by = admin.as_viewer()
        started = start_sign_in(app=app, address=address, redirect_uri=return_url(), by=by)
        back = provider.consent(started.url)
        return finish_sign_in(
            app=app, address=address, **back, expected_state=started.state, verifier=started.verifier,
            redirect_uri=return_url(), by=by,
        )  # fmt: skip

    return make


@pytest.fixture
def box(servers: Dovecot, sign_in: SignIn, inbox: Inbox, admin: User) -> Mailbox:
    """A mailbox that is read by a sign-in."""
    with servers.client("support") as imap:
        imap.select("INBOX")
        imap.uid("STORE", "1:*", "+FLAGS.SILENT", "\\Deleted")
        imap.expunge()
    return save_mailbox(
        inbox=inbox, host=HOST, port=servers.port, security="none", username="", password="", folder="INBOX",
        account=sign_in(), take_existing=True, by=admin.as_viewer(),
    )  # fmt: skip


def fresh(row: Any) -> Any:
    return type(row).objects.get(pk=row.pk)


def age(account: MailAccount, **values: Any) -> None:
    """Let the tokens end in four minutes, as if nobody had renewed them for long."""
    old = {
        "expires_at": timezone.now() + timedelta(minutes=4),
        "renewed_at": timezone.now() - timedelta(hours=1),
    }
    MailAccount.objects.filter(pk=account.pk).update(**{**old, **values})


# --- signing in -------------------------------------------------------------------------------------------------------


def test_the_page_leads_to_the_provider_and_back(
    provider: AuthorisationServer, app: ProviderApp, admin: User, login: Any
) -> None:
    browser = login(admin)
    page = browser.post(reverse("settings-mail-sign-in", args=[app.pk]), {"address": "support"})
    url = page.context["url"]
    assert url.startswith(provider.authorise_url)
    assert page.content.decode().count("verifier") == 0
    back = browser.get(reverse("settings-mail-sign-in-back"), provider.consent(url))
    assert back.status_code == 302
    account = MailAccount.objects.get()
    assert (account.address, account.state, account.connected_by) == ("support", "ok", admin)
    asked = provider.asked[0]
    assert asked["redirect_uri"].endswith("/settings/mail-sign-in/back/")
    secrets = set(provider.access_tokens) | set(provider.refresh_tokens) | {provider.secret}
    stored = (
        str(MailAccount.objects.values()) + str(ProviderApp.objects.values()) + str(Event.objects.values())
    )
    assert not [one for one in secrets if one in stored]
    shown = browser.get(reverse("settings-mail-provider", args=[app.pk])).content.decode()
    assert "Signed in" in shown
    assert not [one for one in secrets if one in shown]


def test_what_comes_back_belongs_to_the_session_that_began_and_comes_once(
    provider: AuthorisationServer, app: ProviderApp, admin: User, login: Any
) -> None:
    browser = login(admin)
    url = browser.post(reverse("settings-mail-sign-in", args=[app.pk]), {"address": "support"}).context["url"]
    back = provider.consent(url)
    other = Client()
    other.force_login(admin)
    stranger = login(admin)
    assert stranger.get(reverse("settings-mail-sign-in-back"), back, follow=True).status_code == 200
    assert MailAccount.objects.count() == 0
    browser.get(reverse("settings-mail-sign-in-back"), {**back, "state": "of somebody else"})
    browser.get(reverse("settings-mail-sign-in-back"), back)
    assert (MailAccount.objects.count(), provider.asked) == (0, [])


def test_a_refusal_at_the_provider_is_told(
    provider: AuthorisationServer, app: ProviderApp, admin: User, login: Any
) -> None:
    browser = login(admin)
    browser.post(reverse("settings-mail-sign-in", args=[app.pk]), {"address": "support"})
    page = browser.get(reverse("settings-mail-sign-in-back"), {"error": "access_denied"}, follow=True)
    assert "The provider was told not to allow it." in page.content.decode()


@pytest.mark.parametrize(
    ("kind", "host", "words"),
    [
        ("microsoft", "login.microsoftonline.com", ["IMAP.AccessAsUser.All", "SMTP.Send", "offline_access"]),
        ("google", "accounts.google.com", ["https://mail.google.com/", "access_type=offline"]),
    ],
)  # fmt: skip
def test_known_providers_are_asked_at_their_own_addresses(kind: str, host: str, words: list[str]) -> None:
    app = ProviderApp(provider=kind, client_id="desk", tenant="halden.example" if kind == "microsoft" else "")
    url = authorisation_url(
        app, redirect_uri=return_url(), state="s", verifier="v" * 43, address="support@halden.example"
    )
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc) == ("https", host)
    asked = parse_qs(parts.query)
    assert asked["login_hint"] == ["support@halden.example"]
    assert asked["code_challenge_method"] == ["S256"]
    for word in words:
        assert word in asked["scope"][0] or word in parts.query
    assert ("halden.example" in parts.path) == (kind == "microsoft")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"provider": "nobody"}, "provider"),
        ({"token_url": "http://127.0.0.1/token"}, "token_url"),
        ({"authorise_url": "javascript:alert(1)"}, "authorise_url"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "a\nb"}, "client_id"),
        ({"provider": "microsoft", "tenant": "a/../b"}, "tenant"),
    ],
)
def test_bad_words_are_refused_by_field(admin: User, words: dict[str, Any], field: str) -> None:
    values = {
        "name": "One", "provider": "other", "client_id": "desk", "secret": "x",
        "authorise_url": "https://a.example/authorise", "token_url": "https://a.example/token", "by": admin.as_viewer(),
    }  # fmt: skip
    with pytest.raises(ValidationError) as refused:
        save_provider_app(**{**values, **words})
    assert list(refused.value.error_dict) == [field]


def test_a_stored_secret_goes_to_no_other_provider(app: ProviderApp, admin: User) -> None:
    values = {
        "app": app, "name": app.name, "provider": "other", "client_id": app.client_id, "secret": "",
        "authorise_url": app.authorise_url, "token_url": app.token_url, "scope": app.scope, "by": admin.as_viewer(),
    }  # fmt: skip
    assert save_provider_app(**values).sealed_secret == app.sealed_secret
    with pytest.raises(ValidationError) as refused:
        save_provider_app(**{**values, "token_url": "https://elsewhere.example/token"})
    assert list(refused.value.error_dict) == ["secret"]


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ({"token_url": "https://elsewhere.example/token"}, ["token_url"]),
        ({"authorise_url": "https://elsewhere.example/authorise"}, ["authorise_url"]),
        ({"provider": "google"}, ["provider"]),
        ({"provider": "microsoft", "tenant": "elsewhere.example"}, ["provider"]),
    ],
)  # fmt: skip
def test_tokens_of_accounts_go_to_no_other_provider(
    app: ProviderApp, sign_in: SignIn, admin: User, words: dict[str, str], fields: list[str]
) -> None:
    values = {
        "app": app, "name": "Renamed", "provider": "other", "client_id": app.client_id, "secret": "new",
        "authorise_url": app.authorise_url, "token_url": app.token_url, "scope": app.scope, "by": admin.as_viewer(),
    }  # fmt: skip
    account = sign_in()
    assert save_provider_app(**values).name == "Renamed"
    with pytest.raises(ValidationError) as refused:
        save_provider_app(**{**values, **words})
    assert sorted(refused.value.error_dict) == sorted(fields)
    remove_mail_account(account=account, by=admin.as_viewer())
    assert save_provider_app(**{**values, **words}).name == "Renamed"


def test_a_sign_in_that_began_elsewhere_is_not_kept(
    app: ProviderApp, provider: AuthorisationServer, admin: User
) -> None:
    by = admin.as_viewer()
    started = start_sign_in(app=app, address="support", redirect_uri=return_url(), by=by)
    back = provider.consent(started.url)
    ProviderApp.objects.filter(pk=app.pk).update(token_url="https://elsewhere.example/token")
    with pytest.raises(ValidationError):
        finish_sign_in(
            app=app, address="support", **back, expected_state=started.state, verifier=started.verifier,
            redirect_uri=return_url(), by=by,
        )  # fmt: skip
    assert MailAccount.objects.count() == 0


def test_tokens_of_google_go_to_googles_servers_only(inbox: Inbox, admin: User) -> None:
    app = ProviderApp.objects.create(name="G", provider="google", client_id="x")
    account = MailAccount.objects.create(
        app=app, address="a@b.example", sealed_refresh_token="x", expires_at=timezone.now()
    )
    for save, words in ((save_mailbox, {"folder": ""}), (save_outgoing, {})):
        port = 993 if save is save_mailbox else 465
        with pytest.raises(ValidationError) as refused:
            save(
                inbox=inbox, host="imap.evil.example", port=port, security="tls", username="", password="",
                account=account, by=admin.as_viewer(), **words,
            )  # fmt: skip
        assert list(refused.value.error_dict) == ["host"]


def test_only_who_changes_settings_may(
    app: ProviderApp, sign_in: SignIn, viewer: Viewer, admin: User
) -> None:
    account = sign_in()
    with pytest.raises(PermissionDenied):
        start_sign_in(app=app, address="x", redirect_uri="", by=viewer)
    with pytest.raises(PermissionDenied):
        remove_mail_account(account=account, by=viewer)
    with pytest.raises(ValidationError):
        remove_provider_app(app=app, by=admin.as_viewer())
    remove_mail_account(account=account, by=admin.as_viewer())
    remove_provider_app(app=app, by=admin.as_viewer())


# --- renewing ---------------------------------------------------------------------------------------------------------


def test_a_token_is_renewed_ahead_of_its_end(provider: AuthorisationServer, sign_in: SignIn) -> None:
    account = sign_in()
    first = access_token(account_id=account.pk)
    assert access_token(account_id=account.pk) == first
    age(account)
    second = access_token(account_id=account.pk)
    assert second != first
    assert provider.access_tokens[second] == "support"
    assert fresh(account).expires_at > timezone.now() + timedelta(minutes=55)


def test_a_rotated_refresh_token_is_kept(provider: AuthorisationServer, sign_in: SignIn) -> None:
    provider.rotates = True
    account = sign_in()
    for _turn in range(3):
        age(account)
        access_token(account_id=account.pk)
    assert fresh(account).state == "ok"


def test_two_workers_do_not_renew_at_once(provider: AuthorisationServer, sign_in: SignIn) -> None:
    provider.rotates = True
    account = sign_in()
    good = access_token(account_id=account.pk)
    age(account, leased_until=timezone.now() + timedelta(seconds=50), lease_token="another")
    before = len(provider.asked)
    # There is time left: the token is still used.
    assert access_token(account_id=account.pk) == good
    age(account, expires_at=timezone.now() + timedelta(seconds=10))
    with pytest.raises(ServerTrouble) as trouble:
        access_token(account_id=account.pk)
    assert (trouble.value.code, len(provider.asked)) == (Code.SIGN_IN_BUSY, before)
    # The other one died: its lease ends.
    age(account, leased_until=timezone.now() - timedelta(seconds=1))
    assert access_token(account_id=account.pk) != good


@pytest.mark.django_db(transaction=True)
def test_eight_threads_that_need_a_token_renew_it_once(
    provider: AuthorisationServer, sign_in: SignIn
) -> None:
    provider.rotates = True
    account = sign_in()
    age(account)
    before = len(provider.asked)
    tokens: list[str] = []

    def need() -> None:
        try:
            tokens.append(access_token(account_id=account.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=need) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(tokens), len(provider.asked) - before) == (8, 1)
    assert fresh(account).state == "ok"


@pytest.mark.parametrize(
    "trouble", [(503, b""), (200, b"<html>"), (200, b"{}"), (429, b"{}"), (400, b'{"error": "x"}')]
)
def test_a_provider_in_trouble_ends_no_sign_in(
    provider: AuthorisationServer, sign_in: SignIn, trouble: tuple[int, bytes]
) -> None:
    account = sign_in()
    good = access_token(account_id=account.pk)
    provider.trouble = trouble
    age(account)
    assert access_token(account_id=account.pk) == good
    age(account, expires_at=timezone.now())
    with pytest.raises(ServerTrouble) as told:
        access_token(account_id=account.pk)
    assert (told.value.code, fresh(account).state) == (Code.SIGN_IN_BUSY, "ok")


def test_what_nobody_uses_is_kept_alive(provider: AuthorisationServer, sign_in: SignIn) -> None:
    account = sign_in()
    assert renew_due_sign_ins() == 0
    age(account, renewed_at=timezone.now() - timedelta(days=2))
    assert (renew_due_sign_ins(), renew_due_sign_ins()) == (1, 0)


# --- at real servers --------------------------------------------------------------------------------------------------


@needs_dovecot
def test_mail_is_read_by_imap_with_a_token(
    servers: Dovecot, box: Mailbox, provider: AuthorisationServer
) -> None:
    servers.deliver([mail_of()])
    assert fetch_mailbox(mailbox_id=box.pk).trouble is None
    assert (MailLedger.objects.count(), fresh(box).state, box.sealed_password) == (1, "ok", "")


@needs_pop3
def test_mail_is_read_by_pop3_with_a_token(servers: Dovecot, box: Mailbox, admin: User) -> None:
    servers.deliver([mail_of()])
    save_mailbox(
        inbox=box.inbox, mailbox=box, protocol="pop3", host=HOST, port=servers.pop3_port, security="none", username="",
        password="", folder="", account=box.account, by=admin.as_viewer(),
    )  # fmt: skip
    assert fetch_mailbox(mailbox_id=box.pk).trouble is None
    assert MailLedger.objects.count() == 1


@needs_dovecot
def test_a_revoked_grant_is_said_told_and_mended_by_signing_in_again(
    servers: Dovecot,
    box: Mailbox,
    provider: AuthorisationServer,
    admin: User,
    pump: Callable[[], int],
    sign_in: SignIn,
) -> None:
    assert box.account is not None
    provider.revoke("support")
    provider.access_tokens.clear()
    MailAccount.objects.update(renewed_at=timezone.now() - timedelta(hours=1))
    # The server refuses the token: it is renewed before its time, and then it is known why.
    assert fetch_mailbox(mailbox_id=box.pk).trouble.code == Code.SIGN_IN_BUSY
    assert fetch_mailbox(mailbox_id=box.pk).trouble.code == Code.SIGN_IN_EXPIRED
    asked = len(provider.asked)
    assert fetch_mailbox(mailbox_id=box.pk).trouble.code == Code.SIGN_IN_EXPIRED
    assert len(provider.asked) == asked
    assert (fresh(box).state, fresh(box).alarm, fresh(box.account).state) == (
        "sign_in_expired",
        "sign_in_expired",
        "expired",
    )
    assert fresh(box).next_look_at > timezone.now() + timedelta(minutes=10)
    pump()
    [told] = Notification.objects.filter(kind="tickets.mailbox_alarm", user=admin)
    assert "the provider takes its sign-in no more" in told.text
    sign_in()
    assert (fresh(box).state, fresh(box).alarm) == ("new", "")
    assert fetch_mailbox(mailbox_id=box.pk).trouble is None


@needs_dovecot
def test_a_token_that_the_server_never_takes_is_said(
    servers: Dovecot, box: Mailbox, provider: AuthorisationServer
) -> None:
    provider.access_tokens.clear()
    assert fetch_mailbox(mailbox_id=box.pk).trouble.code == Code.SIGN_IN_REFUSED
    assert (fresh(box).state, fresh(box.account).state) == ("sign_in_expired", "ok")


def test_answers_leave_with_a_token(
    provider: AuthorisationServer, sign_in: SignIn, inbox: Inbox, admin: User, viewer: Viewer
) -> None:
    account = sign_in()
    with smtp_server(with_login=True) as server:
        save_outgoing(
            inbox=inbox, host=HOST, port=server.port, security="none", username="", password="", account=account,
            by=admin.as_viewer(),
        )  # fmt: skip
        server.tokens = set(provider.access_tokens)
        row = take(mail_of(), inbox)
        assert row.ticket is not None
        reply_to_ticket(ticket=row.ticket, body="Done.", by=viewer)
        send_due()
        pool.close()
        assert (Outbound.objects.get().state, len(server.taken)) == ("sent", 1)
        # The token is revoked: it is renewed before its time.
        server.tokens = set()
        MailAccount.objects.update(renewed_at=timezone.now() - timedelta(hours=1))
        reply_to_ticket(ticket=row.ticket, body="And this.", by=viewer)
        send_due()
        waiting = Outbound.objects.get(state="pending")
        assert "could not be renewed" in waiting.last_error
        assert fresh(account).expires_at <= timezone.now()

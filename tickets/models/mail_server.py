"""How mail servers are reached: applications registered with providers (OAuth 2), accounts that somebody has signed in to, the
servers through which inboxes send, and the pauses of what does not answer."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from tickets.models.inbox import Inbox


def _may_look(viewer: Viewer) -> bool:
    """Who sets up tickets, changes settings or looks after the operation."""
    return any(viewer.can(one) for one in ("settings.manage", "operations.view", "tickets.configure"))


class Security(models.TextChoices):
    """How the connection to a mail server is encrypted."""

    TLS = "tls", _("TLS from the start (IMAP 993, POP3 995, SMTP 465)")
    STARTTLS = "starttls", _("STARTTLS (IMAP 143, POP3 110, SMTP 587)")
    NONE = "none", _("None (this machine only)")


class ProviderAppQuerySet(models.QuerySet["ProviderApp"]):
    """Reads of applications."""

    def visible_to(self, viewer: Viewer) -> "ProviderAppQuerySet":
        """Return all of them to who may look at them; else none."""
        return self if _may_look(viewer) else self.none()


class ProviderApp(models.Model):
    """This installation as a provider of mail knows it: the client that people allow to read and send their mail."""

    class Provider(models.TextChoices):
        """Whose servers are asked. Of ``other`` the addresses are typed in."""

        MICROSOFT = "microsoft", _("Microsoft 365")
        GOOGLE = "google", _("Google")
        OTHER = "other", _("Another provider (OAuth 2)")

    name = models.CharField(_("name"), max_length=80, unique=True)
    provider = models.CharField(_("provider"), max_length=12, choices=Provider.choices)
    client_id = models.CharField(_("client ID"), max_length=255)
    sealed_secret = models.TextField(editable=False, blank=True)
    tenant = models.CharField(_("tenant"), max_length=100, blank=True)
    authorise_url = models.CharField(_("address for signing in"), max_length=500, blank=True)
    token_url = models.CharField(_("address for tokens"), max_length=500, blank=True)
    scope = models.CharField(_("scopes"), max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["ProviderApp"]] = models.Manager.from_queryset(ProviderAppQuerySet)()

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class MailAccountQuerySet(models.QuerySet["MailAccount"]):
    """Reads of accounts."""

    def visible_to(self, viewer: Viewer) -> "MailAccountQuerySet":
        """Return all of them to who may look at them; else none."""
        return self if _may_look(viewer) else self.none()


class MailAccount(models.Model):
    """A mail account that somebody has signed in to. Both tokens are sealed; ``expires_at`` is that of the access token.

    ``leased_until`` and ``lease_token`` belong to the one worker that renews it.
    """

    class State(models.TextChoices):
        """``expired``: the provider takes the grant no more, and a person must sign in again."""

        OK = "ok", _("Signed in")
        EXPIRED = "expired", _("Sign-in expired")

    app = models.ForeignKey(ProviderApp, models.PROTECT, related_name="accounts", verbose_name=_("provider"))
    address = models.CharField(_("user name"), max_length=254)
    sealed_access_token = models.TextField(editable=False, blank=True)
    sealed_refresh_token = models.TextField(editable=False)
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OK)
    state_since = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)
    renewed_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    connected_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["MailAccount"]] = models.Manager.from_queryset(MailAccountQuerySet)()

    class Meta:
        ordering: ClassVar = ["address"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "address"], name="one_account_per_address")
        ]

    def __str__(self) -> str:
        return self.address


class OutgoingServerQuerySet(models.QuerySet["OutgoingServer"]):
    """Reads of servers."""

    def visible_to(self, viewer: Viewer) -> "OutgoingServerQuerySet":
        """Return all of them to who may look at them; else none."""
        return self if _may_look(viewer) else self.none()


class OutgoingServer(models.Model):
    """The server through which the answers of an inbox leave; without one they leave by ``EMAIL_URL``.

    It logs in with a sealed password, or with the tokens of ``account``, or not at all.
    """

    class State(models.TextChoices):
        """How it was when mail was last handed over."""

        NEW = "new", _("Not used yet")
        OK = "ok", _("Works")
        WRONG_PASSWORD = "wrong_password", _("Wrong password")
        SIGN_IN_EXPIRED = "sign_in_expired", _("Sign-in expired")
        UNREACHABLE = "unreachable", _("Not reachable")

    class Alarm(models.TextChoices):
        """What people are told about it."""

        WRONG_PASSWORD = "wrong_password", _("the server refuses the password, and no answer leaves")
        SIGN_IN_EXPIRED = "sign_in_expired", _("the provider takes its sign-in no more, and no answer leaves")
        UNREACHABLE = "unreachable", _("the server cannot be reached, and no answer leaves")

    inbox = models.OneToOneField(Inbox, models.CASCADE, related_name="outgoing", verbose_name=_("inbox"))
    host = models.CharField(_("server"), max_length=253)
    port = models.PositiveIntegerField(_("port"), default=587)
    security = models.CharField(
        _("encryption"), max_length=8, choices=Security.choices, default=Security.STARTTLS
    )
    username = models.CharField(_("user name"), max_length=254, blank=True)
    sealed_password = models.TextField(editable=False, blank=True)
    account = models.ForeignKey(
        MailAccount, models.PROTECT, null=True, blank=True, related_name="outgoing", verbose_name=_("sign-in")
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.NEW)
    state_since = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)
    alarm = models.CharField(max_length=16, blank=True, choices=Alarm.choices)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["OutgoingServer"]] = models.Manager.from_queryset(
        OutgoingServerQuerySet
    )()

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SendingPause(models.Model):
    """Until when nothing is handed to a server, or to a server for one domain of recipients; gone once something got through.

    ``server`` is its key (``host:port user``), ``domain`` is empty for the server itself.
    """

    server = models.CharField(max_length=520)
    domain = models.CharField(max_length=253, blank=True)
    failures = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["server", "domain"], name="one_pause_per_domain")
        ]

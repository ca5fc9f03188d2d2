"""Mailboxes (IMAP, POP3): where they are, how far they have been read, and what became of each of their mails."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from tickets.models.inbox import Inbox
from tickets.models.mail import MailLedger
from tickets.models.mail_server import MailAccount, Security


class MailboxQuerySet(models.QuerySet["Mailbox"]):
    """Reads of mailboxes."""

    def visible_to(self, viewer: Viewer) -> "MailboxQuerySet":
        """Return all of them to who sets up tickets, changes settings or looks after the operation; else none."""
        allowed = ("settings.manage", "operations.view", "tickets.configure")
        return self if any(viewer.can(one) for one in allowed) else self.none()


class Mailbox(models.Model):
    """A folder on an IMAP server, or a POP3 account, whose mails come into an inbox.

    Mails with UIDs from ``first_uid`` to ``last_uid`` under ``uidvalidity`` have been looked at, and each has a ``MailboxMail``.
    Where only new mail is taken and the server numbers its mails anew, ``skip_before`` tells the old ones by their arrival.
    ``leased_until`` and ``lease_token`` belong to the one worker that is connected. ``stuck_uid`` is a mail at which the
    connection broke, ``stuck_count`` how often. ``missing`` holds the first UIDs that the server has and we have not, as of
    ``reconciled_at``; ``alarm`` is what people were last told about, empty when all is well.

    POP3 has names instead of UIDs: each is given the next number when it is first seen. ``delete_after_days`` (POP3 only) is how
    long a mail stays on the server once it is in the ledger; None leaves it there for ever.
    """

    class Protocol(models.TextChoices):
        """What the server speaks."""

        IMAP = "imap", "IMAP"
        POP3 = "pop3", "POP3"

    class State(models.TextChoices):
        """How the mailbox was when it was last looked at."""

        NEW = "new", _("Not looked at yet")
        OK = "ok", _("Connected")
        WRONG_PASSWORD = "wrong_password", _("Wrong password")
        SIGN_IN_EXPIRED = "sign_in_expired", _("Sign-in expired")
        FOLDER_MISSING = "folder_missing", _("Folder missing")
        UNREACHABLE = "unreachable", _("Not reachable")
        PAUSED = "paused", _("Paused")

    class Alarm(models.TextChoices):
        """What people are told about a mailbox."""

        WRONG_PASSWORD = "wrong_password", _("the server refuses the password")
        SIGN_IN_EXPIRED = "sign_in_expired", _("the provider takes its sign-in no more")
        FOLDER_MISSING = "folder_missing", _("its folder is missing")
        UNREACHABLE = "unreachable", _("the server cannot be reached")
        SILENT = "silent", _("no mail has come for unusually long")
        MISSING = "missing", _("mails on the server are missing here")

    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="mailboxes", verbose_name=_("inbox"))
    protocol = models.CharField(_("protocol"), max_length=4, choices=Protocol.choices, default=Protocol.IMAP)
    host = models.CharField(_("server"), max_length=253)
    port = models.PositiveIntegerField(_("port"), default=993)
    security = models.CharField(_("encryption"), max_length=8, choices=Security.choices, default=Security.TLS)
    username = models.CharField(_("user name"), max_length=254)
    sealed_password = models.TextField(editable=False, blank=True)
    account = models.ForeignKey(
        MailAccount,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="mailboxes",
        verbose_name=_("sign-in"),
    )
    folder = models.CharField(_("folder"), max_length=200, default="INBOX")
    take_existing = models.BooleanField(_("take in the mails that are there already"), default=False)
    delete_after_days = models.PositiveSmallIntegerField(_("delete after"), null=True, blank=True)

    uidvalidity = models.BigIntegerField(null=True, blank=True)
    first_uid = models.BigIntegerField(default=1)
    last_uid = models.BigIntegerField(default=0)
    skip_before = models.DateTimeField(null=True, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)

    state = models.CharField(max_length=16, choices=State.choices, default=State.NEW)
    state_since = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=300, blank=True)
    failures = models.PositiveIntegerField(default=0)
    alarm = models.CharField(max_length=16, choices=Alarm.choices, blank=True)
    next_look_at = models.DateTimeField(default=timezone.now)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_mail_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    stuck_uid = models.BigIntegerField(default=0)
    stuck_count = models.PositiveSmallIntegerField(default=0)

    reconciled_at = models.DateTimeField(null=True, blank=True)
    server_count = models.PositiveIntegerField(default=0)
    missing_count = models.PositiveIntegerField(default=0)
    missing = models.JSONField(default=list, blank=True)
    fetch_missing = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Mailbox"]] = models.Manager.from_queryset(MailboxQuerySet)()

    class Meta:
        verbose_name_plural = "mailboxes"
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["host", "username", "folder"],
                name="one_mailbox_per_folder",
                violation_error_message=_("This folder is read already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.username} @ {self.host}"


class MailboxMail(models.Model):
    """What became of one UID of a mailbox. Several can lead to one row of the ledger: the same bytes twice, or a server that
    numbered its mails anew."""

    class Outcome(models.TextChoices):
        """``before`` is older than the connection and not wanted; ``failed`` is what the server did not hand out; ``seen`` is on
        the server (POP3) and has a number, but was not fetched yet."""

        SEEN = "seen", _("Not fetched yet")
        KEPT = "kept", _("In the ledger")
        BEFORE = "before", _("Older than the connection")
        FAILED = "failed", _("Could not be fetched")

    mailbox = models.ForeignKey(Mailbox, models.CASCADE, related_name="mails")
    uidvalidity = models.BigIntegerField()
    uid = models.BigIntegerField()
    uidl = models.CharField(max_length=70, blank=True, help_text=_("The name of the mail on a POP3 server."))
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    ledger = models.ForeignKey(MailLedger, models.SET_NULL, null=True, blank=True, related_name="+")
    arrived_at = models.DateTimeField(help_text=_("When the mail reached the mailbox."))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["mailbox", "uidvalidity", "uid"], name="one_row_per_uid"),
            models.UniqueConstraint(
                fields=["mailbox", "uidl"], condition=~Q(uidl=""), name="one_row_per_uidl"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["mailbox", "arrived_at"], condition=Q(outcome="kept"), name="mailbox_mail_rhythm"
            )
        ]

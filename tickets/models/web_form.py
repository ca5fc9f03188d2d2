"""What people send by a public form: each submission as it came, its files, and the counters against floods."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from people.viewer import Viewer
from tickets.models.inbox import Inbox
from tickets.models.ticket import Ticket


class FormSubmissionQuerySet(models.QuerySet["FormSubmission"]):
    """Reads of submissions."""

    def visible_to(self, viewer: Viewer) -> "FormSubmissionQuerySet":
        """Return the submissions that a viewer may see: for who looks after the operation and may read what customers write, of
        inboxes that no private team keeps to itself; once there is a ticket, with it."""
        looks_after = ("operations.view", "settings.manage", "tickets.configure")
        if not viewer.can("tickets.view") or not any(viewer.can(permission) for permission in looks_after):
            return self.none()
        if viewer.can("tickets.all_teams"):
            return self
        return self.filter(
            Q(inbox__default_team=None)
            | Q(inbox__default_team__is_private=False)
            | Q(inbox__default_team_id__in=viewer.team_ids)
        ).filter(Q(ticket=None) | Q(ticket__in=Ticket.objects.visible_to(viewer)))


class FormSubmission(models.Model):
    """What somebody sent by the form of an inbox, raw, before anything is made of it.

    ``values`` hold what was typed, by field; they are emptied when the submission is over without a ticket, or its person is
    erased. ``digest`` names the content, so that the same twice is one; ``address_digest`` the e-mail address, keyed with the
    secret of the installation. ``nonce`` is signed into the link that confirms the address. ``proof`` says how we know that
    the address belongs to who wrote.
    """

    class State(models.TextChoices):
        """Where it is. ``waiting`` and ``confirmed`` go on by themselves."""

        WAITING = "waiting", _("Waiting for confirmation")
        CONFIRMED = "confirmed", _("Ticket follows")
        DONE = "done", _("Ticket opened")
        FAILED = "failed", _("Failed")
        EXPIRED = "expired", _("Never confirmed")
        REFUSED = "refused", _("Refused")
        SPAM = "spam", _("Spam")

    class Proof(models.TextChoices):
        """How the address was proven."""

        NONE = "", _("Not proven")
        LINK = "link", _("Confirmed by the link in our mail")
        EARLIER = "earlier", _("Confirmed by an earlier submission")
        STAFF = "staff", _("Let in by a colleague")

    inbox = models.ForeignKey(Inbox, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=State.choices)
    proof = models.CharField(max_length=8, choices=Proof.choices, blank=True)
    values = models.JSONField(default=dict)
    digest = models.CharField(max_length=64)
    address_digest = models.CharField(max_length=64)
    nonce = models.CharField(max_length=40, unique=True)
    mails = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ticket = models.ForeignKey(Ticket, models.SET_NULL, null=True, related_name="+")
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["FormSubmission"]] = models.Manager.from_queryset(
        FormSubmissionQuerySet
    )()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["inbox", "-id"], name="form_submission_inbox"),
            models.Index(fields=["digest", "-received_at"], name="form_submission_digest"),
            models.Index(fields=["address_digest"], name="form_submission_address"),
            models.Index(
                fields=["next_try_at", "id"], condition=Q(state="confirmed"), name="form_submission_due"
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(state__in=["waiting", "refused", "spam"]),
                name="form_submission_end",
            ),
        ]

    def __str__(self) -> str:
        return str(self.values.get("email", ""))


class FormFile(models.Model):
    """A file of a submission; once there is a ticket, its message has it instead."""

    submission = models.ForeignKey(FormSubmission, models.CASCADE, related_name="files")
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=120)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    storage_key = models.CharField(max_length=80, db_index=True)

    class Meta:
        ordering: ClassVar = ["pk"]


class FormCount(models.Model):
    """How much came within one stretch of time: from a network, for an address, through a form.

    ``key`` is a digest: the table holds nobody's address.
    """

    key = models.CharField(max_length=64)
    begins_at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key", "begins_at"], name="one_form_count_per_stretch")
        ]

"""Outreach mails and the written verdict for every send and every non-send."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models import Account, Contact
from people.viewer import Viewer
from success.models.playbook import Enrolment


class OutreachQuerySet(models.QuerySet["Outreach"]):
    """Reads of outreach."""

    def visible_to(self, viewer: Viewer) -> "OutreachQuerySet":
        """Return the outreach a viewer may see."""
        return self if viewer.can("success.view") else self.none()


class Outreach(models.Model):
    """One proactive message to one contact."""

    class State(models.TextChoices):
        """What became of it; ``withheld`` has its reason in the decisions."""

        PLANNED = "planned", _("Planned")
        SENT = "sent", _("Sent")
        WITHHELD = "withheld", _("Withheld")
        FAILED = "failed", _("Failed")
        UNCERTAIN = "uncertain", _("Uncertain")

    enrolment = models.ForeignKey(Enrolment, models.SET_NULL, null=True, related_name="outreach")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+")
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    channel = models.CharField(max_length=16, default="email")
    topic = models.CharField(max_length=32, default="success")
    step_key = models.CharField(max_length=80)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    message_id = models.CharField(max_length=255, blank=True)

    objects: ClassVar[models.Manager["Outreach"]] = models.Manager.from_queryset(OutreachQuerySet)()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["enrolment", "step_key", "contact"], name="one_outreach_per_step"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["contact", "-sent_at"], name="outreach_contact_sent"),
            models.Index(fields=["account", "-sent_at"], name="outreach_account_sent"),
        ]


class SendDecision(models.Model):
    """One verdict of the send gate, in order of the gates: why a message left, waited or was withheld."""

    class Verdict(models.TextChoices):
        """The outcome of one pass through the gate."""

        SEND = "send", _("Sent")
        DEFER = "defer", _("Deferred")
        WITHHOLD = "withhold", _("Withheld")

    outreach = models.ForeignKey(Outreach, models.CASCADE, related_name="decisions")
    verdict = models.CharField(max_length=10, choices=Verdict.choices)
    gate = models.CharField(max_length=40)
    detail = models.CharField(max_length=300)
    until = models.DateTimeField(null=True)
    decided_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["outreach", "-id"], name="decision_latest")]

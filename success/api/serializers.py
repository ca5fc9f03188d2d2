"""What success looks like over REST."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from success.models import CTA, Enrolment, Outreach, Playbook, SendDecision, StepRun


class CtaOut(serializers.ModelSerializer[CTA]):
    """A task about a customer. ``evidence`` grows while it is open; ``outcome`` is empty until it is closed."""

    evidence = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = CTA
        fields: ClassVar = [
            "id", "account", "kind", "title", "reason", "reason_key", "evidence", "owner", "due_on", "enrolment",
            "outcome", "outcome_note", "created_at", "closed_at",
        ]  # fmt: skip


class CtaIn(serializers.Serializer[dict[str, Any]]):
    """A task to open. While one with the same customer, kind and ``reason_key`` is open, the reason is added to it."""

    account = serializers.IntegerField(required=False, min_value=1, max_value=2**53)
    account_external_id = serializers.CharField(
        required=False, max_length=120, help_text=_("In place of account.")
    )
    title = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=300)
    reason_key = serializers.CharField(
        max_length=80, required=False, help_text=_("Your name for the cause; the title without it.")
    )
    kind = serializers.ChoiceField(choices=CTA.Kind.choices, default=CTA.Kind.ACTIVITY)
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class CtaCloseIn(serializers.Serializer[dict[str, Any]]):
    """What came of a task."""

    outcome = serializers.ChoiceField(
        choices=[one for one in CTA.Outcome.choices if one[0] != CTA.Outcome.CLEARED]
    )
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class DecisionOut(serializers.ModelSerializer[SendDecision]):
    """A verdict of the send gate."""

    class Meta:
        model = SendDecision
        fields: ClassVar = ["verdict", "gate", "detail", "until", "decided_at"]


class OutreachOut(serializers.ModelSerializer[Outreach]):
    """A proactive message, and why it left, waited or was withheld."""

    playbook = serializers.IntegerField(source="enrolment.playbook_id", allow_null=True, default=None)
    decisions = DecisionOut(many=True)

    class Meta:
        model = Outreach
        fields: ClassVar = [
            "id", "account", "contact", "playbook", "enrolment", "channel", "topic", "step_key", "subject", "body", "state",
            "decisions", "created_at", "expires_at", "sent_at",
        ]  # fmt: skip


class PlaybookOut(serializers.ModelSerializer[Playbook]):
    """A trigger and its steps."""

    trigger_config = serializers.DictField()
    steps = serializers.ListField(child=serializers.DictField())

    class Meta:
        model = Playbook
        fields: ClassVar = [
            "id", "key", "name", "description", "trigger", "trigger_config", "steps", "cooldown_days", "holdout_percent",
            "version", "is_active", "owner", "created_at",
        ]  # fmt: skip


class StepRunOut(serializers.ModelSerializer[StepRun]):
    """A step that ran."""

    class Meta:
        model = StepRun
        fields: ClassVar = ["index", "kind", "outcome", "ran_at"]


class EnrolmentOut(serializers.ModelSerializer[Enrolment]):
    """A customer in a playbook; ``control`` is the arm to which nothing is done."""

    runs = StepRunOut(many=True)

    class Meta:
        model = Enrolment
        fields: ClassVar = [
            "id", "playbook", "playbook_version", "account", "contact", "state", "reason", "step_index", "next_step_at",
            "runs", "entered_at", "ended_at", "exit_reason",
        ]  # fmt: skip


class EnrolmentIn(serializers.Serializer[dict[str, Any]]):
    """Which customer enters which playbook."""

    playbook = serializers.IntegerField(min_value=1, max_value=2**53)
    account = serializers.IntegerField(required=False, min_value=1, max_value=2**53)
    account_external_id = serializers.CharField(required=False, max_length=120)
    reason = serializers.CharField(max_length=300)

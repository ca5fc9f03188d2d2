"""Product usage over REST. Items keep the names of the Segment format."""

# ruff: noqa: N815 - the format spells its names in camel case

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from customers.models import UsageDeadLetter
from customers.services.ingest_usage import MAX_ITEMS
from customers.services.settle_dead_letters import as_shown
from customers.usage_items import KINDS, REASONS


class UsageDayOut(serializers.Serializer[Any]):
    """A day in UTC."""

    day = serializers.DateField()
    events = serializers.IntegerField()
    users = serializers.IntegerField(help_text="Distinct users.")


class UsageFeatureOut(serializers.Serializer[Any]):
    """A feature over the whole time."""

    feature = serializers.CharField()
    events = serializers.IntegerField()
    most_users = serializers.IntegerField(help_text="Distinct users of the busiest day.")
    last_used_on = serializers.DateField()


class AccountUsageOut(serializers.Serializer[Any]):
    """Product usage of a customer, a day without any as zeros, and its features, the busiest first."""

    account = serializers.IntegerField()
    days = UsageDayOut(many=True)
    features = UsageFeatureOut(many=True)


class UsageItemIn(serializers.Serializer[Any]):
    """One item, for the schema only: items are judged one by one and never fail the batch."""

    type = serializers.ChoiceField(choices=KINDS)
    messageId = serializers.CharField(max_length=120)
    userId = serializers.CharField(required=False)
    anonymousId = serializers.CharField(required=False)
    groupId = serializers.CharField(required=False, help_text="The account's external_id.")
    previousId = serializers.CharField(
        required=False, help_text="The other user id or address that alias ties to userId."
    )
    event = serializers.CharField(required=False)
    properties = serializers.DictField(required=False)
    traits = serializers.DictField(required=False)
    timestamp = serializers.DateTimeField(required=False)


class UsageBatchSchema(serializers.Serializer[Any]):
    """A batch, for the schema."""

    batch = UsageItemIn(many=True)
    sentAt = serializers.DateTimeField(required=False)


class ItemsField(serializers.Field[Any, Any, Any, Any]):
    """A list of one to MAX_ITEMS items of any form: each is judged by the service, and looked at once."""

    def to_internal_value(self, data: Any) -> list[Any]:
        """Check the list alone."""
        if not isinstance(data, list):
            raise serializers.ValidationError(_("Expected a list of items."), code="not_a_list")
        if not data:
            raise serializers.ValidationError(_("This list may not be empty."), code="empty")
        if len(data) > MAX_ITEMS:
            message = _("Ensure this field has no more than %d elements.") % MAX_ITEMS
            raise serializers.ValidationError(message, code="max_length")
        return data

    def to_representation(self, value: Any) -> Any:
        """Items are never answered."""
        raise NotImplementedError


class UsageBatchIn(serializers.Serializer[Any]):
    """The envelope of a batch; its items are judged by the service."""

    batch = ItemsField()
    sentAt = serializers.DateTimeField(required=False, allow_null=True)


class VerdictOut(serializers.Serializer[Any]):
    """What became of one item."""

    messageId = serializers.CharField()
    status = serializers.CharField(help_text="accepted, duplicate or rejected")
    reason = serializers.CharField(allow_blank=True)


class UsageBatchOut(serializers.Serializer[Any]):
    """Counts and a verdict per item, in the order sent."""

    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()
    items = VerdictOut(many=True)


class SentAtIn(serializers.Serializer[Any]):
    """When the sender sent it, by its own clock."""

    sentAt = serializers.DateTimeField(required=False, allow_null=True)


class _OneItemIn(SentAtIn):
    """What every item has, for the schema only."""

    messageId = serializers.CharField(max_length=120)
    userId = serializers.CharField(required=False)
    anonymousId = serializers.CharField(required=False)
    groupId = serializers.CharField(required=False, help_text="The account's external_id.")
    timestamp = serializers.DateTimeField(required=False)


class UsageTrackIn(_OneItemIn):
    """One use of a feature."""

    event = serializers.CharField()
    properties = serializers.DictField(required=False)


class UsageIdentifyIn(_OneItemIn):
    """What is known of a person."""

    traits = serializers.DictField(required=False, help_text="email and name are used.")


class UsageGroupIn(_OneItemIn):
    """What is known of an account."""

    traits = serializers.DictField(required=False)


class UsageAliasIn(_OneItemIn):
    """Two names of one person."""

    previousId = serializers.CharField(help_text="The other user id or address.")


class IntakeDayOut(serializers.Serializer[Any]):
    """What came in on a day (UTC). sent = accepted + duplicate + rejected; waiting = rejected - passed - dropped."""

    day = serializers.DateField()
    sent = serializers.IntegerField()
    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()
    passed = serializers.IntegerField(help_text="Rejected, and taken on a later try.")
    dropped = serializers.IntegerField(help_text="Rejected, and given up.")
    waiting = serializers.IntegerField()
    reasons = serializers.DictField(child=serializers.IntegerField(), help_text="Rejected items by reason.")


class IntakeOut(serializers.Serializer[Any]):
    """The last days, newest first, and whether the counters fit the dead letters that there are."""

    days = IntakeDayOut(many=True)
    waiting = serializers.IntegerField(help_text="By the counters of all days.")
    dead_letters = serializers.IntegerField(help_text="Those that there are: equal when nothing is lost.")


class DeadLetterOut(serializers.ModelSerializer[UsageDeadLetter]):
    """A rejected item as it came; of one that is too large the beginning of its text."""

    messageId = serializers.CharField(source="message_id")
    item = serializers.SerializerMethodField()

    class Meta:
        model = UsageDeadLetter
        fields: ClassVar = [
            "id", "messageId", "reason", "item", "is_whole", "received_at", "attempts", "tried_at",
        ]  # fmt: skip

    @extend_schema_field({})
    def get_item(self, letter: UsageDeadLetter) -> Any:
        """The item."""
        return as_shown(letter)


class SettleIn(serializers.Serializer[Any]):
    """What to do with rejected items."""

    action = serializers.ChoiceField(choices=["retry", "drop"])
    reason = serializers.ChoiceField(
        choices=REASONS, required=False, allow_blank=True, default="", help_text="All when empty."
    )


class SettleOut(serializers.Serializer[Any]):
    """The job that does it."""

    job = serializers.IntegerField()

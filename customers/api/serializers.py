"""What customers look like over REST."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from customers.models import (
    Account,
    AccountExternalId,
    ConsentEvent,
    Contact,
    ContactIdentity,
    TraitDefinition,
)
from customers.upserts import MOST_ROWS
from people.models import User

_INFLUENCES: Any = Contact._meta.get_field("influence").choices
_STANCES: Any = Contact._meta.get_field("stance").choices


class ExternalIdOut(serializers.ModelSerializer[AccountExternalId]):
    """An id of an account in another system; ``remote_changed_at`` is how far that system's record has been read."""

    class Meta:
        model = AccountExternalId
        fields: ClassVar = ["id", "source", "value", "changed_at", "remote_changed_at"]


class ExternalIdIn(serializers.Serializer[Any]):
    """An id of an account in another system. Sent again, it moves only ``remote_changed_at``."""

    source = serializers.CharField(max_length=40, help_text="Short name of the system, as in hubspot.")  # type: ignore[assignment]
    value = serializers.CharField(max_length=120)
    remote_changed_at = serializers.DateTimeField(required=False, allow_null=True)


class AccountHealthBrief(serializers.Serializer[Account]):
    """The account's present health; the whole story is at ``/health/``."""

    score = serializers.FloatField(source="health_score", allow_null=True)
    band = serializers.CharField(source="health_band")
    delta_30 = serializers.FloatField(source="health_delta_30", allow_null=True)
    coverage = serializers.FloatField(source="health_coverage", allow_null=True)
    churn_probability = serializers.FloatField(allow_null=True)
    value_at_risk = serializers.DecimalField(max_digits=14, decimal_places=2, allow_null=True)
    scored_at = serializers.DateTimeField(source="health_scored_at", allow_null=True)


class AccountOut(serializers.ModelSerializer[Account]):
    """An account as answered; ``health`` is null for keys that may not read it. The context holds the ``viewer``."""

    csm = serializers.SerializerMethodField()
    health = serializers.SerializerMethodField()
    external_ids = ExternalIdOut(many=True, read_only=True)
    traits = serializers.DictField(read_only=True)

    class Meta:
        model = Account
        fields = [
            "id", "name", "domain", "external_id", "external_ids", "parent", "tier", "lifecycle", "arr", "currency", "seats",
            "csm", "customer_since", "renewal_on", "churned_on", "timezone", "traits", "open_tickets", "last_touch_at", "health",
            "created_at",
        ]  # fmt: skip

    @extend_schema_field(
        {"type": ["object", "null"], "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
    )
    def get_csm(self, account: Account) -> dict[str, Any] | None:
        """Id and name of the owner."""
        return {"id": account.csm.pk, "name": account.csm.name} if account.csm else None

    @extend_schema_field(AccountHealthBrief(allow_null=True))
    def get_health(self, account: Account) -> dict[str, Any] | None:
        """The present health."""
        return AccountHealthBrief(account).data if self.context["viewer"].can("health.view") else None


class AccountIn(serializers.ModelSerializer[Account]):
    """What may be set on an account."""

    csm = serializers.PrimaryKeyRelatedField(
        source="csm_id", queryset=User.objects.filter(is_active=True), allow_null=True, required=False
    )

    parent = serializers.PrimaryKeyRelatedField(  # type: ignore[assignment]
        source="parent_id", queryset=Account.objects.all(), allow_null=True, required=False
    )
    traits = serializers.DictField(
        required=False, help_text="Values by the key of a trait; those not named stay, null removes one."
    )

    class Meta:
        model = Account
        fields = [
            "name", "domain", "external_id", "parent", "tier", "lifecycle", "arr", "currency", "seats", "csm",
            "customer_since", "renewal_on", "timezone", "traits",
        ]  # fmt: skip
        extra_kwargs = {"lifecycle": {"required": False}, "tier": {"required": False}}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Give the service ids."""
        for name in ("csm_id", "parent_id"):
            if attrs.get(name) is not None:
                attrs[name] = attrs[name].pk
        return attrs


class MovingOut(serializers.Serializer[Any]):
    """What a merge does with the rows of one kind: so many move, so many stay because the other customer has their like."""

    label = serializers.CharField()  # type: ignore[assignment]
    moves = serializers.IntegerField()
    stays = serializers.IntegerField()


class TraitOut(serializers.ModelSerializer[TraitDefinition]):
    """The definition of a trait."""

    class Meta:
        model = TraitDefinition
        fields: ClassVar = ["id", "target", "key", "label", "kind", "help_text", "choices", "is_active"]


class GroupMemberOut(serializers.Serializer[Any]):
    """A company of a tree; ``level`` 0 is the account asked for, ``band`` null for keys that may not read health."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    parent = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]
    level = serializers.IntegerField()
    lifecycle = serializers.CharField()
    band = serializers.CharField(allow_null=True)
    arr = serializers.DecimalField(max_digits=14, decimal_places=2)
    currency = serializers.CharField()


class GroupMoneyOut(serializers.Serializer[Any]):
    """ARR of a tree in one currency, without churned companies; ``in_red`` is that of the band at risk."""

    currency = serializers.CharField()
    total = serializers.DecimalField(max_digits=16, decimal_places=2)
    in_red = serializers.DecimalField(max_digits=16, decimal_places=2, allow_null=True)


class AccountGroupOut(serializers.Serializer[Any]):
    """An account, all companies below it, each followed by its own, and their money."""

    account = serializers.IntegerField()
    parent = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]
    accounts = serializers.IntegerField(help_text="Companies that have not churned.")
    money = GroupMoneyOut(many=True)
    members = GroupMemberOut(many=True)


class ContactOut(serializers.ModelSerializer[Contact]):
    """A contact as answered."""

    traits = serializers.DictField(read_only=True)
    emails = serializers.SerializerMethodField()
    identities = serializers.SerializerMethodField()

    class Meta:
        model = Contact
        fields = [
            "id", "external_id", "account", "name", "title", "role", "influence", "stance", "timezone", "language",
            "traits", "emails", "identities", "merged_into", "left_at", "last_seen_at", "created_at",
        ]  # fmt: skip

    def get_emails(self, contact: Contact) -> list[str]:
        """Every mail address."""
        return [identity.value for identity in contact.identities.all() if identity.kind == "email"]

    def get_identities(self, contact: Contact) -> list[dict[str, str]]:
        """Every address and handle."""
        return [{"kind": identity.kind, "value": identity.value} for identity in contact.identities.all()]


class ContactIn(serializers.Serializer[Contact]):
    """What may be set on a contact."""

    account = serializers.PrimaryKeyRelatedField(
        queryset=Account.objects.all(), required=False, allow_null=True
    )
    external_id = serializers.CharField(max_length=120, required=False, allow_blank=True, allow_null=True)
    name = serializers.CharField(max_length=160, required=False, allow_blank=True)
    title = serializers.CharField(max_length=120, required=False, allow_blank=True)
    role = serializers.ChoiceField(
        choices=["sponsor", "buyer", "champion", "admin", "user"], required=False, allow_blank=True
    )
    influence = serializers.ChoiceField(choices=_INFLUENCES, required=False, allow_null=True)
    stance = serializers.ChoiceField(choices=_STANCES, required=False)
    email = serializers.EmailField(required=False, max_length=254)
    timezone = serializers.CharField(max_length=64, required=False, allow_blank=True)
    language = serializers.CharField(max_length=16, required=False, allow_blank=True)
    traits = serializers.DictField(
        required=False, help_text="Values by the key of a trait; those not named stay, null removes one."
    )


class AccountUpsertIn(AccountIn):
    """A customer by the id that another system gave it. Only what is sent changes."""

    external_id = serializers.CharField(max_length=120)
    csm = serializers.IntegerField(  # type: ignore[assignment]
        source="csm_id", allow_null=True, required=False, min_value=1, max_value=2**53
    )
    parent = None  # type: ignore[assignment]

    class Meta(AccountIn.Meta):
        fields = [name for name in AccountIn.Meta.fields if name != "parent"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Leave ids to the service, which reads those of a whole batch at once."""
        return attrs


class ContactUpsertIn(serializers.Serializer[Contact]):
    """A person by the id that another system gave it. Only what is sent changes; ``emails`` are added to those it has."""

    external_id = serializers.CharField(max_length=120)
    account = serializers.IntegerField(
        source="account_id", required=False, allow_null=True, min_value=1, max_value=2**53
    )
    account_external_id = serializers.CharField(max_length=120, required=False, allow_blank=True)
    name = serializers.CharField(max_length=160, required=False, allow_blank=True)
    title = serializers.CharField(max_length=120, required=False, allow_blank=True)
    role = serializers.ChoiceField(
        choices=["sponsor", "buyer", "champion", "admin", "user"], required=False, allow_blank=True
    )
    influence = serializers.ChoiceField(choices=_INFLUENCES, required=False, allow_null=True)
    stance = serializers.ChoiceField(choices=_STANCES, required=False)
    emails = serializers.ListField(
        child=serializers.EmailField(max_length=254), max_length=10, required=False
    )
    timezone = serializers.CharField(max_length=64, required=False, allow_blank=True)
    language = serializers.CharField(max_length=16, required=False, allow_blank=True)
    traits = serializers.DictField(required=False)


class AccountBulkIn(serializers.Serializer[Any]):
    """A batch of customers."""

    items = serializers.ListField(child=AccountUpsertIn(), min_length=1, max_length=MOST_ROWS)


class ContactBulkIn(serializers.Serializer[Any]):
    """A batch of people."""

    items = serializers.ListField(child=ContactUpsertIn(), min_length=1, max_length=MOST_ROWS)


class UpsertedOut(serializers.Serializer[Any]):
    """What became of one row; ``errors`` names the refused fields."""

    index = serializers.IntegerField()
    external_id = serializers.CharField()
    status = serializers.ChoiceField(choices=["created", "updated", "unchanged", "refused"])
    id = serializers.IntegerField(allow_null=True)
    errors = serializers.DictField()  # type: ignore[assignment]


class BulkUpsertOut(serializers.Serializer[Any]):
    """Counts, and what became of each row in the order sent."""

    created = serializers.IntegerField()
    updated = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    refused = serializers.IntegerField()
    items = UpsertedOut(many=True)


class MergeIn(serializers.Serializer[Any]):
    """Which contact takes over."""

    into = serializers.IntegerField(min_value=1)


class IdentityOut(serializers.ModelSerializer[ContactIdentity]):
    """An address or handle; ``network`` is the channel that a handle is of."""

    network = serializers.CharField()

    class Meta:
        model = ContactIdentity
        fields: ClassVar = ["id", "kind", "value", "network", "created_at"]


class IdentityIn(serializers.Serializer[Any]):
    """Another address or handle of a contact."""

    kind = serializers.CharField(max_length=12, help_text="email, phone, handle or user")
    value = serializers.CharField(max_length=254)


class ConsentIn(serializers.Serializer[Any]):
    """What a contact said; the newest row for a channel and topic holds."""

    status = serializers.ChoiceField(choices=ConsentEvent.Status.choices)
    channel = serializers.CharField(max_length=16, default="email")
    topic = serializers.CharField(max_length=32, default="success")
    basis = serializers.CharField(max_length=80, required=False, allow_blank=True, default="")
    source = serializers.CharField(
        max_length=80, help_text="Where it was said, for example the name of a form."
    )  # type: ignore[assignment]


class ConsentOut(serializers.ModelSerializer[ConsentEvent]):
    """A row of the consent ledger."""

    class Meta:
        model = ConsentEvent
        fields = ["id", "contact", "channel", "topic", "status", "basis", "source", "at"]

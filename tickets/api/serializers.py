"""What the REST of tickets takes and gives."""

from typing import Any, ClassVar

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.shapes import shown
from people.models import Team, User
from tickets.custom_fields import values_of
from tickets.file_scans import verdict_of
from tickets.models import Category, Inbox, Message, StoredFile, Ticket, TicketForecast, TicketType
from tickets.services.mark_sla_breaches import next_response_broken
from tickets.services.open_ticket import MOST_CC
from tickets.sla_terms import policy_of
from tickets.ticket_facts import routing_of, sla_of

MAX_BODY = 200_000
_ID_OR_NAME = {"oneOf": [{"type": "integer"}, {"type": "string"}]}


@extend_schema_field(_ID_OR_NAME)
class ByIdOrName(serializers.Field[models.Model | None, int | str | None, Any, Any]):
    """A row named by its id or by a unique text, ``Billing`` or ``7``."""

    def __init__(self, model: type[models.Model], name: str, **kwargs: Any) -> None:
        self.model = model
        self.name = name
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> models.Model:
        """Return the row; an unknown one is refused."""
        if isinstance(data, bool) or not isinstance(data, int | str):
            raise serializers.ValidationError(_("Give an id or a name."))
        rows = self.model._default_manager.all()
        wanted = {"pk": int(data)} if str(data).isdecimal() else {f"{self.name}__iexact": str(data).strip()}
        row = rows.filter(**wanted).first()
        if row is None:
            raise serializers.ValidationError(_("There is no %s here.") % f"“{data}”")
        return row

    def to_representation(self, value: models.Model | None) -> int | None:
        """Return the id."""
        return None if value is None else value.pk


class TicketContactIn(serializers.Serializer[dict[str, Any]]):
    """Who wrote."""

    email = serializers.EmailField(max_length=254)
    name = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")


_FIELDS_HELP = _("Custom fields by their key; an empty value clears one.")


class TicketPropertiesIn(serializers.Serializer[dict[str, Any]]):
    """What a ticket is said to be, beside its status, priority and routing."""

    type = ByIdOrName(TicketType, "name", required=False, allow_null=True)
    tags = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        max_length=50,
        help_text=_("All tags of the ticket; unknown ones are made."),
    )
    language = serializers.CharField(
        required=False, allow_blank=True, max_length=16, help_text=_("Code, like “de”; empty: not known.")
    )
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.JSONField(allow_null=True), required=False, help_text=_FIELDS_HELP
    )
    snoozed_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text=_("Put aside until then; null takes it back.")
    )


class TicketIn(TicketPropertiesIn):
    """A new ticket with its first message."""

    subject = serializers.CharField(max_length=300)
    body = serializers.CharField(max_length=MAX_BODY, trim_whitespace=False)
    contact = TicketContactIn()
    channel = serializers.RegexField(
        r"^[a-z][a-z0-9_-]{0,31}$",
        default="api",
        help_text=_("Where the customer wrote, in lower-case letters."),
    )
    external_id = serializers.CharField(
        max_length=255,
        required=False,
        allow_blank=True,
        default="",
        help_text=_("Your id of the message: sent twice it makes one ticket."),
    )
    inbox = ByIdOrName(Inbox, "name", required=False, allow_null=True, default=None)
    priority = serializers.ChoiceField(
        choices=Ticket.Priority.choices,
        required=False,
        help_text=_("One above or below normal stays; normal may be judged by the classifier."),
    )
    team = ByIdOrName(Team, "name", required=False, help_text=_("Decides the routing, as ``category`` does."))
    category = ByIdOrName(Category, "name", required=False)
    assignee = ByIdOrName(User, "email", required=False, help_text=_("An id or an e-mail address."))
    cc = serializers.ListField(
        child=serializers.EmailField(max_length=254),
        required=False,
        max_length=MOST_CC,
        help_text=_("Who gets copies of the answers."),
    )


class TicketChangeIn(TicketPropertiesIn):
    """What can be changed on a ticket. ``version``, when given, must be the present one."""

    status = serializers.CharField(max_length=24, required=False)
    priority = serializers.ChoiceField(choices=Ticket.Priority.choices, required=False)
    assignee = ByIdOrName(
        User, "email", required=False, allow_null=True, help_text=_("An id or an e-mail address.")
    )
    team = ByIdOrName(Team, "name", required=False)
    category = ByIdOrName(Category, "name", required=False)
    version = serializers.IntegerField(required=False, min_value=1)


class TicketCorrectionIn(serializers.Serializer[dict[str, Any]]):
    """The true routing; empty confirms what the classifier said."""

    category = ByIdOrName(Category, "name", required=False)
    team = ByIdOrName(Team, "name", required=False)


class TicketMessageIn(serializers.Serializer[dict[str, Any]]):
    """A message to add.

    ``contact`` and ``external_id`` belong to inbound ones, ``status`` and ``seen_message_id`` to outbound ones.
    """

    kind = serializers.ChoiceField(choices=Message.Kind.choices)
    body = serializers.CharField(max_length=MAX_BODY, trim_whitespace=False)
    subject = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    contact = TicketContactIn(required=False)
    channel = serializers.RegexField(r"^[a-z][a-z0-9_-]{0,31}$", required=False)
    external_id = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    status = serializers.CharField(max_length=24, required=False, allow_blank=True, default="")
    seen_message_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        help_text=_(
            "The newest message you have seen: the answer is refused with 409 when a newer one has arrived."
        ),
    )


class TicketMessageUploadIn(TicketMessageIn):
    """A message to add, with its files; ``contact.email`` and ``contact.name`` are parts of their own."""

    files = serializers.ListField(child=serializers.FileField(max_length=255), required=False, default=list)


class TicketUploadIn(TicketIn):
    """A new ticket with its first message and its files; ``contact.email`` and ``contact.name`` are parts of their own."""

    files = serializers.ListField(child=serializers.FileField(max_length=255), required=False, default=list)


class TicketName(serializers.Serializer[Any]):
    """A row by id and name."""

    id = serializers.IntegerField()
    name = serializers.CharField(source="__str__")


class TicketPerson(TicketName):
    """A person by id, name and address."""

    email = serializers.CharField()


class TicketSentiment(serializers.Serializer[Any]):
    """The mood: label, its probability 0..1, score -1..1."""

    label = serializers.ChoiceField(  # type: ignore[assignment]
        choices=["negative", "neutral", "positive"], source="sentiment_label"
    )
    probability = serializers.FloatField(source="sentiment_probability")
    score = serializers.FloatField(source="sentiment_score")


class TicketReason(serializers.Serializer[Any]):
    """A term that spoke for (weight > 0) or against the category."""

    term = serializers.CharField()
    weight = serializers.FloatField()


class TicketAlternative(serializers.Serializer[Any]):
    """A category with its probability."""

    category = serializers.CharField()
    probability = serializers.FloatField()


class TicketRouting(serializers.Serializer[Any]):
    """How the classifier saw the ticket (``suggested`` …) and where the ticket is now (``category``, ``team``, ``priority``)."""

    category = serializers.CharField(allow_null=True)
    team = serializers.CharField(allow_null=True)
    priority = serializers.ChoiceField(choices=Ticket.Priority.choices)
    confidence = serializers.FloatField()
    suggested = serializers.CharField(allow_blank=True)
    abstained = serializers.BooleanField()
    because = serializers.CharField(allow_blank=True)
    alternatives = serializers.SerializerMethodField()
    reasons = serializers.SerializerMethodField()
    model_version = serializers.CharField()
    verdict = serializers.CharField(allow_blank=True)

    @extend_schema_field(TicketReason(many=True))
    def get_reasons(self, facts: Any) -> list[dict[str, Any]]:
        """The terms, strongest first."""
        return [{"term": term, "weight": weight} for term, weight in facts.reasons]

    @extend_schema_field(TicketAlternative(many=True))
    def get_alternatives(self, facts: Any) -> list[dict[str, Any]]:
        """The likeliest categories, best first."""
        return [{"category": label, "probability": share} for label, share in facts.alternatives]


class TicketSla(serializers.Serializer[Any]):
    """What is promised and where it stands: ``state`` running, paused, met or breached; ``due_at`` is the next deadline."""

    policy = serializers.CharField()
    state = serializers.CharField(allow_blank=True)
    about = serializers.CharField(allow_blank=True)
    due_at = serializers.DateTimeField(allow_null=True)
    first_response_due_at = serializers.DateTimeField(allow_null=True)
    first_responded_at = serializers.DateTimeField(allow_null=True)
    first_response_breached = serializers.BooleanField()
    next_response_due_at = serializers.DateTimeField(allow_null=True)
    next_response_breached = serializers.BooleanField()
    resolution_due_at = serializers.DateTimeField(allow_null=True)
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolution_breached = serializers.BooleanField()


class TicketOut(serializers.Serializer[Ticket]):
    """A ticket as lists show it."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    reference = serializers.CharField(help_text=_("For customers: random, cannot be guessed."))
    subject = serializers.CharField()
    channel = serializers.CharField()
    status = serializers.CharField(source="status_id")
    status_category = serializers.CharField(source="status.category")
    priority = serializers.ChoiceField(choices=Ticket.Priority.choices)
    routing_state = serializers.ChoiceField(choices=Ticket.Routing.choices)
    category = TicketName(allow_null=True)
    team = TicketName(allow_null=True)
    assignee = TicketPerson(allow_null=True)
    account = TicketName(allow_null=True)
    contact = TicketPerson()
    inbox = TicketName(allow_null=True)
    type = TicketName(allow_null=True)
    tags = serializers.SerializerMethodField()
    language = serializers.CharField()
    # The serializer's own attribute of this name is made of the declared ones and is not replaced.
    fields = serializers.SerializerMethodField(method_name="get_values")  # type: ignore[assignment]
    snoozed_until = serializers.DateTimeField(allow_null=True)
    follow_up_of = serializers.IntegerField(source="follow_up_of_id", allow_null=True)
    merged_into = serializers.IntegerField(
        source="merged_into_id", allow_null=True, help_text=_("The ticket that goes on with this one.")
    )
    sentiment = serializers.SerializerMethodField()
    sla = serializers.SerializerMethodField()
    satisfaction = serializers.IntegerField(
        allow_null=True, help_text=_("What the customer said last: 1 (very bad) to 5 (very good).")
    )
    unread = serializers.BooleanField()
    breach_probability = serializers.FloatField(
        help_text=_("How likely the next deadline is missed, 0 to 1; 0 when there is none.")
    )
    escalation_level = serializers.IntegerField(help_text=_("0: not escalated."))
    waiting_since = serializers.DateTimeField(allow_null=True)
    preview = serializers.CharField(source="last_message_preview")
    last_message_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = serializers.IntegerField()

    @extend_schema_field({"type": "array", "items": {"type": "string"}})
    def get_tags(self, ticket: Ticket) -> list[str]:
        """The names of the tags."""
        return [one.tag.name for one in ticket.ticket_tags.all()]

    @extend_schema_field({"type": "object", "additionalProperties": {}})
    def get_values(self, ticket: Ticket) -> dict[str, Any]:
        """What the custom fields hold, by key; those without a value are left out."""
        return values_of(ticket)

    @extend_schema_field(TicketSentiment(allow_null=True))
    def get_sentiment(self, ticket: Ticket) -> dict[str, Any] | None:
        """The mood of the conversation, null before the first score."""
        return shown(TicketSentiment, ticket) if ticket.sentiment_label else None

    @extend_schema_field(TicketSla(allow_null=True))
    def get_sla(self, ticket: Ticket) -> dict[str, Any] | None:
        """The promise, null when none holds."""
        policy = policy_of(ticket)
        if policy is None:
            return None
        facts = sla_of(ticket)
        return shown(
            TicketSla,
            {
                "policy": policy.name,
                "state": facts.state,
                "about": facts.about,
                "due_at": facts.due_at,
                "first_response_due_at": ticket.first_response_due_at,
                "first_responded_at": ticket.first_responded_at,
                "first_response_breached": ticket.first_response_breached_at is not None,
                "next_response_due_at": ticket.next_response_due_at,
                "next_response_breached": next_response_broken(ticket),
                "resolution_due_at": ticket.resolution_due_at,
                "resolved_at": ticket.resolved_at,
                "resolution_breached": ticket.resolution_breached_at is not None,
            },
        )


class TicketForecastOut(serializers.ModelSerializer[TicketForecast]):
    """What is expected of an open ticket, as of ``made_at``: half of such tickets are solved within ``median_seconds`` of the
    calendar, eight of ten within ``likely_seconds``; ``longest_seconds`` or more means longer than that. ``breach_probability``
    is that of missing the promise ``breach_about``, null when none is open. Sources name a model's version or the
    trivial forecast."""

    class Meta:
        model = TicketForecast
        fields: ClassVar = [
            "median_seconds", "likely_seconds", "longest_seconds", "time_source", "breach_probability", "breach_about",
            "breach_due_at", "breach_source", "made_at",
        ]  # fmt: skip


class TicketDetailOut(TicketOut):
    """One ticket, with how it was routed and what is expected of it."""

    routing = serializers.SerializerMethodField()
    forecast = serializers.SerializerMethodField()

    @extend_schema_field(TicketForecastOut(allow_null=True))
    def get_forecast(self, ticket: Ticket) -> dict[str, Any] | None:
        """When it will be solved and whether the next deadline is missed; null before anything is known, and once it is over."""
        found = TicketForecast.objects.filter(ticket=ticket).first()
        return None if found is None else shown(TicketForecastOut, found)

    @extend_schema_field(TicketRouting(allow_null=True))
    def get_routing(self, ticket: Ticket) -> dict[str, Any] | None:
        """The classifier's word, null until it has spoken."""
        facts = routing_of(ticket)
        return None if facts is None else shown(TicketRouting, facts)


class TicketAttachment(serializers.Serializer[Any]):
    """A file of a message. ``scan_detail`` is the signature of what was found, or why no scan was possible; ``held`` says why
    nobody gets the file now, empty when it can be downloaded."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField()
    scan = serializers.ChoiceField(source="verdict.scan", choices=StoredFile.Scan.choices)
    scan_detail = serializers.CharField(source="verdict.detail")
    held = serializers.CharField(source="verdict.hold")
    file = serializers.SerializerMethodField()

    def get_file(self, attachment: Any) -> str:
        """The address of the file itself."""
        return reverse("api-attachment-file", args=[attachment.pk])

    def to_representation(self, instance: Any) -> Any:
        """Add the verdict that the attachment was read with."""
        instance.verdict = verdict_of(instance)
        return super().to_representation(instance)


class TicketMessageOut(serializers.Serializer[Message]):
    """A message of a ticket. ``ticket`` differs from the addressed one when the message opened a follow-up."""

    id = serializers.IntegerField()
    ticket = serializers.IntegerField(source="ticket_id")
    kind = serializers.ChoiceField(choices=Message.Kind.choices)
    channel = serializers.CharField()
    contact = TicketPerson(allow_null=True)
    author = TicketPerson(allow_null=True)
    subject = serializers.CharField()
    body = serializers.CharField(source="body_text")
    recipients = serializers.DictField()
    external_id = serializers.CharField()
    is_automatic = serializers.BooleanField()
    delivery = serializers.CharField()
    delivery_detail = serializers.CharField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    next_try_at = serializers.DateTimeField(allow_null=True)
    sentiment = serializers.SerializerMethodField()
    attachments = TicketAttachment(many=True)
    created_at = serializers.DateTimeField()

    @extend_schema_field(TicketSentiment(allow_null=True))
    def get_sentiment(self, message: Message) -> dict[str, Any] | None:
        """The sentiment of an inbound message, null before it is scored."""
        return shown(TicketSentiment, message) if message.sentiment_label else None

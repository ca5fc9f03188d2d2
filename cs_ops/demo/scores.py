"""What the product's own models make of the demo world: sentiment, health history, trained models, routing, scores of today."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.management import call_command
from django.db.models import Q

from core.services.fast_forward import fast_forward
from cs_ops.demo.companies import SYSTEM, Customers
from cs_ops.demo.signals import add_signals
from customers.models import Contact
from health.services.score_accounts import score_accounts
from health.services.score_history import score_history
from ml.models import Feedback, Prediction
from ml.services.record_predictions import SubjectPrediction, record_predictions
from ml.serving.answers import Served
from tickets.message_text import MODEL_TEXT_LENGTH, new_text
from tickets.models import Message, Status, Ticket
from tickets.mood import REMEMBERED, conversation_mood
from tickets.ticket_facts import PRIORITY_TASK, ROUTING_TASK, SENTIMENT_TASK, SUBJECT_KIND

Report = Callable[[str], None]
BATCH = 256
ROUTED_DAYS = 45


def add_scores(customers: Customers, now: datetime, report: Report) -> None:
    """Run the models over the world, oldest things first, so that each step sees what the one before has written."""
    report("sentiment of what customers wrote")
    score_messages(report)
    report("a year of health scores")
    score_history(by=SYSTEM)
    report("training the first models")
    call_command("train_models", verbosity=0, stdout=_Lines(report), stderr=_Lines(report))
    report("routing of recent tickets")
    route_recent(now)
    # Routing has recorded events of today; nothing below may wait for them.
    fast_forward()
    report("today's health and churn")
    ids = [company.account.pk for company in customers.companies]
    for start in range(0, len(ids), BATCH):
        score_accounts(account_ids=ids[start : start + BATCH], by=SYSTEM)


class _Lines:
    """A stream whose lines go to the progress report."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def write(self, text: str) -> None:
        """Report the lines of ``text``."""
        for line in text.splitlines():
            if line.strip():
                self._report(f"  {line.strip()}")

    def flush(self) -> None:
        """Nothing is held back."""


def score_messages(report: Report) -> None:
    """Store the sentiment of every inbound message; equal texts are asked about once, similar lengths together."""
    from ml.sentiment.scorer import Reading, sentiment_model
    from ml.sentiment.scorer import score_messages as read_texts

    model = sentiment_model().version
    rows = Message.objects.filter(kind=Message.Kind.INBOUND).order_by("pk")
    messages = list(rows.only("pk", "ticket_id", "body_text", "quote_offsets", "created_at"))
    texts = {one.pk: new_text(one.body_text, one.quote_offsets)[:MODEL_TEXT_LENGTH] for one in messages}
    distinct = sorted(set(texts.values()), key=len)
    report(f"  {len(distinct)} different texts in {len(messages)} messages")
    known: dict[str, Reading] = {}
    for start in range(0, len(distinct), BATCH):
        part = distinct[start : start + BATCH]
        known.update(zip(part, read_texts(part), strict=True))
    for message in messages:
        found = known[texts[message.pk]].sentiment
        message.sentiment_label, message.sentiment_probability = found.label, found.probability
        message.sentiment_score = found.score
    fields = ["sentiment_label", "sentiment_probability", "sentiment_score"]
    Message.objects.bulk_update(messages, fields, batch_size=300)
    record_predictions(
        task=SENTIMENT_TASK,
        subject_kind="message",
        predictions=[
            SubjectPrediction(
                subject_id=message.pk,
                label=message.sentiment_label,
                probability=message.sentiment_probability or 0.0,
                alternatives=[
                    [label, round(share, 6)]
                    for label, share in known[texts[message.pk]].sentiment.probabilities.items()
                ],
                input_text=texts[message.pk],
            )
            for message in messages
        ],
        served=Served(model),
    )
    read = {pk: known[text] for pk, text in texts.items()}
    report(f"  {add_signals(messages, read, model)} signals in them")
    _weigh_conversations(messages, {pk: known[text].sentiment.probabilities for pk, text in texts.items()})


def _weigh_conversations(messages: Sequence[Message], shares: dict[int, dict[str, float]]) -> None:
    """Write the mood of each ticket, and of each contact by its latest ticket."""
    by_ticket: dict[int, list[Message]] = {}
    for message in messages:
        by_ticket.setdefault(message.ticket_id, []).append(message)
    tickets = Ticket.objects.in_bulk(by_ticket)
    moods: dict[int, str] = {}
    for pk, ticket in sorted(tickets.items()):
        newest = sorted(by_ticket[pk], key=lambda one: (one.created_at, one.pk), reverse=True)[:REMEMBERED]
        mood = conversation_mood([shares[one.pk] for one in newest])
        if mood is not None:
            ticket.sentiment_label, ticket.sentiment_probability = mood.label, mood.probability
            ticket.sentiment_score = mood.score
            moods[ticket.contact_id] = mood.label
    fields = ["sentiment_label", "sentiment_probability", "sentiment_score"]
    Ticket.objects.bulk_update(tickets.values(), fields, batch_size=300)
    contacts = list(Contact.objects.filter(pk__in=moods))
    for contact in contacts:
        contact.sentiment_label = moods[contact.pk]
    Contact.objects.bulk_update(contacts, ["sentiment_label"], batch_size=300)


def route_recent(now: datetime) -> None:
    """Store what the classifiers say about recent and open tickets; those that wait are routed for good.

    Where an agent of the past chose another category than the classifier names, that is a correction.
    """
    from tickets.routing import suggest_routing
    from tickets.routing_inputs import ticket_inputs
    from tickets.services.route_ticket import route_ticket

    recent = Q(created_at__gte=now - timedelta(days=ROUTED_DAYS)) | Q(status_category__in=Status.ACTIVE)
    tickets = list(Ticket.objects.filter(recent).select_related("category").order_by("pk"))
    corrections: list[Feedback] = []
    for start in range(0, len(tickets), BATCH):
        part = tickets[start : start + BATCH]
        suggestions = suggest_routing(ticket_inputs(part))
        for ticket, suggestion in zip(part, suggestions, strict=True):
            if ticket.routing_state == Ticket.Routing.PENDING:
                route_ticket(ticket_id=ticket.pk, suggestion=suggestion, by=SYSTEM)
                continue
            _store(ROUTING_TASK, ticket.pk, suggestion.prediction, suggestion.served, suggestion.text)
            if suggestion.priority is not None and suggestion.priority_served is not None:
                served = suggestion.priority_served
                _store(PRIORITY_TASK, ticket.pk, suggestion.priority, served, suggestion.text)
            if ticket.category and ticket.category.name != suggestion.prediction.label:
                corrections.append(
                    Feedback(
                        task=ROUTING_TASK,
                        subject_kind=SUBJECT_KIND,
                        subject_id=ticket.pk,
                        predicted_label=suggestion.prediction.label,
                        label=ticket.category.name,
                        source=Feedback.Source.CORRECTION,
                        user_id=ticket.assignee_id,
                    )
                )
    stored = Prediction.objects.filter(task=ROUTING_TASK, subject_kind=SUBJECT_KIND)
    by_ticket = dict(
        stored.filter(subject_id__in=[one.subject_id for one in corrections]).values_list("subject_id", "pk")
    )
    for correction in corrections:
        correction.prediction_id = by_ticket.get(correction.subject_id)
    Feedback.objects.bulk_create(corrections)


def _store(task: str, ticket_id: int, prediction: Any, served: Served, text: str) -> None:
    reasons: list[object] = [[reason.term, reason.weight] for reason in prediction.reasons]
    if prediction.because:
        reasons.append({"because": prediction.because})
    record_predictions(
        task=task,
        subject_kind=SUBJECT_KIND,
        predictions=[
            SubjectPrediction(
                subject_id=ticket_id,
                label=prediction.label,
                probability=prediction.probability,
                abstained=prediction.abstained,
                alternatives=[[label, round(share, 4)] for label, share in prediction.alternatives],
                reasons=reasons,
                input_text=text,
            )
        ],
        served=served,
    )

"""Store which tags the model suggests for a new ticket; apply those that administrators let it apply by itself."""

from django.db import transaction
from django.utils import timezone

from core.models import Event
from ml.evaluation.class_precision import SUGGEST
from ml.label_sets import label_of
from ml.models import Prediction
from ml.services.record_predictions import SubjectPrediction, record_predictions
from people.viewer import Viewer
from tickets.events import TAGS_SUGGESTED
from tickets.models import Tag, TagSuggestion, Ticket
from tickets.services.change_tags import change_tags
from tickets.tagging import TagSuggestions
from tickets.ticket_facts import SUBJECT_KIND, TAGS_TASK
from tickets.ticket_rows import lock_ticket

State = TagSuggestion.State


@transaction.atomic
def suggest_tags(
    *, ticket_id: int, suggestions: TagSuggestions, by: Viewer, cause: Event | None = None
) -> bool:
    """Store the prediction, once per ticket, and a suggestion for each tag in use that is not on the ticket.

    A tag is applied only when its precision was measured to be high enough, an administrator has switched that on for it, and
    the model is not paused. Returns whether the prediction was new. Raises Ticket.DoesNotExist.
    """
    by.require("tickets.edit")
    ticket = lock_ticket(ticket_id)
    known = Prediction.objects.filter(task=TAGS_TASK, subject_kind=SUBJECT_KIND, subject_id=ticket_id)
    if known.exists():
        return False
    said = {one.said.name: one for one in suggestions.tags}
    tags = Tag.objects.filter(is_active=True, name__in=said).exclude(
        pk__in=ticket.ticket_tags.values("tag_id")
    )
    rows = [
        TagSuggestion(
            ticket=ticket,
            tag=tag,
            probability=said[tag.name].said.probability,
            source=suggestions.served.source[:64],
        )
        for tag in tags.order_by("name")
    ]
    applied = [
        row
        for row in rows
        if row.tag.applies_itself and said[row.tag.name].is_sure and not suggestions.served.paused
    ]
    _store(ticket, suggestions)
    for row in applied:
        row.state, row.decided_at = State.APPLIED, timezone.now()
    TagSuggestion.objects.bulk_create(rows)
    if rows:
        event = TAGS_SUGGESTED.record(
            by=by,
            subject_id=ticket.pk,
            ticket_id=ticket.pk,
            account_id=ticket.account_id,
            detail={
                "suggested": [row.tag.name for row in rows if row.state == State.OPEN],
                "applied": [row.tag.name for row in applied],
                "source": suggestions.served.source,
            },
            cause=cause,
        )
        change_tags(ticket=ticket, by=by, add=[row.tag.name for row in applied], cause=event)
    return True


def _store(ticket: Ticket, suggestions: TagSuggestions) -> None:
    """One prediction for all tags; its mode is the tag's where it is one, so that live precision counts what is clear."""
    tags = suggestions.tags
    mode = tags[0].mode if len(tags) == 1 else ""
    record_predictions(
        task=TAGS_TASK,
        subject_kind=SUBJECT_KIND,
        predictions=[
            SubjectPrediction(
                subject_id=ticket.pk,
                label=label_of([one.said.name for one in tags]),
                probability=tags[0].said.probability if tags else 0.0,
                abstained=not tags,
                mode=SUGGEST if mode and suggestions.served.paused else mode,
                alternatives=[[one.said.name, round(one.said.probability, 4)] for one in tags],
                reasons=[
                    {
                        "tag": one.said.name,
                        "terms": [[reason.term, reason.weight] for reason in one.said.reasons],
                    }
                    for one in tags
                ],
                input_text=suggestions.text,
                facts={"channel": ticket.channel, "words": len(suggestions.text.split())},
            )
        ],
        served=suggestions.served,
    )

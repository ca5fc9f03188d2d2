"""What people's changes of tags say about suggested tags: the labels of the next training."""

from collections.abc import Sequence

from django.utils import timezone

from ml.models import Feedback
from ml.services.record_feedback import record_feedback
from people.viewer import Viewer
from tickets.models import TagSuggestion, Ticket
from tickets.ticket_facts import SUBJECT_KIND, TAGS_TASK

State = TagSuggestion.State


def settle_tags(*, ticket: Ticket, added: Sequence[str], removed: Sequence[str], by: Viewer) -> None:
    """A suggested tag that a person or an integration puts on the ticket is accepted, one that is taken off was wrong.

    Part of ``change_tags``, whose transaction holds the ticket. What rules and workers change is no label; what they put on the
    ticket is not suggested any more.
    """
    if by.kind == "system":
        known = TagSuggestion.objects.filter(ticket=ticket, tag__name__in=added, state=State.OPEN)
        known.update(state=State.ACCEPTED, decided_at=timezone.now())
        return
    rows = TagSuggestion.objects.filter(ticket=ticket, tag__name__in=[*added, *removed]).select_related("tag")
    for row in rows:
        judge(row, State.ACCEPTED if row.tag.name in added else State.DISMISSED, by)


def judge(row: TagSuggestion, state: str, by: Viewer) -> None:
    """Keep what became of a suggestion and its label: the tag, or nothing where it is wrong. Again changes nothing."""
    if row.state == state:
        return
    row.state, row.decided_at, row.decided_by_id = state, timezone.now(), by.user_id
    row.save(update_fields=["state", "decided_at", "decided_by"])
    is_right = state == State.ACCEPTED
    record_feedback(
        task=TAGS_TASK,
        subject_kind=SUBJECT_KIND,
        subject_id=row.ticket_id,
        label=row.tag.name if is_right else "",
        source=Feedback.Source.CONFIRMATION if is_right else Feedback.Source.CORRECTION,
        by=by,
        predicted=row.tag.name,
    )

"""An agent's word on the routing: corrections and confirmations are the labels of the next training."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from ml.models import Feedback, Prediction
from ml.services.record_feedback import record_feedback
from people.models import Team, TeamMembership
from people.viewer import Viewer
from tickets.events import ROUTING_CONFIRMED, ROUTING_CORRECTED
from tickets.models import Category, Ticket
from tickets.services.assign_ticket import assign_automatically, give_to
from tickets.ticket_facts import ROUTING_TASK, SUBJECT_KIND
from tickets.ticket_rows import lock_ticket, save_ticket


@transaction.atomic
def correct_routing(
    *,
    ticket: Ticket,
    by: Viewer,
    category: Category | None = None,
    team: Team | None = None,
    learn: bool = True,
) -> Ticket:
    """Move the ticket to another category, another team, or both; the category's team is taken when none is named.

    A category is stored as the true label, as a confirmation when the classifier had said the same; without ``learn`` it is
    none, as where the topic has changed since. A ticket that leaves
    its assignee's teams goes back to the new team. Raises ValidationError when nothing or something inactive is chosen.
    """
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    if category is None and team is None:
        raise ValidationError({"category": _("Choose a category or a team.")})
    for name, chosen in (("category", category), ("team", team)):
        if chosen is not None and not chosen.is_active:
            raise ValidationError({name: _("%s is not in use any more.") % chosen})
    before = {"category": locked.category_id, "team": locked.team_id}
    new_team = team or (category.responsible_team if category else None) or locked.team
    locked.category = category or locked.category
    locked.team = new_team
    was_open = locked.routing_state != Ticket.Routing.MANUAL
    if before == {"category": locked.category_id, "team": locked.team_id} and not was_open:
        return locked
    locked.routing_state = Ticket.Routing.MANUAL
    if category is not None and learn:
        _learn(locked, category.name, by)
    event = ROUTING_CORRECTED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"from": before, "category": locked.category_id, "team": locked.team_id},
    )
    if locked.team_id != before["team"] and locked.assignee_id is not None and not _belongs(locked):
        give_to(locked, None, by=by, reason="", cause=event)
    if locked.assignee_id is None:
        assign_automatically(locked, by=by, cause=event)
    save_ticket(locked)
    return locked


@transaction.atomic
def confirm_routing(*, ticket: Ticket, by: Viewer) -> Ticket:
    """Say that the classifier was right; a ticket in triage goes where the classifier was leaning.

    Does nothing when a person has judged the ticket before. Raises ValidationError when there is nothing to confirm.
    """
    by.require("tickets.edit")
    locked = lock_ticket(ticket.pk, by)
    prediction = Prediction.objects.filter(
        task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id=locked.pk
    ).first()
    if prediction is None:
        raise ValidationError(_("This ticket has not been routed by the classifier."))
    if locked.routing_state == Ticket.Routing.MANUAL:
        return locked
    if locked.routing_state == Ticket.Routing.TRIAGE:
        category = Category.objects.filter(name=prediction.label, is_active=True).first()
        if category is None:
            raise ValidationError(_("The classifier named no category that is in use."))
        return correct_routing(ticket=locked, by=by, category=category)
    locked.routing_state = Ticket.Routing.MANUAL
    _learn(locked, prediction.label, by)
    ROUTING_CONFIRMED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"category": locked.category_id, "team": locked.team_id},
    )
    save_ticket(locked)
    return locked


def _learn(ticket: Ticket, label: str, by: Viewer) -> None:
    """Store the label beside the prediction."""
    said = Prediction.objects.filter(
        task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id=ticket.pk, label=label
    )
    source = Feedback.Source.CONFIRMATION if said.exists() else Feedback.Source.CORRECTION
    record_feedback(
        task=ROUTING_TASK, subject_kind=SUBJECT_KIND, subject_id=ticket.pk, label=label, source=source, by=by
    )


def _belongs(ticket: Ticket) -> bool:
    """Whether the assignee is a member of the ticket's team."""
    return TeamMembership.objects.filter(team=ticket.team, user=ticket.assignee).exists()

"""A macro on a ticket that opens a task for the customer's CSM."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError

from core.models import Notification
from people.models import User
from success.models import CTA
from tests.tickets.conftest import ticket, write
from tickets.models import Ticket
from tickets.services.apply_macro import apply_macro, preview_macro
from tickets.services.receive_message import Received
from tickets.services.save_macro import save_macro

__all__ = ["ticket", "write"]


def test_a_macro_opens_one_task_per_ticket(ticket: Ticket, csm: User, lead_user: User) -> None:
    by = lead_user.as_viewer()
    actions = [{"action": "success_task", "title": "Call them", "days": "3"}]
    macro = save_macro(name="Hand over", kind="macro", actions=actions, by=by)
    preview = preview_macro(ticket=ticket, macro=macro, by=by)
    assert preview.acts == ("Open the success task “Call them”, due in 3 days",)
    for _time in range(2):
        apply_macro(ticket=ticket, macro=macro, by=by)
    task = CTA.objects.get()
    assert (task.title, task.owner, len(task.evidence)) == ("Call them", csm, 2)
    assert Notification.objects.get(user=csm).kind == "success.task_opened"


def test_without_a_customer_or_the_right_it_is_refused(
    write: Callable[..., Received],
    lead_user: User,
    agent: User,
) -> None:
    actions = [{"action": "success_task", "title": "Call them", "days": 3}]
    macro = save_macro(
        name="Hand over", kind="macro", scope="everyone", actions=actions, by=lead_user.as_viewer()
    )
    stranger = write("hello", sender="somebody@nowhere.example").ticket
    with pytest.raises(ValidationError, match="no customer"):
        apply_macro(ticket=stranger, macro=macro, by=lead_user.as_viewer())
    with pytest.raises(ValidationError, match="You may not do this"):
        apply_macro(ticket=stranger, macro=macro, by=agent.as_viewer())

"""What the demo's agent was in the middle of writing: drafts, and an answer that leaves on the next working morning."""

from cs_ops.demo.staff import Desk
from tickets.models import Ticket
from tickets.send_later import send_times
from tickets.services.save_draft import save_draft
from tickets.services.schedule_answer import schedule_answer

DRAFT = (
    "Hello,\n\nthank you for the details. I have found two entries in our log:\n\n"
    "- the first one at **09:14**, refused\n- the second one at **09:31**, accepted\n\nBefore I go on: "
)
NOTE = "Looks like the change of last Tuesday. Ask development before answering: "
LATER = "Good morning,\n\nthe change is live since tonight. Please try again and tell me if it **works** now."


def add_writing(desk: Desk) -> int:
    """Write two drafts and a scheduled answer on the agent's open tickets; returns how many."""
    agent = desk.users["agent"]
    viewer = agent.as_viewer("command")
    own = Ticket.objects.filter(assignee=agent, status_category="open").order_by("-last_message_at", "pk")
    made = 0
    for ticket, (kind, text) in zip(own[:2], (("reply", DRAFT), ("note", NOTE)), strict=False):
        save_draft(ticket=ticket, kind=kind, body=text, by=viewer)
        made += 1
    for ticket in own[2:3]:
        morning = next(one.at for one in send_times(ticket, agent) if one.key == "workday")
        schedule_answer(ticket=ticket, body=LATER, send_at=morning, status="waiting", by=viewer)
        made += 1
    return made

"""The canned replies and macros of the demo desk."""

from typing import Any

from cs_ops.demo.staff import Desk
from people.viewer import Viewer
from tickets.models import Macro
from tickets.services.save_macro import save_macro

GREETING = "Hi {{contact.first_name|there}},\n\n"
GOODBYE = "\n\nBest regards\n{{agent.name}}"

# name, folder, shortcut, text
CANNED = (
    ("Thank you, we are on it", "Everyday", "thanks",
     "thank you for writing. I am looking into it and will be back with an answer today."),
    ("More details, please", "Everyday", "details",
     "to find the cause I need a little more:\n\n- When did it happen last?\n- Who is affected?\n"
     "- Which browser or device do you use?\n\nA screenshot often says most."),
    ("Is it solved?", "Everyday", "solved",
     "did the last step help? If I do not hear from you, I take “{{ticket.subject}}” for solved."),
    ("New browser session", "Login", "session",
     "please sign out of your identity provider, close all windows and sign in again. If the login still returns to the "
     "start, send me the time of the last attempt and I look it up in our log."),
    ("Copy of an invoice", "Billing", "invoice",
     "the invoice is attached again. You also find every invoice of {{account.name|your company}} under Settings, Billing."),
)  # fmt: skip


def add_macros(desk: Desk, seed: int) -> int:
    """Write five canned replies for everyone, three shared macros and an agent's own one; returns how many."""
    lead = desk.users["lead"].as_viewer("command")
    made = [
        _save(
            lead, name=name, folder=folder, shortcut=shortcut, position=place, reply=GREETING + text + GOODBYE
        )
        for place, (name, folder, shortcut, text) in enumerate(CANNED)
    ]
    made += [
        _save(
            lead, kind="macro", name="Take it and say so", folder="Everyday", shortcut="mine", sends=False,
            reply=GREETING + "I have taken your request {{ticket.reference}} and start right away." + GOODBYE,
            actions=[{"action": "assign", "to": "me"}, {"action": "status", "status": "open"}],
        ),
        _save(
            lead, kind="macro", name="Wait for the customer", folder="Everyday", shortcut="wait",
            reply=GREETING + "I wait for your answer and keep the request open until Monday." + GOODBYE,
            actions=[{"action": "status", "status": "waiting"}, {"action": "snooze", "span": "monday"}],
        ),
        _save(
            lead, kind="macro", name="Refund: hand over to Billing", folder="Billing", shortcut="refund",
            scope="team", team=desk.teams["Billing"],
            note="Refund asked for by {{contact.name}} ({{account.name|no account}}). Please check and book it.",
            actions=[{"action": "add_tags", "tags": ["refund"]}, {"action": "priority", "priority": "high"}],
        ),
        _save(
            desk.users["agent"].as_viewer("command"), name="My sign-off", folder="Mine", shortcut="bye", scope="personal",
            reply="Have a good day, and write any time.\n{{agent.first_name}}",
        ),
    ]  # fmt: skip
    for place, macro in enumerate(made):
        Macro.objects.filter(pk=macro.pk).update(use_count=(seed * 7 + place * 13) % 60)
    return len(made)


def _save(by: Viewer, **fields: Any) -> Macro:
    return save_macro(by=by, **({"scope": "everyone"} | fields))

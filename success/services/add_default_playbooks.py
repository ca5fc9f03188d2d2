"""The playbooks every installation starts with."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from success.models import Playbook
from success.services.save_playbook import save_playbook, switch_playbook

HEALTH_FELL = "health-fell-to-red"
SAYS_LEAVING = "says-they-leave"
SPONSOR_LEFT = "key-person-left"


@transaction.atomic
def add_default_playbooks(*, by: Viewer) -> dict[str, Playbook]:
    """Add "Health fell to red", "Says they leave" and "A key person left" and switch them on; returns them by key.

    One that exists is left as it is. Needs ``success.manage``.
    """
    first = {HEALTH_FELL: _health_fell, SAYS_LEAVING: _says_leaving, SPONSOR_LEFT: _sponsor_left}
    present = Playbook.objects.in_bulk(list(first), field_name="key")
    for key, values in first.items():
        if key not in present:
            playbook = save_playbook(playbook=Playbook(key=key), values=values(), by=by)
            switch_playbook(playbook=playbook, is_active=True, by=by)
            present[key] = Playbook.objects.get(pk=playbook.pk)
    return present


def _health_fell() -> dict[str, Any]:
    return {
        "name": _("Health fell to red"),
        "description": _(
            "Reaches out to the champion and asks the CSM to call when an account becomes at risk."
        ),
        "trigger": "band_fell",
        "trigger_config": {"band": "at_risk", "clear_score": 55},
        "steps": [
            {
                "kind": "cta",
                "title": _("Call the customer: health fell to red"),
                "due_business_days": 2,
            },
            {
                "kind": "email",
                "roles": ["champion", "admin", "sponsor"],
                "subject": _("Is everything all right at {{account.name}}?"),
                "body": _(
                    "Hello {{contact.first_name}},\n\n"
                    "things seem to have become harder for {{account.name}} lately, and I would rather hear it from "
                    "you than guess. What gets in your way at the moment? Reply to this mail, in one line if you "
                    "like, and I will take care of it.\n\n"
                    "If it is easier to talk, send me two times that suit you this week.\n\n"
                    "{{csm.name}}"
                ),
            },
        ],
        "cooldown_days": 30,
    }


def _says_leaving() -> dict[str, Any]:
    return {
        "name": _("Says they leave"),
        "description": _(
            "Asks the CSM to call when a customer writes that they leave, and offers a talk to the sponsor three days later."
        ),
        "trigger": "signal_said",
        "trigger_config": {"kind": "churn", "least": 60},
        "steps": [
            {
                "kind": "cta",
                "title": _("Call the customer: they say that they leave"),
                "due_business_days": 1,
            },
            # Whoever called has three days to say what came of it: then the mail does not leave.
            {"kind": "wait", "days": 3},
            {
                "kind": "email",
                "roles": ["sponsor", "champion", "admin"],
                "subject": _("May I ask you about {{account.name}}?"),
                "body": _(
                    "Hello {{contact.first_name}},\n\n"
                    "we heard from {{account.name}} that you think about leaving. I would like to understand what we "
                    "owe you, whatever you decide. Would half an hour this week suit you? Reply with a time, or in one "
                    "line with what matters most.\n\n"
                    "{{csm.name}}"
                ),
            },
        ],
        "cooldown_days": 60,
    }


def _sponsor_left() -> dict[str, Any]:
    return {
        "name": _("A key person left"),
        "description": _(
            "Asks the CSM to find out who follows when a sponsor, buyer, champion or administrator may have left."
        ),
        "trigger": "sponsor_changed",
        "trigger_config": {},
        "steps": [
            {
                "kind": "cta",
                "title": _("Find out who follows: a key person may have left"),
                "due_business_days": 2,
            }
        ],
        "cooldown_days": 14,
    }

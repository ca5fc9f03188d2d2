"""The playbook every installation starts with."""

from django.db import transaction
from django.utils.translation import gettext as _

from people.viewer import Viewer
from success.models import Playbook
from success.services.save_playbook import save_playbook, switch_playbook

KEY = "health-fell-to-red"


@transaction.atomic
def add_default_playbook(*, by: Viewer) -> Playbook:
    """Add "Health fell to red" and switch it on; one that exists is left as it is. Needs ``success.manage``."""
    present = Playbook.objects.filter(key=KEY).first()
    if present is not None:
        return present
    playbook = save_playbook(
        playbook=Playbook(key=KEY),
        values={
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
        },
        by=by,
    )
    switch_playbook(playbook=playbook, is_active=True, by=by)
    return Playbook.objects.get(pk=playbook.pk)

"""Tables of success whose rows go along when an account is merged into another."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from customers.registry import AccountRows
from success.models import CTA, Enrolment, Outreach


class Enrolments(AccountRows):
    """Enrolments in playbooks; an active one stays where the target is in the same playbook."""

    key = "enrolments"
    label = _("Enrolments in playbooks")
    order = 80
    model = Enrolment

    def movable(self, source: int, target: int) -> QuerySet[Any]:
        """Leave out what would be a second active enrolment."""
        active = Enrolment.objects.filter(account=target, state=Enrolment.State.ACTIVE)
        doubled = Enrolment.objects.filter(
            state=Enrolment.State.ACTIVE, playbook__in=active.values("playbook")
        )
        return super().movable(source, target).exclude(pk__in=doubled.values("pk"))


class Tasks(AccountRows):
    """CTAs."""

    key = "ctas"
    label = _("Tasks")
    order = 81
    model = CTA


class Mails(AccountRows):
    """Outreach."""

    key = "outreach"
    label = _("Outreach")
    order = 82
    model = Outreach

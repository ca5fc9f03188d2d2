"""Somebody with a key role may have left, or has."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Event
from customers.models import Account, Contact, SponsorChange
from success.registry import Occasion, PlaybookTrigger


class SponsorChangedForm(forms.Form):
    """Nothing to choose: every finding about a key role counts."""


class SponsorChanged(PlaybookTrigger):
    """Listens to findings."""

    key = "sponsor_changed"
    label = gettext_lazy("A key person may have left")
    verbs = frozenset({"customers.sponsor_change_found"})
    form = SponsorChangedForm

    def occasion(self, event: Event, config: Mapping[str, Any]) -> Occasion | None:
        """Return who, and what says so."""
        told = event.detail.data or {}
        contact = Contact.objects.filter(pk=event.subject_id).first()
        if contact is None or not told.get("change"):
            return None
        reason = _("%(name)s (%(role)s) may have left: %(text)s") % {
            "name": contact,
            "role": contact.get_role_display(),
            "text": str(told.get("text", ""))[:160],
        }
        return Occasion(reason, {"change": told["change"], "contact": contact.pk})

    def has_cleared(
        self, account: Account, config: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Say whether every finding was dismissed."""
        found = {one["change"] for one in evidence if one.get("change")}
        kept = SponsorChange.objects.filter(pk__in=found).exclude(state=SponsorChange.State.DISMISSED)
        return bool(found) and not kept.exists()

    def is_rearmed(self, account: Account, since: datetime, config: Mapping[str, Any]) -> bool:
        """Each finding is a new occasion; the playbook's cooldown keeps it from starting too often."""
        return True

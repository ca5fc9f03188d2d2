"""A customer says something that wants a CSM: that they leave, that they escalate; or we broke a promise."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.formatting import plain
from core.models import Event
from customers.models import Account
from success.registry import Occasion, PlaybookTrigger
from tickets.models import ConversationSignal, Ticket

Kind, State = ConversationSignal.Kind, ConversationSignal.State
BROKEN = "broken_promise"
_BROKEN_VERB = "tickets.promise_broken"


class SignalSaidForm(forms.Form):
    """What was said, and how sure the model must be."""

    kind = forms.ChoiceField(
        label=gettext_lazy("In a conversation"),
        choices=[
            (Kind.CHURN, Kind.CHURN.label),
            (Kind.ESCALATION, Kind.ESCALATION.label),
            (Kind.BUG, Kind.BUG.label),
            (Kind.FEATURE_REQUEST, Kind.FEATURE_REQUEST.label),
            (Kind.PRAISE, Kind.PRAISE.label),
            (BROKEN, gettext_lazy("A promise of ours was not kept")),
        ],
        initial=Kind.CHURN,
    )
    least = forms.IntegerField(
        label=gettext_lazy("With a probability of at least (%)"),
        min_value=0,
        max_value=100,
        initial=60,
        help_text=gettext_lazy("What a person has added or confirmed always counts."),
    )


class SignalSaid(PlaybookTrigger):
    """Listens to what is read in messages, what people add or confirm, and to promises that pass."""

    key = "signal_said"
    label = gettext_lazy("A conversation says something")
    verbs = frozenset({"tickets.signal_seen", "tickets.signal_judged", "tickets.promise_kept", _BROKEN_VERB})
    form = SignalSaidForm

    def occasion(self, event: Event, config: Mapping[str, Any]) -> Occasion | None:
        """Return what was said, on which ticket."""
        told, kind = event.detail.data or {}, config["kind"]
        if event.verb == _BROKEN_VERB:
            if kind != BROKEN:
                return None
        elif told.get("kind") != kind or not _is_sure(event, told, config):
            return None
        number = Ticket.objects.filter(pk=event.ticket_id or 0).values_list("number", flat=True).first()
        label = dict(SignalSaidForm.base_fields["kind"].choices)[kind]  # type: ignore[attr-defined]
        words = {"said": label, "number": number}
        if "probability" in told:
            words["share"] = plain(100 * told["probability"])
            reason = _("%(said)s (%(share)s %%) on #%(number)s") % words
        else:
            reason = _("%(said)s, on #%(number)s") % words
        evidence = {"ticket": event.ticket_id, "message": event.subject_id, "kind": kind}
        if event.verb == _BROKEN_VERB:
            evidence["signal"] = told.get("signal")
        return Occasion(reason, evidence)

    def has_cleared(
        self, account: Account, config: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Say whether people have dismissed all that was said, or every promise was kept after all or dismissed.

        What was said and is true does not go away by itself, and a promise that was moved to another day is not kept yet.
        """
        kind = config["kind"]
        told = [one for one in evidence if one.get("kind") == kind]
        if not told:
            return False
        said = ConversationSignal.objects.valid().filter(message__in={one["message"] for one in told})
        if kind != BROKEN:
            return not said.filter(kind=kind).exists()
        about = {one["signal"] for one in told if one.get("signal")}
        promises = said.promises().filter(pk__in=about) if about else said.promises()
        return not promises.exclude(state=State.KEPT).exists()

    def is_rearmed(self, account: Account, since: datetime, config: Mapping[str, Any]) -> bool:
        """Each time that it is said is a new occasion; the playbook's cooldown keeps it from starting too often."""
        return True


def _is_sure(event: Event, told: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    if event.verb == "tickets.signal_judged":
        return bool(told.get("to") == State.CONFIRMED)
    return float(told.get("probability") or 0.0) * 100 >= float(config["least"])

"""An account enters a segment, or leaves one."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from core.models import Event
from customers.models import Account, Segment, SegmentMembership
from success.registry import Occasion, PlaybookTrigger


def _segments() -> list[tuple[str, str]]:
    shared = Segment.objects.filter(is_shared=True).values_list("pk", "name")
    return [(str(pk), name) for pk, name in shared]


class SegmentForm(forms.Form):
    """Which segment; playbooks watch shared ones only."""

    segment = forms.ChoiceField(label=gettext_lazy("Segment"), choices=_segments)


class _SegmentMoved(PlaybookTrigger):
    """Reads the batches of the ledger of segments."""

    form = SegmentForm
    sentence: Any = ""

    def accounts_of(self, event: Event) -> Collection[int]:
        """Return the accounts that the batch lists."""
        return [int(pk) for pk in (event.detail.data or {}).get("accounts", ())]

    def occasion(self, event: Event, config: Mapping[str, Any]) -> Occasion | None:
        """Return the name of the segment, when it is the one."""
        if str(event.subject_id) != str(config["segment"]):
            return None
        name = (event.detail.data or {}).get("segment", "")
        return Occasion(str(self.sentence) % {"segment": name}, {"segment": event.subject_id, "name": name})

    def _rows(self, account: Account, config: Mapping[str, Any]) -> Any:
        return SegmentMembership.objects.filter(account=account, segment=config["segment"])


class SegmentEntered(_SegmentMoved):
    """Over when the account leaves again; each entry is a new occasion."""

    key = "segment_entered"
    label = gettext_lazy("An account enters a segment")
    verbs = frozenset({"customers.segment_entered"})
    sentence = gettext_lazy("Entered the segment “%(segment)s”")

    def is_rearmed(self, account: Account, since: datetime, config: Mapping[str, Any]) -> bool:
        """Say whether the account had left since."""
        return bool(self._rows(account, config).filter(left_at__gte=since).exists())

    def has_cleared(
        self, account: Account, config: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Say whether the account is in the segment no more."""
        return not self._rows(account, config).filter(left_at=None).exists()


class SegmentLeft(_SegmentMoved):
    """Over when the account is back in the segment."""

    key = "segment_left"
    label = gettext_lazy("An account leaves a segment")
    verbs = frozenset({"customers.segment_left"})
    sentence = gettext_lazy("Left the segment “%(segment)s”")

    def is_rearmed(self, account: Account, since: datetime, config: Mapping[str, Any]) -> bool:
        """Say whether the account had been back since."""
        return bool(self._rows(account, config).filter(entered_at__gte=since).exists())

    def has_cleared(
        self, account: Account, config: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Say whether the account is in the segment again."""
        return bool(self._rows(account, config).filter(left_at=None).exists())

"""Extension points of success: what a playbook can do (steps) and what can start one (triggers).

A step is one class in ``<app>/steps/<name>.py``, a trigger one in ``<app>/triggers/<name>.py``
(docs/how-to/add-a-playbook-step.md). Their configuration is JSON, checked by the part's own form.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from core.models import Event
from core.registry import Part, Registry
from customers.models import Account
from success.models import Enrolment

Config = dict[str, Any]


@dataclass(frozen=True)
class StepOutcome:
    """What a step did, in a sentence, and how long the enrolment rests before the next step."""

    text: str
    rest: timedelta = timedelta()


class PlaybookStep(Part):
    """One kind of step. ``run`` is called inside the transaction that records the run: it writes rows, nothing else."""

    label: ClassVar[str | Promise] = ""
    icon: ClassVar[str] = "bolt"
    form: ClassVar[type[forms.Form]] = forms.Form

    def clean(self, config: Mapping[str, Any]) -> Config:
        """Return the checked configuration, ``kind`` included; raises ValidationError naming the fields."""
        return {**clean_config(self.form, config), "kind": self.key}

    def run(self, enrolment: Enrolment, config: Mapping[str, Any], index: int, now: datetime) -> StepOutcome:
        """Do the step for one enrolment; everything written must be in this database."""
        raise NotImplementedError

    def summary(self, config: Mapping[str, Any]) -> str:
        """Return one line for lists."""
        return str(self.label)


@dataclass(frozen=True)
class Occasion:
    """Why an account should enter a playbook now: a sentence, and what was seen (JSON values)."""

    reason: str
    evidence: Config = field(default_factory=dict)


class PlaybookTrigger(Part):
    """What makes accounts enter a playbook: reacts to events and knows when its cause has cleared."""

    label: ClassVar[str | Promise] = ""
    verbs: ClassVar[frozenset[str]] = frozenset()
    form: ClassVar[type[forms.Form]] = forms.Form

    def clean(self, config: Mapping[str, Any]) -> Config:
        """Return the checked configuration; raises ValidationError naming the fields."""
        return clean_config(self.form, config)

    def accounts_of(self, event: Event) -> Collection[int]:
        """Return the accounts that an event is about: its own, or those that a batch lists in its detail."""
        return () if event.account_id is None else (event.account_id,)

    def occasion(self, event: Event, config: Mapping[str, Any]) -> Occasion | None:
        """Return why the event's accounts should enter, or None."""
        raise NotImplementedError

    def is_rearmed(self, account: Account, since: datetime, config: Mapping[str, Any]) -> bool:
        """Say whether the cause had cleared since the account entered at ``since``; without it nothing starts again."""
        return True

    def has_cleared(
        self, account: Account, config: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]
    ) -> bool:
        """Say whether the cause is gone: enrolments then leave and their CTAs close.

        ``evidence`` are the occasions that it is about, each as ``occasion`` gave it.
        """
        return False


playbook_steps: Registry[PlaybookStep] = Registry(PlaybookStep, "steps")
playbook_triggers: Registry[PlaybookTrigger] = Registry(PlaybookTrigger, "triggers")


def clean_config(form_class: type[forms.Form], config: Mapping[str, Any]) -> Config:
    """Return ``config`` cleaned by a form, with the form's initial values where a key is absent."""
    blank = form_class()
    values = {name: config.get(name, field.initial) for name, field in blank.fields.items()}
    form = form_class(values)
    if not form.is_valid():
        raise ValidationError({name: list(errors) for name, errors in form.errors.items()})
    return dict(form.cleaned_data)


def clean_steps(steps: list[Mapping[str, Any]]) -> list[Config]:
    """Return the checked steps of a playbook; raises ValidationError with the number of the step that is wrong."""
    cleaned = []
    for number, step in enumerate(steps, start=1):
        kind = str(step.get("kind", ""))
        if kind not in playbook_steps:
            raise ValidationError(
                _("Step %(number)s has the unknown kind “%(kind)s”.") % {"number": number, "kind": kind}
            )
        try:
            cleaned.append(playbook_steps.get(kind).clean(step))
        except ValidationError as error:
            raise ValidationError([f"{number}: {text}" for text in error.messages]) from error
    return cleaned

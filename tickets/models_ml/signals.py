"""Learning from corrections and blind audits which answers of the adapter are shown, and from which probability on.

One task per kind: its model is a calibration of the adapter's probability, a threshold and whether the kind is shown at all. The
adapter itself stays; while a kind has no version, its card decides (``ml.sentiment.trust``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ml.artefacts import Artefact
from ml.datasets.rows import row_digest
from ml.datasets.splitting import split_forward
from ml.models import Feedback, Prediction
from ml.registry import Answer, Example, HeldOut, MLTask, Report, ShownSubject, TrainedModel
from ml.sentiment.refitting import Bars, HeadRule, bars_of, refit
from ml.sentiment.trust import trusted_heads
from ml.serving.answers import Fallback
from ml.tabular import NotEnoughData
from people.viewer import Viewer
from tickets.message_text import MODEL_TEXT_LENGTH, new_text
from tickets.models import ConversationSignal, Message, Ticket
from tickets.signal_answers import NO, SIGNAL_TASKS, YES, SignalAnswer

Kind = ConversationSignal.Kind

KIND = "signal-rule/1"
MOST_ROWS = 5_000
# What people correct is not drawn at random: without audits nobody knows what nobody looked at.
FEWEST_AUDITED = 50
# A rule has three numbers: half of the rows are enough to choose them, the other half measure.
HELD_SHARE = 0.5
# One audited message stands for at most so many.
MOST_WEIGHT = 20.0


@dataclass(frozen=True)
class SignalModel:
    """The rule of a kind, and the adapter whose answers it is about."""

    rule: HeadRule
    source: str

    def predict(self, inputs: Sequence[Mapping[str, Any]]) -> list[SignalAnswer]:
        """Answers to ``{"raw", "shown", "source"}``; another adapter's are shown as its own card says."""
        raw = np.array([float(one["raw"]) for one in inputs])
        told, shown = self.rule.probabilities(raw), self.rule.shown(raw)
        return [
            SignalAnswer(bool(yes), float(probability))
            if one.get("source", self.source) == self.source
            else SignalAnswer(bool(one["shown"]), float(one["raw"]))
            for one, probability, yes in zip(inputs, told, shown, strict=True)
        ]

    def to_artefact(self) -> Artefact:
        """Numbers only."""
        return Artefact({"model": {"rule": self.rule.as_json(), "source": self.source}})


class SignalTask(MLTask):
    """Base of the tasks, one per kind of signal. Labels are 1 and 0, in feedback and audits "yes" and "no"."""

    kind: ClassVar[str] = ""
    subject_kind = "message"
    yes_no = True
    fewest_rows = 200
    retrain_days = None
    retrain_labels = 100
    starts_itself = True
    scores = frozenset({"raw", "shown", "weight"})
    audits_per_week = 21
    purpose = _("Decides from which probability on it is shown that a message says this, or that it is not.")
    limits = _(
        "Knows what the sentiment adapter knows: English. What it gives less than 10 % is not audited."
    )

    def rows(self) -> Iterable[Example]:
        """The newest 5,000 messages that somebody has judged, as the adapter reads them now. Slow: reads texts."""
        from ml.sentiment.scorer import answers_version, score_messages

        labels = Feedback.objects.filter(task=self.key, subject_kind=self.subject_kind).order_by("pk")
        last: dict[int, tuple[Any, ...]] = {}
        chances: dict[int, float] = {}
        for subject, label, at, source, chance in labels.values_list(
            "subject_id", "label", "created_at", "source", "inclusion_probability"
        ):
            last[subject] = (at, label, source)
            if chance is not None:
                chances[subject] = chance
        newest = sorted(last, key=lambda pk: last[pk][0])[-MOST_ROWS:]
        messages = [one for one in _messages(newest) if one.body_text.strip()]
        if not messages:
            return
        readings, source = score_messages([_text(one) for one in messages]), answers_version()
        for message, reading in zip(messages, readings, strict=True):
            raw = reading.answers.get(self.kind)
            at, label, said_by = last[message.pk]
            if raw is None or label not in (YES, NO):
                continue
            chance = chances.get(message.pk)
            yield Example(
                subject_id=message.pk,
                label=int(label == YES),
                at=at,
                features={
                    "raw": round(raw, 6),
                    "shown": self.kind in reading.true & trusted_heads(),
                    "source": source,
                    "weight": 1.0 if chance is None else min(MOST_WEIGHT, 1 / chance),
                },
                group=f"ticket:{message.ticket_id}",
                slices={"channel": message.channel},
                label_source=said_by if chance is None else Feedback.Source.BLIND_AUDIT,
            )

    def train(self, examples: Sequence[Example], report: Report, *, seed: int = 0) -> TrainedModel:
        """Choose the rule from the older half, measure it on the newer beside what the card shows, then choose from all rows."""
        audited = sum(one.label_source == Feedback.Source.BLIND_AUDIT for one in examples)
        if len(examples) < self.fewest_rows or len({one.label for one in examples}) < 2:
            raise NotEnoughData(f"{len(examples)} labelled messages are too few or all alike")
        if audited < FEWEST_AUDITED:
            raise NotEnoughData(f"{audited} audited messages are too few: {FEWEST_AUDITED} are needed")
        split = split_forward(examples, HELD_SHARE)
        report(f"{self.key}: measuring on the newest {len(split.held)} of {len(examples)} messages")
        trial = _learned(split.train)
        answers = self.answer(trial, split.held)
        before = [Answer(int(bool(one.features["shown"]))) for one in split.held]
        model = _learned(examples)
        bars = _bars(split.held, answers)
        return TrainedModel(
            kind=KIND,
            artefact=model.to_artefact(),
            metrics=_figures(split.held, answers)
            | {
                "threshold": model.rule.threshold,
                "is_on": model.rule.is_on,
                "held_out_rows": len(split.held),
                "audited_rows": audited,
                "split": split.summary(),
            },
            baseline_metrics=_figures(split.held, before),
            held_out=[
                HeldOut(
                    row=row_digest(example),
                    truth=example.label,
                    answer=answer.label,
                    # Labels are no plain sample: bins of their probabilities would say nothing.
                    probability=None,
                    loss=self.loss(example, answer),
                    baseline_loss=self.loss(example, shipped),
                    group=example.group,
                    slices=example.slices,
                )
                for example, answer, shipped in zip(split.held, answers, before, strict=True)
            ],
            objections=_objections(trial.rule, model.rule, bars),
            training={"rows": len(examples)},
        )

    def load(self, artefact: Artefact) -> SignalModel:
        """The rule."""
        stored = artefact.metadata["model"]
        return SignalModel(HeadRule.of(stored["rule"]), str(stored["source"]))

    def answer(self, model: SignalModel, examples: Sequence[Example]) -> list[Answer]:
        """Whether each is shown."""
        said = model.predict([one.features for one in examples]) if examples else []
        return [Answer(int(one.is_shown), one.probability) for one in said]

    def loss(self, example: Example, answer: Answer) -> float:
        """The weight of the message when it is shown wrongly, or wrongly not shown."""
        is_wrong = int(example.label) != answer.label
        return float(example.features["weight"]) if is_wrong else 0.0

    def inputs(self, subject_ids: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
        """What the adapter said of the messages when they came."""
        rows = Prediction.objects.filter(
            task=self.key, subject_kind=self.subject_kind, subject_id__in=subject_ids
        )
        return {pk: facts for pk, facts in rows.values_list("subject_id", "facts") if "raw" in facts}

    def shown(self, subject_ids: Sequence[int], viewer: Viewer) -> Mapping[int, ShownSubject]:
        """The messages of tickets that the viewer may see."""
        seen = _messages(subject_ids).filter(ticket__in=Ticket.objects.visible_to(viewer))
        return {
            one.pk: ShownSubject(
                f"{self.title}? {one.ticket.subject}",
                _text(one),
                f"{reverse('inbox-ticket', args=[one.ticket_id])}#message-{one.pk}",
            )
            for one in seen.select_related("ticket")
        }

    def choices(self) -> Sequence[str]:
        """Yes or no."""
        return [YES, NO]

    def fallback(self, inputs: Sequence[Mapping[str, Any]], *, failure: str = "") -> Fallback:
        """What the adapter's card says."""
        return Fallback(
            "adapter-card", [SignalAnswer(bool(one["shown"]), float(one["raw"])) for one in inputs]
        )


def _messages(ids: Sequence[int]) -> Any:
    return Message.objects.filter(pk__in=ids, kind=Message.Kind.INBOUND).order_by("pk")


def _text(message: Message) -> str:
    return new_text(message.body_text, message.quote_offsets)[:MODEL_TEXT_LENGTH]


def _learned(examples: Sequence[Example]) -> SignalModel:
    """The rule of rows, for the adapter that read the newest of them."""
    raw = np.array([float(one.features["raw"]) for one in examples])
    return SignalModel(refit(raw, *_truth(examples)), str(examples[-1].features["source"]))


def _truth(examples: Sequence[Example]) -> tuple[Any, Any]:
    return (
        np.array([bool(one.label) for one in examples]),
        np.array([float(one.features["weight"]) for one in examples]),
    )


def _bars(examples: Sequence[Example], answers: Sequence[Answer]) -> Bars:
    return bars_of(np.array([bool(one.label) for one in answers]), *_truth(examples))


def _figures(examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, float]:
    truth, weights = _truth(examples)
    bars = _bars(examples, answers)
    right = truth == np.array([bool(one.label) for one in answers])
    return {
        "accuracy": float(np.average(right, weights=weights)),
        "precision": bars.precision,
        "recall": bars.recall,
        "f1": bars.f1,
        "true_share": bars.base,
    }


def _objections(trial: HeadRule, final: HeadRule, bars: Bars) -> list[str]:
    if not (trial.is_on or final.is_on):
        return []
    if trial.is_on and final.is_on and bars.are_met:
        return []
    return [
        f"of what it shows {bars.precision:.0%} is true, at least {bars.low:.0%} with 95 % confidence; "
        f"of all messages it is {bars.base:.0%}"
    ]


class ChurnSignal(SignalTask):
    """Says they leave."""

    kind, key, title = Kind.CHURN.value, SIGNAL_TASKS[Kind.CHURN], Kind.CHURN.label


class EscalationSignal(SignalTask):
    """Threatens to escalate."""

    kind, key, title = Kind.ESCALATION.value, SIGNAL_TASKS[Kind.ESCALATION], Kind.ESCALATION.label


class BugSignal(SignalTask):
    """Reports a bug."""

    kind, key, title = Kind.BUG.value, SIGNAL_TASKS[Kind.BUG], Kind.BUG.label


class FeatureRequestSignal(SignalTask):
    """Wishes for a feature."""

    kind, key = Kind.FEATURE_REQUEST.value, SIGNAL_TASKS[Kind.FEATURE_REQUEST]
    title = Kind.FEATURE_REQUEST.label


class PraiseSignal(SignalTask):
    """Praises."""

    kind, key, title = Kind.PRAISE.value, SIGNAL_TASKS[Kind.PRAISE], Kind.PRAISE.label


class NowSignal(SignalTask):
    """Needs it at once."""

    kind, key, title = Kind.NOW.value, SIGNAL_TASKS[Kind.NOW], Kind.NOW.label


class MoodSignal(SignalTask):
    """Base of moods: shown beside the conversation only, so fewer audits."""

    audits_per_week = 7


class AngerSignal(MoodSignal):
    """Angry."""

    kind, key, title = Kind.ANGER.value, SIGNAL_TASKS[Kind.ANGER], Kind.ANGER.label


class DisappointmentSignal(MoodSignal):
    """Disappointed."""

    kind, key = Kind.DISAPPOINTMENT.value, SIGNAL_TASKS[Kind.DISAPPOINTMENT]
    title = Kind.DISAPPOINTMENT.label


class WorrySignal(MoodSignal):
    """Worried."""

    kind, key, title = Kind.WORRY.value, SIGNAL_TASKS[Kind.WORRY], Kind.WORRY.label


class ConfusionSignal(MoodSignal):
    """Confused."""

    kind, key, title = Kind.CONFUSION.value, SIGNAL_TASKS[Kind.CONFUSION], Kind.CONFUSION.label


class GratitudeSignal(MoodSignal):
    """Grateful."""

    kind, key, title = Kind.GRATITUDE.value, SIGNAL_TASKS[Kind.GRATITUDE], Kind.GRATITUDE.label

"""From corrections and audits to what is shown: a kind is switched on, and off, by what people said about messages."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from ml.encoders import ModelUnavailable
from ml.models import AuditItem, Feedback, ModelAlias, ModelVersion, Prediction, TrainingRun
from ml.sentiment.scorer import Reading
from ml.services.carry_out_run import carry_out_run
from ml.services.draw_audit_sample import draw_audit_sample
from ml.services.start_due_trainings import start_due_trainings
from ml.services.start_training import start_training
from ml.serving import loading
from people.models import User
from people.viewer import system_viewer
from tests.ml.versions import put_into_service
from tests.tickets.conftest import FakeMinds
from tickets.models import ConversationSignal, Message, Ticket
from tickets.services.judge_signal import add_signal
from tickets.services.receive_message import Received

Pump = Callable[[], int]
Write = Callable[..., Received]
BY = system_viewer("command")


def no_encoder() -> None:
    raise ModelUnavailable("not needed")


@pytest.fixture(autouse=True)
def reader(minds: FakeMinds, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message says how likely it is: "70 %" is 0.7 for every kind. The card shows bugs from 0.5 on, and nothing else."""
    plain = minds.score_messages

    def read(texts: Sequence[str]) -> list[Reading]:
        found = []
        for one, text in zip(plain(texts), texts, strict=True):
            percent = text.partition(" %")[0]
            raw = int(percent) / 100 if percent.isdecimal() else 0.0
            kinds = ("churn", "bug")
            true = frozenset(kinds if raw >= 0.5 else ())
            found.append(replace(one, answers=dict.fromkeys(kinds, raw), true=true))
        return found

    monkeypatch.setattr("ml.sentiment.scorer.score_messages", read)
    monkeypatch.setattr("ml.sentiment.scorer.answers_version", lambda: "adapter/1")
    for place in ("tickets.models_ml.signals", "tickets.signal_answers"):
        monkeypatch.setattr(f"{place}.trusted_heads", lambda: frozenset({"bug"}))
    monkeypatch.setattr("ml.services.carry_out_run.sentence_encoder", no_encoder)
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "_failed", {})


def judged(ticket: Ticket, kind: str, true_of: Callable[[int, int], bool], *, count: int = 240) -> None:
    """Messages that people have judged, every second one in an audit: ``true_of(percent, number)`` says which are true."""
    now = timezone.now()
    tickets = Ticket.objects.bulk_create(
        Ticket(
            number=9000 + n, subject="Said", channel="email", contact=ticket.contact, status_id="open",
            status_category="open", created_at=now, updated_at=now, last_message_at=now,
        )
        for n in range(count)
    )  # fmt: skip
    percents = [(37 * n) % 100 for n in range(count)]
    messages = Message.objects.bulk_create(
        Message(ticket=one, kind="inbound", channel="email", body_text=f"{percent} % sure", created_at=now)
        for one, percent in zip(tickets, percents, strict=True)
    )
    Feedback.objects.bulk_create(
        Feedback(
            task=f"signal.{kind}", subject_kind="message", subject_id=message.pk,
            label="yes" if true_of(percent, n) else "no",
            source="blind_audit" if n % 2 else "correction", inclusion_probability=0.5 if n % 2 else None,
        )
        for n, (message, percent) in enumerate(zip(messages, percents, strict=True))
    )  # fmt: skip


def trained(kind: str) -> tuple[TrainingRun, ModelVersion | None]:
    run = start_training(task=f"signal.{kind}", trigger=TrainingRun.Trigger.MANUAL, by=BY)
    run = carry_out_run(run_id=run.pk, by=BY)
    return run, ModelVersion.objects.filter(run=run).first()


def shown(write: Write, pump: Pump, text: str) -> set[str]:
    ticket = write(text).ticket
    pump()
    return set(ConversationSignal.objects.filter(message__ticket=ticket).values_list("kind", flat=True))


def test_a_kind_that_is_right_here_is_switched_on_by_a_version_that_people_let_serve(
    ticket: Ticket, write: Write, pump: Pump
) -> None:
    judged(ticket, "churn", lambda percent, n: percent >= 30 if n % 12 else percent < 30)
    assert shown(write, pump, "40 % sure") == set()
    run, version = trained("churn")
    assert (run.state, run.error) == ("done", "")
    assert version is not None
    assert (version.stage, version.stage_reason) == ("candidate", "")
    assert version.metrics["is_on"] is True
    assert version.metrics["precision"] > 0.8
    assert version.metrics["audited_rows"] == 120
    assert shown(write, pump, "45 % sure") == set()  # nobody has decided
    put_into_service(version)
    assert shown(write, pump, "46 % sure") == {"churn"}
    assert shown(write, pump, "15 % sure") == set()
    row = ConversationSignal.objects.get(kind="churn")
    assert row.source == version.label
    assert Prediction.objects.get(task="signal.churn", subject_id=row.message_id).version == version


def test_a_kind_that_is_wrong_here_is_switched_off(ticket: Ticket, write: Write, pump: Pump) -> None:
    judged(ticket, "bug", lambda _percent, n: n % 5 == 0)
    assert shown(write, pump, "80 % sure") == {"bug"}
    _run, version = trained("bug")
    assert version is not None
    assert (version.stage, version.metrics["is_on"]) == ("candidate", False)
    put_into_service(version)
    assert shown(write, pump, "81 % sure") == set()


def test_a_kind_stays_off_without_evidence(ticket: Ticket) -> None:
    judged(ticket, "churn", lambda _percent, n: n % 5 == 0)
    _run, version = trained("churn")
    assert version is not None
    assert version.stage == "rejected"


@pytest.mark.parametrize(
    ("count", "audited", "why"), [(150, True, "150 rows"), (240, False, "0 audited messages")]
)
def test_too_few_labels_change_nothing(ticket: Ticket, count: int, audited: bool, why: str) -> None:
    judged(ticket, "churn", lambda percent, _n: percent >= 30, count=count)
    if not audited:
        Feedback.objects.update(source="correction", inclusion_probability=None)
    run, version = trained("churn")
    assert (run.state, version) == ("refused", None)
    assert why in run.error


def test_another_adapter_goes_by_its_own_card(
    ticket: Ticket, write: Write, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(ticket, "churn", lambda percent, _n: percent >= 30)
    _run, version = trained("churn")
    assert version is not None
    put_into_service(version)
    monkeypatch.setattr("ml.sentiment.scorer.answers_version", lambda: "adapter/2")
    assert shown(write, pump, "90 % sure") == {"bug"}
    assert ModelAlias.objects.filter(task="signal.churn").exists()


def test_two_hundred_labels_start_the_first_training(ticket: Ticket) -> None:
    judged(ticket, "churn", lambda percent, _n: percent >= 30, count=199)
    assert start_due_trainings(by=BY) == []
    Feedback.objects.create(
        task="signal.churn", subject_kind="message", subject_id=1, label="no", source="correction"
    )
    [run] = start_due_trainings(by=BY)
    assert (run.task, run.trigger) == ("signal.churn", "labels")
    assert start_due_trainings(by=BY) == []
    Feedback.objects.update(created_at=timezone.now() - timedelta(days=3))
    TrainingRun.objects.update(state="refused", created_at=timezone.now() - timedelta(days=2))
    assert start_due_trainings(by=BY) == []


def test_audits_ask_about_what_is_not_shown_too_and_corrections_are_labels(
    write: Write, pump: Pump, agent: User, admin: User, lawyer: User, private_team: Any
) -> None:
    from ml.registry import ml_tasks

    assert shown(write, pump, "5 % sure") == set()
    missed = write("40 % sure").ticket
    pump()
    message = missed.messages.get()
    assert draw_audit_sample(task="signal.churn", day=timezone.now().date()) == 1
    item = AuditItem.objects.get()
    assert (item.subject_id, item.predicted_label) == (message.pk, "no")
    part = ml_tasks.get("signal.churn")
    assert part.shown([message.pk], agent.as_viewer())[message.pk].text == "40 % sure"
    Ticket.objects.filter(pk=missed.pk).update(team=private_team)
    assert part.shown([message.pk], agent.as_viewer()) == {}
    assert part.inputs([message.pk]) == {message.pk: {"raw": 0.4, "shown": False, "source": "adapter/1"}}
    add_signal(message=message, kind="churn", by=lawyer.as_viewer())
    label = Feedback.objects.get()
    assert (label.task, label.label, label.predicted_label) == ("signal.churn", "yes", "no")
    [row] = part.rows()
    assert (row.label, row.features["raw"], row.features["shown"]) == (1, 0.4, False)

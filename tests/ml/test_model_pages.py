"""The pages of models: figures with their evidence, four eyes, promotion and rollback, who may what, what a page costs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import Approval, Job
from ml.models import (
    AliasChange,
    AuditItem,
    DriftWindow,
    Feedback,
    GateResult,
    ModelAlias,
    ModelVersion,
    Prediction,
    RollbackEvent,
    TrainingRun,
)
from ml.registry import Example, ShownSubject, TextTask, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.promote_version import promote_version
from ml.services.start_training import start_training
from people.models import User
from people.viewer import Viewer, system_viewer
from tests.conftest import make_user
from tests.ml.fakes import text_examples

pytestmark = pytest.mark.django_db
BY = system_viewer("command")
Login = Callable[[User], Client]
Stage = ModelVersion.Stage


class Topics(TextTask):
    """Invented tickets; a viewer who may see tickets is shown each of them."""

    key = "test-pages"
    title = "Topics"
    purpose = "Names the topic."

    def rows(self) -> Iterable[Example]:
        polite = [
            replace(
                row,
                subject_id=row.subject_id + 500,
                text=f"{row.text}, please",
                at=row.at + timedelta(minutes=20),
            )
            for row in text_examples()
        ]
        return [*text_examples(), *polite]

    def choices(self) -> Sequence[str]:
        return ("access", "billing", "delivery")

    def shown(self, subject_ids: Sequence[int], viewer: Viewer) -> Mapping[int, ShownSubject]:
        may = viewer.can("tickets.view")
        return {pk: ShownSubject(f"Ticket {pk}", "", f"/t/{pk}/") for pk in subject_ids} if may else {}


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("ml.registry.available_encoder", lambda _report: None)
    with ml_tasks.temporarily(Topics):
        yield


@pytest.fixture
def boss(db: None) -> User:
    """Another administrator."""
    return make_user("admin", "Bea Second")


def trained() -> ModelVersion:
    """A version that came of a training."""
    run = start_training(task=Topics.key, trigger=TrainingRun.Trigger.MANUAL, by=BY)
    carry_out_run(run_id=run.pk, by=BY)
    return ModelVersion.objects.get(run=run)


def candidate(number: int, **fields: Any) -> ModelVersion:
    """A version that passed, without files."""
    version = ModelVersion.objects.create(
        task=Topics.key, number=number, kind="k", digest=f"d{number}", **fields
    )
    GateResult.objects.create(version=version, gate="golden", state="skipped")
    return version


@pytest.fixture
def live() -> ModelVersion:
    """A version in service without files or figures."""
    version = candidate(1)
    promote_version(version=version, by=BY, reason="first")
    return version


@pytest.fixture
def measured() -> ModelVersion:
    """A trained version in service."""
    version = trained()
    promote_version(version=version, by=BY, reason="first")
    version.refresh_from_db()
    return version


def text(client: Client, path: str = "", status: int = 200) -> str:
    response = client.get(f"/models/{Topics.key}/{path}")
    assert response.status_code == status
    return unescape(response.content.decode())


def act(client: Client, number: int, name: str, **body: str) -> Any:
    return client.post(f"/models/{Topics.key}/versions/{number}/{name}/", body)


def test_figures_of_two_versions_are_about_the_same_rows(
    measured: ModelVersion, analyst: User, login: Login
) -> None:
    """The same learner on the same rows: no difference, and the page says on how many rows."""
    challenger = trained()
    page = text(login(analyst))
    rows = measured.metrics["held_out_rows"]
    assert f"the same {rows} labelled rows" in page
    assert f"Live v{measured.number}" in page
    assert f"v{challenger.number}" in page
    assert "0.0 to 0.0" in page
    assert f"{100 * measured.metrics['accuracy']:.1f}" in page


def test_a_figure_leads_to_exactly_the_answers_behind_it(
    measured: ModelVersion, admin: User, login: Login
) -> None:
    browser = login(admin)
    address = f"/models/{Topics.key}/versions/{measured.number}/answers/"
    everything = browser.get(address).context
    assert everything["total"] == measured.metrics["held_out_rows"]
    assert all(line.subject for line in everything["lines"])
    wrong = browser.get(f"{address}?wrong=1").context["total"]
    assert wrong == round((1 - measured.metrics["accuracy"]) * everything["total"])
    truth = everything["lines"][-1].row.truth
    one = browser.get(address, {"truth": truth, "answer": truth}).context["lines"]
    assert {(line.row.truth, line.row.answer) for line in one} == {(truth, truth)}
    bins = browser.get(f"/models/{Topics.key}/").context["compared"].our_bins
    counted = [browser.get(f"{address}?bin={one.number}").context["total"] for one in bins]
    assert counted == [one.rows for one in bins]
    assert sum(counted) == everything["total"]


def test_a_damaged_file_of_answers_is_told(measured: ModelVersion, admin: User, login: Login) -> None:
    assert measured.run is not None
    Path(settings.MODEL_DIR, measured.run.held_out_path).write_bytes(b"other")
    assert "missing or was changed" in text(login(admin), f"versions/{measured.number}/answers/")


def test_two_people_bring_a_version_into_service_and_one_click_takes_it_out(
    live: ModelVersion, admin: User, boss: User, login: Login
) -> None:
    """Propose, approve by another person, promote, roll back; each step says what changes."""
    challenger = candidate(live.number + 1)
    first, second = login(admin), login(boss)
    page = text(first)
    assert 'data-open-dialog="propose"' in page
    assert 'data-open-dialog="promote"' not in page
    act(first, challenger.number, "propose", reason="newer tickets")
    assert 'data-open-dialog="approve"' not in text(first)
    assert "you proposed or trained it" in text(first)
    assert 'data-open-dialog="approve"' in text(second)
    act(second, challenger.number, "approve", comment="fine")
    page = text(first)
    assert f"v{challenger.number} answers from the next prediction on, and v{live.number} stops" in page
    act(first, challenger.number, "promote")
    assert ModelAlias.objects.get(task=Topics.key).version_id == challenger.pk
    page = text(first)
    assert f"Roll back to v{live.number}" in page
    assert f"v{challenger.number} stops answering, and v{live.number} answers" in page
    first.post(f"/models/{Topics.key}/roll-back/", {"reason": "wrong labels"})
    assert ModelAlias.objects.get(task=Topics.key).version_id == live.pk
    assert "wrong labels" in text(first, "versions/")


def test_who_proposed_cannot_decide_by_the_address_either(
    live: ModelVersion, admin: User, login: Login
) -> None:
    challenger = candidate(live.number + 1)
    browser = login(admin)
    act(browser, challenger.number, "propose", reason="newer")
    assert act(browser, challenger.number, "approve").status_code == 403
    assert Approval.objects.get().state == Approval.State.PENDING


def test_a_request_about_a_retired_version_offers_no_decision(
    live: ModelVersion, admin: User, boss: User, login: Login
) -> None:
    """Left by a version that was retired before requests were withdrawn with it."""
    challenger = candidate(live.number + 1)
    act(login(admin), challenger.number, "propose", reason="newer")
    decider, query = login(boss), f"?with={challenger.number}"
    assert 'data-open-dialog="approve"' in text(decider, query)
    ModelVersion.objects.filter(pk=challenger.pk).update(stage=Stage.RETIRED)
    assert 'data-open-dialog="approve"' not in text(decider, query)
    act(decider, challenger.number, "approve", comment="fine")
    challenger.refresh_from_db()
    assert challenger.stage == Stage.RETIRED


def test_changes_are_asked_for_with_a_sentence(
    live: ModelVersion, admin: User, boss: User, login: Login
) -> None:
    challenger = candidate(live.number + 1)
    act(login(admin), challenger.number, "propose", reason="newer")
    decider = login(boss)
    act(decider, challenger.number, "reject", comment=" ")
    challenger.refresh_from_db()
    assert challenger.stage == Stage.CANDIDATE
    assert "Say what has to change" in text(decider)
    act(decider, challenger.number, "reject", comment="spoils chats")
    challenger.refresh_from_db()
    assert challenger.stage == Stage.REJECTED
    assert "spoils chats" in text(decider, f"?with={challenger.number}")


def test_a_rollback_needs_a_reason(live: ModelVersion, admin: User, login: Login) -> None:
    browser = login(admin)
    answer = browser.post(f"/models/{Topics.key}/roll-back/", {"reason": ""}, follow=True)
    assert "Say why." in unescape(answer.content.decode())
    assert ModelAlias.objects.filter(task=Topics.key).exists()
    browser.post(f"/models/{Topics.key}/roll-back/", {"reason": "bad"})
    assert not ModelAlias.objects.filter(task=Topics.key).exists()
    assert "rules answer" in text(browser)


def test_trials_start_and_end(live: ModelVersion, admin: User, login: Login) -> None:
    challenger = candidate(live.number + 1)
    browser = login(admin)
    act(browser, challenger.number, "shadow")
    assert ModelAlias.objects.get(name="shadow").version_id == challenger.pk
    assert "End the trial" in text(browser)
    browser.post(f"/models/{Topics.key}/end-trial/shadow/")
    assert not ModelAlias.objects.filter(name="shadow").exists()
    act(browser, challenger.number, "canary")
    assert not ModelAlias.objects.filter(name="canary").exists()


def test_a_training_starts_and_is_watched(admin: User, login: Login) -> None:
    browser = login(admin)
    assert "No model yet" in text(browser)
    answer = browser.post(f"/models/{Topics.key}/train/")
    job = Job.objects.get(kind="ml.train")
    assert answer["Location"] == f"/settings/jobs/{job.pk}/"
    part = text(browser, "training/")
    assert "Queued" in part
    assert "every 3s" in part
    carry_out_run(run_id=TrainingRun.objects.get().pk, by=BY)
    part = text(browser, "training/")
    assert "every 3s" not in part
    assert f"/models/{Topics.key}/versions/1/" in part


@pytest.mark.parametrize(
    "path", ["", "versions/", "versions/1/", "versions/1/answers/", "corrections/", "watch/"]
)
def test_pages_are_for_who_may_see_models(
    live: ModelVersion, agent: User, analyst: User, login: Login, path: str
) -> None:
    text(login(agent), path, 403)
    text(login(analyst), path)


@pytest.mark.parametrize("path", ["train/", "roll-back/", "versions/1/promote/", "versions/1/retire/"])
def test_who_may_only_see_changes_nothing(
    live: ModelVersion, lead_user: User, login: Login, path: str
) -> None:
    browser = login(lead_user)
    page = text(browser)
    assert "data-open-dialog" not in page
    moves, runs = AliasChange.objects.count(), TrainingRun.objects.count()
    assert browser.post(f"/models/{Topics.key}/{path}", {"reason": "x"}).status_code == 403
    assert (AliasChange.objects.count(), TrainingRun.objects.count()) == (moves, runs)


def test_a_version_shows_its_card_and_lineage(measured: ModelVersion, analyst: User, login: Login) -> None:
    assert measured.run is not None
    assert measured.run.snapshot is not None
    browser = login(analyst)
    page = text(browser, f"versions/{measured.number}/")
    for told in (
        measured.digest[:16],
        measured.run.snapshot.digest[:16],
        measured.run.code_digest[:16],
        "without a second person",
    ):
        assert told in page
    file = browser.get(f"/models/{Topics.key}/versions/{measured.number}/card.md")
    assert file["Content-Type"].startswith("text/markdown")
    assert file.content.decode().startswith(f"# Topics: {measured.label}")


def test_corrections_are_counted_by_pair(live: ModelVersion, analyst: User, login: Login) -> None:
    for number, (was, label) in enumerate([("billing", "access")] * 3 + [("access", "delivery")]):
        Feedback.objects.create(
            task=Topics.key,
            subject_kind="ticket",
            subject_id=number,
            predicted_label=was,
            label=label,
            source=Feedback.Source.CORRECTION,
        )
    browser = login(analyst)
    context = browser.get(f"/models/{Topics.key}/corrections/").context
    assert [(pair["truth"], pair["answer"], pair["count"]) for pair in context["confusions"]] == [
        ("access", "billing", 3),
        ("delivery", "access", 1),
    ]
    narrowed = browser.get(f"/models/{Topics.key}/corrections/", {"was": "access", "label": "delivery"})
    assert [row.subject_id for row, *_rest in narrowed.context["rows"]] == [3]
    assert "Ticket 3" in narrowed.content.decode()


def test_a_correction_is_confirmed_by_who_audits(
    live: ModelVersion, lead_user: User, analyst: User, login: Login
) -> None:
    said = Feedback.objects.create(
        task=Topics.key, subject_kind="ticket", subject_id=3, predicted_label="billing", label="access",
        source=Feedback.Source.CORRECTION,
    )  # fmt: skip
    address = f"/models/{Topics.key}/corrections/{said.pk}/confirm/"
    assert login(analyst).post(address).status_code == 403
    browser = login(lead_user)
    assert address in text(browser, "corrections/")
    browser.post(address)
    assert Feedback.objects.filter(source="qa", label="access", subject_id=3, user=lead_user.pk).count() == 1
    assert address not in text(browser, "corrections/")


def test_a_version_that_no_gate_has_seen_is_not_judged(
    live: ModelVersion, analyst: User, login: Login
) -> None:
    ModelVersion.objects.create(task=Topics.key, number=2, kind="k", digest="d2")
    page = text(login(analyst))
    assert ("Not judged" in page, "of 0 gates" in page) == (True, False)


def test_unknown_tasks_versions_and_steps_are_not_found(
    live: ModelVersion, admin: User, login: Login
) -> None:
    browser = login(admin)
    assert browser.get("/models/nothing/").status_code == 404
    for path in ("versions/99/", "?with=99", "?with=x", f"?with={live.number}"):
        text(browser, path, 404)
    assert act(browser, live.number, "explode").status_code == 404


@pytest.mark.parametrize("path", ["", "versions/", "corrections/", "watch/"])
def test_a_page_costs_the_same_for_any_number(
    live: ModelVersion, admin: User, login: Login, path: str
) -> None:
    """Few or many versions, predictions and corrections: the same queries."""
    browser = login(admin)

    def grow(start: int, count: int) -> None:
        for number in range(start, start + count):
            candidate(number, created_by=admin)
            prediction = Prediction.objects.create(
                task=Topics.key,
                subject_kind="ticket",
                subject_id=number,
                version=live,
                label="a",
                probability=1,
            )
            Feedback.objects.create(
                task=Topics.key,
                subject_kind="ticket",
                subject_id=number,
                prediction=prediction,
                predicted_label="a",
                label="b",
                source=Feedback.Source.CORRECTION,
                user=admin,
            )

    grow(10, 2)
    text(browser, path)
    with CaptureQueriesContext(connection) as few:
        text(browser, path)
    grow(20, 15)
    with CaptureQueriesContext(connection) as many:
        text(browser, path)
    assert len(few) == len(many)
    assert len(many) < 30


def drawn(subject: int, version: ModelVersion) -> AuditItem:
    """An open item of the blind audit."""
    return AuditItem.objects.create(
        task=Topics.key,
        subject_kind="ticket",
        subject_id=subject,
        version=version,
        predicted_label="billing",
        stratum="sure",
        inclusion_probability=0.5,
        day=timezone.localdate(),
    )


def test_an_audit_hides_what_the_model_said_and_counts_the_answer(
    live: ModelVersion, lead_user: User, login: Login
) -> None:
    first, second = drawn(1, live), drawn(2, live)
    browser = login(lead_user)
    assert "Label 2 subjects" in text(browser, "watch/")
    context = browser.get(f"/models/{Topics.key}/audit/").context
    assert (context["item"], context["left"]) == (first, 2)
    page = text(browser, "audit/")
    assert 'data-hotkey="choose-3"' in page
    told = browser.post(f"/models/{Topics.key}/audit/{first.pk}/", {"label": "access"}, follow=True)
    assert "access; the model had said billing." in unescape(told.content.decode())
    assert told.context["item"] == second
    browser.post(f"/models/{Topics.key}/audit/{second.pk}/", {"skip": "1", "label": ""})
    assert set(AuditItem.objects.values_list("state", "label")) == {("answered", "access"), ("skipped", "")}
    assert "Nothing to label" in text(browser, "audit/")
    weeks = browser.get(f"/models/{Topics.key}/watch/").context["weeks"]
    assert [(week.estimate.value, week.estimate.rows) for week in weeks] == [(0, 1)]


def test_an_unknown_label_changes_nothing(live: ModelVersion, lead_user: User, login: Login) -> None:
    item = drawn(1, live)
    told = login(lead_user).post(f"/models/{Topics.key}/audit/{item.pk}/", {"label": "magic"}, follow=True)
    assert "Choose one of" in unescape(told.content.decode())
    item.refresh_from_db()
    assert item.state == AuditItem.State.OPEN


def test_only_who_may_audit_answers(live: ModelVersion, analyst: User, login: Login) -> None:
    item = drawn(1, live)
    browser = login(analyst)
    text(browser, "audit/", 403)
    assert browser.post(f"/models/{Topics.key}/audit/{item.pk}/", {"label": "access"}).status_code == 403
    assert f"/models/{Topics.key}/audit/" not in text(browser, "watch/")


def test_drift_is_shown_by_window_and_a_stop_is_ended(live: ModelVersion, admin: User, login: Login) -> None:
    now = timezone.now()
    for number, verdict in ((1, "ok"), (2, "watch"), (3, "alarm")):
        DriftWindow.objects.create(
            task=Topics.key, version=live, number=number, item="channel", test="chi2", rows=250, reference_rows=1000,
            statistic=1, effect=0.2, p_value=0.01, p_adjusted=0.02, psi=0.31, verdict=verdict, first_prediction=1,
            last_prediction=2, starts_at=now, ends_at=now,
        )  # fmt: skip
    stop = RollbackEvent.objects.create(
        task=Topics.key, trigger="accuracy", outcome="frozen", from_version=live
    )
    browser = login(admin)
    (line,) = browser.get(f"/models/{Topics.key}/watch/").context["drift"]
    assert [cell["css"] for cell in line["cells"]] == ["", "w", "b"]
    assert (line["verdict"], line["psi"]) == ("Alarm", "0.31")
    browser.post(f"/models/{Topics.key}/stops/{stop.pk}/end/")
    stop.refresh_from_db()
    assert stop.ended_by == admin
    assert "ended by" in text(browser, "watch/")

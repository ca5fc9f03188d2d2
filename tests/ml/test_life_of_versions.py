"""From candidate to retired: four eyes, promotion, trials, rollback, and what may never serve."""

from collections.abc import Iterable, Iterator

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.models import Approval, Event
from ml.models import AliasChange, GateResult, GoldenCase, ModelAlias, ModelVersion, TrainingRun
from ml.registry import Example, TextTask, ml_tasks
from ml.services.carry_out_run import carry_out_run
from ml.services.erase_subjects import erase_subjects
from ml.services.promote_version import promote_version
from ml.services.propose_version import decide_version, propose_version
from ml.services.retire_version import retire_version
from ml.services.roll_back import former_champion, roll_back
from ml.services.set_trial import end_trial, set_trial
from ml.services.start_training import start_training
from ml.serving import loading
from ml.serving.loading import NotLoaded, load_champion, load_version
from people.models import ApiKey, User
from people.viewer import system_viewer
from tests.conftest import make_user
from tests.ml.fakes import text_examples

pytestmark = pytest.mark.django_db
BY = system_viewer("command")
Stage = ModelVersion.Stage


class Topics(TextTask):
    """Invented tickets."""

    key = "test-life"
    title = "Topics"

    def rows(self) -> Iterable[Example]:
        return text_examples()


@pytest.fixture(autouse=True)
def _task(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("ml.registry.available_encoder", lambda _report: None)
    monkeypatch.setattr(loading, "_loaded", {})
    monkeypatch.setattr(loading, "_failed", {})
    with ml_tasks.temporarily(Topics):
        yield


@pytest.fixture
def boss(db: None) -> User:
    """Another administrator."""
    return make_user("admin", "Bea Second")


def stored(number: int, stage: Stage = Stage.CANDIDATE, **fields: object) -> ModelVersion:
    """A version as the gates have left it, without files."""
    version = ModelVersion.objects.create(
        task=Topics.key, number=number, kind="k", digest=f"d{number}", stage=stage, **fields
    )
    GateResult.objects.create(version=version, gate="golden", state="skipped")
    return version


def approve(version: ModelVersion, asker: User, decider: User) -> None:
    propose_version(version=version, by=asker.as_viewer(), reason="newer tickets", checklist=["slices"])
    decide_version(version=version, approve=True, by=decider.as_viewer(), comment="fine")


def serving() -> int | None:
    alias = ModelAlias.objects.filter(task=Topics.key, name="champion").select_related("version").first()
    return alias.version.number if alias else None


def test_a_run_ends_with_the_verdict_of_every_gate() -> None:
    GoldenCase.objects.create(
        task=Topics.key, subject_kind="ticket", subject_id=9, text="my refund", label="billing"
    )
    run = start_training(task=Topics.key, trigger=TrainingRun.Trigger.MANUAL, by=BY)
    run = carry_out_run(run_id=run.pk, by=BY)
    first = ModelVersion.objects.get(run=run)
    verdicts = dict(first.gates.values_list("gate", "state"))
    assert verdicts["better_than_baseline"] == verdicts["golden"] == verdicts["cost"] == "passed"
    assert verdicts["champion"] == "skipped"
    promote_version(version=first, by=BY)
    erase_subjects(subjects={"ticket": [9]}, by=BY)
    assert not GoldenCase.objects.exists()

    GoldenCase.objects.create(task=Topics.key, text="my refund", label="delivery")
    run = start_training(task=Topics.key, trigger=TrainingRun.Trigger.MANUAL, by=BY)
    run = carry_out_run(run_id=run.pk, by=BY)
    second = ModelVersion.objects.get(run=run)
    assert (second.stage, second.stage_reason) == (Stage.REJECTED, "gates: golden")
    # The champion's trial had not seen the same 24 rows: too few to compare by.
    assert second.gates.get(gate="champion").observed == "only 24 rows that neither had seen"
    assert "gate golden failed" in run.log


def test_the_first_version_serves_alone_and_every_other_needs_a_second_person(
    admin: User, lead_user: User
) -> None:
    first, second = stored(1), stored(2)
    promote_version(version=first, by=BY, reason="first training")
    change = AliasChange.objects.get(task=Topics.key)
    assert (change.kind, change.approval, change.to_version) == ("first", None, first)
    with pytest.raises(ValidationError, match="Another person"):
        promote_version(version=second, by=admin.as_viewer())
    assert serving() == 1
    approve(second, admin, lead_user)
    promote_version(version=second, by=admin.as_viewer(), reason="better on chats")
    change = AliasChange.objects.filter(task=Topics.key)[0]
    assert (change.kind, change.from_version, change.to_version) == ("promotion", first, second)
    assert change.approval is not None
    assert (change.approval.requested_by, change.approval.decided_by) == (admin, lead_user)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.stage, second.stage) == (Stage.APPROVED, Stage.LIVE)
    told = Event.objects.filter(
        verb__in=["core.approval_requested", "core.approval_decided", "ml.version_promoted"]
    )
    assert told.count() == 4


def test_nobody_approves_what_is_their_own(admin: User, lead_user: User, boss: User) -> None:
    version = stored(1, created_by=boss)
    approval = propose_version(version=version, by=admin.as_viewer(), reason="better")
    assert propose_version(version=version, by=boss.as_viewer(), reason="me too") == approval
    for viewer in (admin.as_viewer(), admin.as_viewer("api"), boss.as_viewer()):
        with pytest.raises(PermissionDenied, match="Somebody else"):
            decide_version(version=version, approve=True, by=viewer)
    # Neither the table nor a key nor the product itself is a way around a second person.
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(decided_by=admin, state="approved")
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(state="approved")
    with pytest.raises(PermissionDenied, match="person"):
        decide_version(version=version, approve=True, by=system_viewer())
    key = ApiKey(name="ci", scopes=["ml:write"], created_by=lead_user)
    with pytest.raises(PermissionDenied):
        decide_version(version=version, approve=True, by=key.as_viewer())
    with pytest.raises(PermissionDenied):
        propose_version(version=stored(2), by=key.as_viewer(), reason="better")
    version.refresh_from_db()
    assert version.stage == Stage.CANDIDATE
    decide_version(version=version, approve=True, by=lead_user.as_viewer())
    with pytest.raises(ValidationError, match="Nobody"):
        decide_version(version=version, approve=False, by=lead_user.as_viewer())


@pytest.mark.parametrize("end", ["retired", "first"])
def test_what_serves_or_is_retired_is_not_decided_any_more(admin: User, lead_user: User, end: str) -> None:
    version = stored(1)
    approval = propose_version(version=version, by=admin.as_viewer(), reason="better")
    if end == "retired":
        retire_version(version=version, by=admin.as_viewer(), reason="learned from spam")
    else:
        promote_version(version=version, by=BY)
    approval.refresh_from_db()
    assert approval.state == Approval.State.WITHDRAWN
    # Also what was asked before such requests were withdrawn.
    Approval.objects.filter(pk=approval.pk).update(state=Approval.State.PENDING, decided_at=None)
    for yes in (True, False):
        with pytest.raises(ValidationError, match="candidate"):
            decide_version(version=version, approve=yes, by=lead_user.as_viewer())
    version.refresh_from_db()
    assert version.stage == (Stage.RETIRED if end == "retired" else Stage.LIVE)


def test_requests_need_a_reason_rights_and_a_candidate(admin: User, lead_user: User, agent: User) -> None:
    version = stored(1)
    with pytest.raises(ValidationError, match="why"):
        propose_version(version=version, by=admin.as_viewer(), reason=" ")
    with pytest.raises(PermissionDenied):
        propose_version(version=version, by=lead_user.as_viewer(), reason="better")
    approval = propose_version(version=version, by=admin.as_viewer(), reason="better")
    with pytest.raises(PermissionDenied):
        decide_version(version=version, approve=True, by=agent.as_viewer())
    Approval.objects.filter(pk=approval.pk).update(expires_at=timezone.now())
    with pytest.raises(ValidationError, match="out of date"):
        decide_version(version=version, approve=True, by=lead_user.as_viewer())
    Approval.objects.filter(pk=approval.pk).update(expires_at=None)
    decide_version(version=version, approve=False, by=lead_user.as_viewer(), comment="worse on chats")
    unseen = stored(7)
    unseen.gates.all().delete()
    with pytest.raises(ValidationError, match="gates"):
        propose_version(version=unseen, by=admin.as_viewer(), reason="trust me")
    version.refresh_from_db()
    assert (version.stage, version.stage_reason) == (Stage.REJECTED, "worse on chats")
    for refused in (version, stored(2, Stage.RETIRED)):
        with pytest.raises(ValidationError):
            promote_version(version=refused, by=BY)
        with pytest.raises(ValidationError, match="candidate"):
            propose_version(version=refused, by=admin.as_viewer(), reason="again")


def test_the_table_knows_no_promotion_without_an_approval() -> None:
    version = stored(1)
    for kind in ("promotion", "trial"):
        with pytest.raises(IntegrityError), transaction.atomic():
            AliasChange.objects.create(task=Topics.key, name="champion", kind=kind, to_version=version)


def test_rolling_back_goes_one_promotion_back_each_time(admin: User, lead_user: User) -> None:
    versions = [stored(number) for number in (1, 2, 3)]
    promote_version(version=versions[0], by=BY)
    for version in versions[1:]:
        approve(version, admin, lead_user)
        promote_version(version=version, by=BY)
    assert serving() == 3
    with pytest.raises(ValidationError, match="why"):
        roll_back(task=Topics.key, by=admin.as_viewer(), reason="")
    with pytest.raises(PermissionDenied):
        roll_back(task=Topics.key, by=lead_user.as_viewer(), reason="wrong teams")
    change = roll_back(task=Topics.key, by=admin.as_viewer(), reason="wrong teams")
    assert (change.kind, change.user, serving()) == ("rollback", admin, 2)
    change = roll_back(task=Topics.key, by=system_viewer("task"), reason="guard", automatic=True)
    assert (change.kind, change.user, serving()) == ("automatic_rollback", None, 1)
    assert former_champion(Topics.key) is None
    change = roll_back(task=Topics.key, by=admin.as_viewer(), reason="still wrong")
    assert (change.to_version, serving(), load_champion(Topics.key)) == (None, None, None)
    with pytest.raises(ValidationError, match="No model"):
        roll_back(task=Topics.key, by=BY, reason="again")
    # What was approved once comes back by a promotion.
    promote_version(version=versions[2], by=BY)
    assert serving() == 3


def test_a_move_of_the_champion_ends_the_trials_of_both_versions(admin: User, lead_user: User) -> None:
    first, second, third = (stored(number) for number in (1, 2, 3))
    promote_version(version=first, by=BY)
    for version in (second, third):
        approve(version, admin, lead_user)
    set_trial(version=second, name="canary", by=BY, share=50)
    set_trial(version=third, name="shadow", by=BY)
    promote_version(version=second, by=BY)
    assert not ModelAlias.objects.filter(task=Topics.key, name="canary").exists()
    assert ModelAlias.objects.get(task=Topics.key, name="shadow").version == third
    # What an older installation has left.
    ModelAlias.objects.create(task=Topics.key, name="canary", version=second, share=50)
    change = roll_back(task=Topics.key, by=BY, reason="wrong teams")
    assert (change.kind, serving()) == ("rollback", 1)
    assert not ModelAlias.objects.filter(task=Topics.key, version=second).exists()
    assert AliasChange.objects.filter(task=Topics.key, name="canary", kind="end").count() == 2


def test_a_rollback_passes_over_what_may_not_serve(admin: User, lead_user: User) -> None:
    versions = [stored(number) for number in (1, 2, 3)]
    promote_version(version=versions[0], by=BY)
    for version in versions[1:]:
        approve(version, admin, lead_user)
        promote_version(version=version, by=BY)
    retire_version(version=versions[1], by=admin.as_viewer(), reason="learned from spam")
    assert roll_back(task=Topics.key, by=BY, reason="x").to_version == versions[0]
    with pytest.raises(ValidationError, match="in use"):
        retire_version(version=versions[0], by=admin.as_viewer(), reason="old")
    with pytest.raises(ValidationError, match="retired"):
        promote_version(version=versions[1], by=BY)


def test_a_retired_version_is_not_loaded_even_if_an_alias_points_to_it() -> None:
    run = start_training(task=Topics.key, trigger=TrainingRun.Trigger.MANUAL, by=BY)
    run = carry_out_run(run_id=run.pk, by=BY)
    version = ModelVersion.objects.get(run=run)
    promote_version(version=version, by=BY)
    ModelVersion.objects.filter(pk=version.pk).update(stage=Stage.RETIRED)
    assert load_champion(Topics.key) is None
    with pytest.raises(NotLoaded, match="retired"):
        load_version(ModelVersion.objects.get(pk=version.pk))


def test_trials(admin: User, lead_user: User) -> None:
    candidate, approved, rejected = stored(1), stored(2, Stage.APPROVED), stored(3, Stage.REJECTED)
    by = admin.as_viewer()
    for version, name, share in (
        (candidate, "canary", 10),
        (rejected, "shadow", 10),
        (approved, "canary", 60),
        (approved, "canary", 0),
        (approved, "champion", 10),
    ):
        with pytest.raises(ValidationError):
            set_trial(version=version, name=name, by=by, share=share)
    set_trial(version=candidate, name="shadow", by=by, share=100)
    set_trial(version=approved, name="canary", by=by, share=5)
    alias = set_trial(version=approved, name="canary", by=by, share=20, reason="no complaints")
    assert alias is not None
    assert alias.share == 20
    with pytest.raises(PermissionDenied):
        set_trial(version=approved, name="canary", by=lead_user.as_viewer())
    assert end_trial(task=Topics.key, name="canary", by=by)
    assert not end_trial(task=Topics.key, name="canary", by=by)
    assert not end_trial(task=Topics.key, name="champion", by=by)
    kinds = AliasChange.objects.filter(task=Topics.key, name="canary").values_list("kind", flat=True)
    assert list(kinds) == ["end", "trial", "trial"]

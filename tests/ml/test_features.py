"""Features: one join for training and for now, values as they were known, definitions that models depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.test import Client

from ml.datasets.checks import Data, run_checks
from ml.datasets.rows import Example, canonical, parse, row_digest
from ml.datasets.splitting import split_forward
from ml.features.join import Ask, features_as_of
from ml.features.views import (
    FeatureView,
    KeptView,
    Point,
    Value,
    definitions,
    feature,
    feature_views,
    versions_of,
)
from ml.models import FeatureValue, ModelVersion
from ml.registry import TabularTask, ml_tasks
from ml.services.materialise_features import materialise_features
from ml.serving.loading import NotLoaded, load_version
from people.models import User
from people.viewer import contact_viewer
from tests.ml.fakes import churn_rows
from tests.ml.test_runs import BY, MANUAL, carry_out_run, start_training

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Weather:
    """A state for tests."""

    degrees: float
    available_at: datetime


class WeatherView(FeatureView):
    key = "test-weather"
    entity = "contact"
    owner = "tests"
    given: dict[int, list[tuple[datetime, float]]] = {}

    def states(self, points: Sequence[Point]) -> Sequence[Weather | None]:
        found: list[Weather | None] = []
        for point in points:
            known = [one for one in self.given.get(point.id, []) if one[0] <= point.at]
            found.append(Weather(known[-1][1], known[-1][0]) if known else None)
        return found

    @feature(dtype="number", description="Degrees", version=3)
    def degrees(self, state: Weather) -> Value:
        return state.degrees

    @feature(dtype="flag", description="Below zero")
    def frost(self, state: Weather) -> Value:
        return state.degrees < 0


class QueueView(KeptView):
    key = "test-queue"
    entity = "agent"
    lives = timedelta(hours=4)
    counts: dict[datetime, dict[int, int]] = {}

    def definitions(self) -> Sequence[Any]:
        return [self.define("test_queue", 1, "number", "Waiting")]

    def measure(self, moments: Sequence[datetime]) -> Mapping[datetime, Mapping[int, Mapping[str, Value]]]:
        return {
            moment: {pk: {"test_queue": count} for pk, count in self.counts.get(moment, {}).items()}
            for moment in moments
        }


@pytest.mark.django_db
def test_the_join_gives_each_row_what_was_known_at_its_own_moment() -> None:
    with feature_views.temporarily(WeatherView) as view:
        view.given = {1: [(NOON, 4.0), (NOON + HOUR, -2.0)]}
        asks = [Ask(NOON + n * HOUR, {"contact": pk}) for n in (-1, 0, 1, 2) for pk in (1, 2)]
        asks.append(Ask(NOON, {}))
        rows = features_as_of(["contact.degrees", "contact.frost"], asks)
        assert [row.values["contact.degrees"] for row in rows] == [
            None,
            None,
            4.0,
            None,
            -2.0,
            None,
            -2.0,
            None,
            None,
        ]
        assert [row.values["contact.frost"] for row in rows][4] is True
        assert rows[6].available_at == NOON + HOUR
        one_by_one = [features_as_of(["contact.degrees", "contact.frost"], [ask])[0] for ask in asks]
        assert one_by_one == rows
        with pytest.raises(LookupError, match=r"contact\.rain"):
            features_as_of(["contact.rain"], asks)


@pytest.mark.django_db
def test_a_kept_value_counts_from_when_it_was_there_until_it_is_too_old() -> None:
    with feature_views.temporarily(QueueView):
        for hour, late, value in ((0, 0, 5), (1, 3, 7)):
            FeatureValue.objects.create(
                feature="agent.test_queue", version=1, entity_id=9, value=value,
                as_of=NOON + hour * HOUR, available_at=NOON + (hour + late) * HOUR,
            )  # fmt: skip
        FeatureValue.objects.create(  # of a former definition
            feature="agent.test_queue", version=0, entity_id=9, value=99, as_of=NOON + HOUR, available_at=NOON
        )
        asks = [Ask(NOON + n * HOUR, {"agent": 9}) for n in (-1, 0, 2, 3, 4, 5, 6)]
        values = [row.values["agent.test_queue"] for row in features_as_of(["agent.test_queue"], asks)]
        # What was measured for one o'clock arrived at four, and lived until five.
        assert values == [None, 5, 5, 5, 7, 7, None]


@pytest.mark.django_db
def test_hours_are_kept_once_when_they_change_and_after_a_pause() -> None:
    with feature_views.temporarily(QueueView) as view:
        view.counts = {NOON + n * HOUR: {1: 3 if n < 3 else 4} for n in range(6)}
        now = NOON + 5 * HOUR + timedelta(minutes=20)
        assert materialise_features(by=BY, now=now) == 4
        assert materialise_features(by=BY, now=now) == 0
        kept = FeatureValue.objects.order_by("as_of").values_list("as_of", "value")
        # Two hours are half a life: a value that still holds is stored again.
        assert [((at - NOON) // HOUR, value) for at, value in kept] == [(0, 3), (2, 3), (3, 4), (5, 4)]
        assert materialise_features(by=BY, now=now + HOUR) == 1  # nobody has a queue any more
        assert FeatureValue.objects.order_by("-as_of").first().value is None  # type: ignore[union-attr]
    with pytest.raises(PermissionDenied):
        materialise_features(by=contact_viewer(1, "portal"))


def test_two_views_do_not_define_one_feature() -> None:
    class Twin(WeatherView):
        key = "test-twin"

    twice = pytest.raises(ImproperlyConfigured, match=r"contact\.degrees")
    with feature_views.temporarily(WeatherView), feature_views.temporarily(Twin), twice:
        definitions()


def test_every_feature_says_what_it_is_and_whose() -> None:
    for one in definitions().values():
        assert one.owner
        assert str(one.description)
        assert one.sources
        assert one.name.startswith(f"{one.entity}.")


def example(number: int, **fields: Any) -> Example:
    return Example(number, number % 2, NOON + number * HOUR, features={"use": number}, **fields)


def test_a_feature_that_was_not_available_yet_stops_the_training() -> None:
    rows = [example(number, features_at=NOON) for number in range(40)]
    late = [replace(row, features_at=row.at + HOUR) if row.subject_id == 7 else row for row in rows]

    def found(examples: Sequence[Example]) -> tuple[str, bool, Sequence[int]]:
        checks = {
            check.key: (check, finding) for check, finding in run_checks(Data(examples, 10, NOON + 99 * HOUR))
        }
        check, finding = checks["known_in_time"]
        return check.severity, finding.ok, finding.samples

    assert found(rows) == ("block", True, [])
    assert found(late) == ("block", False, [7])


def test_an_outcome_that_was_not_known_is_not_learned_from() -> None:
    rows = [example(number, known_at=NOON + (number + 10) * HOUR) for number in range(100)]
    split = split_forward(rows)
    assert len(split.held) == 20
    assert max(row.known_at for row in split.train if row.known_at) <= split.since
    assert split.left_out == 9


def test_moments_of_a_row_are_kept_and_rows_without_them_keep_their_digest() -> None:
    plain, told = example(3), example(3, known_at=NOON, features_at=NOON)
    assert parse(canonical(told)) == told
    assert parse(canonical(plain)) == plain
    assert "known_at" not in canonical(plain)
    assert row_digest(plain) != row_digest(told)


class Leavers(TabularTask):
    key = "test-features"
    title = "Leavers"
    features = ("contact.degrees", "plan")
    uses = ("contact.degrees",)

    def rows(self) -> list[Example]:
        rows, outcomes = churn_rows()
        return [
            Example(
                number,
                outcome,
                NOON + number * HOUR,
                features={"contact.degrees": row["use"], "plan": row["plan"]},
                group=str(number),
            )
            for number, (row, outcome) in enumerate(zip(rows, outcomes, strict=True))
        ]


@pytest.mark.django_db
def test_a_model_does_not_serve_once_a_feature_means_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with ml_tasks.temporarily(Leavers), feature_views.temporarily(WeatherView):
        run = carry_out_run(run_id=start_training(task=Leavers.key, trigger=MANUAL, by=BY).pk, by=BY)
        assert run.snapshot is not None
        assert run.snapshot.feature_versions == {"contact.degrees": 3} == versions_of(Leavers.uses)
        version = ModelVersion.objects.get(run=run)
        version.stage = "approved"
        monkeypatch.setattr(WeatherView.degrees, "declared", replace(WeatherView.degrees.declared, version=4))  # type: ignore[attr-defined]
        with pytest.raises(NotLoaded, match=r"contact\.degrees"):
            load_version(version)
        monkeypatch.undo()
        monkeypatch.setattr("ml.serving.loading.RETRY_SECONDS", 0.0)
        assert load_version(version) is not None


@pytest.mark.django_db
def test_the_catalogue_tells_who_owns_and_uses_a_feature(client: Client, admin: User) -> None:
    with ml_tasks.temporarily(Leavers), feature_views.temporarily(WeatherView):
        carry_out_run(run_id=start_training(task=Leavers.key, trigger=MANUAL, by=BY).pk, by=BY)
        client.force_login(admin)
        shown = client.get("/models/features/")
        assert shown.status_code == 200
        text = shown.content.decode()
        assert "degrees v3" in text
        assert "Leavers" in text
        listed = {one["name"]: one for one in client.get("/api/v1/ml/features/").json()}
    degrees = listed["contact.degrees"]
    assert (degrees["version"], degrees["entity"], degrees["owner"]) == (3, "contact", "tests")
    assert degrees["used_by"] == [{"task": "test-features", "champion": "", "versions": {"3": ["v1"]}}]
    assert listed["account.users"]["used_by"][0]["task"] == "churn"


@pytest.mark.django_db
def test_the_catalogue_is_for_who_may_see_models(client: Client, agent: User) -> None:
    client.force_login(agent)
    assert client.get("/models/features/").status_code == 403
    assert client.get("/api/v1/ml/features/").status_code == 403

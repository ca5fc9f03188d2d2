"""Figures: each says the same on the page, over REST and as CSV, and is the number of rows behind its link."""

import csv
import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from insights.charts import AGES, ages_of_backlog, arrivals, slots_of_opening, volume
from insights.figures import PARTS, Scope, figure, figure_with_previous, figures_by, read_scope, rows_behind
from insights.periods import Period, read_period
from insights.registry import Count, Quantiles, Ratings, kpis, kpis_in_order
from insights.report import is_share
from insights.sources import DIMENSIONS
from people.models import Team, User
from people.viewer import system_viewer
from tests.insights.conftest import World
from tickets.models import Episode, Tag, Ticket, TicketTag

Ago = Callable[[float], datetime]
KEYS = [kpi.key for kpi in kpis_in_order()]


def scope(user: User | None = None, **params: str) -> Scope:
    viewer = system_viewer() if user is None else user.as_viewer()
    return read_scope(viewer, params, zone=UTC)


def rest(browser: Client, **params: str) -> dict[str, Any]:
    answer = browser.get("/api/v1/insights/kpis/", {"timezone": "UTC", **params})
    assert answer.status_code == 200, answer.content
    return {kpi["key"]: kpi for kpi in answer.json()["kpis"]}


def test_the_first_figures_are_there() -> None:
    assert set(KEYS) >= {
        "opened", "resolved", "backlog", "first_response", "resolution_time", "sla_first_response", "sla_next_response",
        "sla_resolution", "reopen_rate", "one_touch", "csat", "negative_mood",
    }  # fmt: skip
    for kpi in kpis_in_order():
        assert str(kpi.definition).endswith(".")
        assert kpi.cohort or kpi.key == "backlog"


@pytest.mark.parametrize(
    "params", [{}, {"period": "7"}, {"period": "90", "priority": "high"}, {"channel": "api"}]
)
def test_page_rest_and_csv_agree_and_each_number_is_what_its_link_shows(
    busy: World, lead_user: User, login: Any, params: dict[str, str]
) -> None:
    browser = login(lead_user)
    page = unescape(browser.get("/insights/", params).content.decode())
    by_rest = rest(browser, **params)
    lines = list(csv.DictReader(browser.get("/insights/export/", params).content.decode().splitlines()))
    by_csv = {line["kpi"]: line for line in lines}
    assert set(by_rest) == set(by_csv) == set(KEYS)
    for key, told in by_rest.items():
        line = by_csv[key]
        assert line["n"] == str(told["n"]), key
        assert (line["value"] == "") is (told["value"] is None), key
        if told["value"] is not None:
            assert math.isclose(float(line["value"]), told["value"], abs_tol=1e-6), key
        assert line["definition"] == told["definition"]
        assert told["definition"] in page
        url = told["tickets_url"]
        assert f'href="{url}"' in page, key
        behind = browser.get(url).content.decode()
        shown = re.search(r"([\d,]+) counted", behind)
        assert shown is not None
        assert int(shown[1].replace(",", "")) == told["n"], key
        listed = browser.get(url.replace("/insights/", "/api/v1/insights/") + "&timezone=UTC").json()
        assert listed["count"] == told["n"], key


def test_the_page_shows_the_values_of_rest(busy: World, lead_user: User, login: Any) -> None:
    browser = login(lead_user)
    page = browser.get("/insights/").content.decode()
    tiles = dict(re.findall(r"<h3>([^<]+)</h3>\s*<a class=\"v\"[^>]*>([\d.,–]+)<?", page))
    told = rest(browser)
    assert tiles["New tickets"] == f"{told['opened']['value']:.0f}"
    assert tiles["Backlog"] == f"{told['backlog']['value']:.0f}"
    assert tiles["CSAT"] == f"{told['csat']['value'] * 100:.1f}"
    assert tiles["SLA solution"] == f"{told['sla_resolution']['value'] * 100:.1f}"


@pytest.mark.parametrize("dimension", list(DIMENSIONS))
def test_groups_are_what_their_filters_say(busy: World, lead_user: User, dimension: str) -> None:
    tag = Tag.objects.create(name="refund")
    TicketTag.objects.bulk_create(TicketTag(ticket=one, tag=tag) for one in Ticket.objects.all()[:20])
    whole = scope(lead_user, period="60")
    for kpi in kpis_in_order():
        groups = figures_by(kpi, whole, dimension)
        for value, found in groups.items():
            asked = {"period": "60", dimension: "none" if value is None else str(value)}
            assert figure(kpi, scope(lead_user, **asked)) == found, (kpi.key, value)
        if dimension != "tag" and isinstance(kpi.measure, Count):
            assert sum(found.n for found in groups.values()) == figure(kpi, whole).n


def test_parts_of_shares_sum_to_all_and_their_links_hold_them(
    busy: World, lead_user: User, login: Any
) -> None:
    whole = scope(lead_user)
    browser = login(lead_user)
    for kpi in kpis_in_order():
        if not is_share(kpi):
            continue
        found = figure(kpi, whole)
        counts = {part: rows_behind(kpi, whole, part=part).count() for part in PARTS}
        assert counts["hit"] + counts["miss"] == counts["all"] == found.n, kpi.key
        assert counts["hit"] == (found.hits or 0), kpi.key
        for part in PARTS:
            listed = browser.get(f"/api/v1/insights/tickets/?kpi={kpi.key}&part={part}&timezone=UTC").json()
            assert listed["count"] == counts[part]


def test_the_period_before_is_as_long_and_counted_alike(world: World, ago: Ago, lead_user: User) -> None:
    for days in (1, 2, 3, 8, 9, 20):
        world.episode(ago(days))
    now, before = figure_with_previous(kpis.get("opened"), scope(lead_user, period="7"))
    assert (now.n, before.n) == (3, 2)
    first = timezone.now().date() - timedelta(days=20)
    told = scope(lead_user, **{"from": first.isoformat(), "to": (first + timedelta(days=9)).isoformat()})
    assert told.period.days == 10
    assert told.period.previous == (told.period.start - timedelta(days=10), told.period.start)


def test_csat_counts_the_asked_the_answers_and_the_good_ones(world: World, ago: Ago, lead_user: User) -> None:
    for score in (5, 4, 3, 1, None, None, None, None):
        world.survey(world.episode(ago(3), resolved_at=ago(2)), ago(2), score)
    found = figure(kpis.get("csat"), scope(lead_user))
    assert (found.value, found.n, found.asked, found.mean) == (0.5, 4, 8, 3.25)
    assert found.response_rate == 0.5


def test_nothing_counted_is_no_zero(lead_user: User) -> None:
    whole = scope(lead_user)
    assert figure(kpis.get("opened"), whole).value == 0
    for key in ("first_response", "csat", "sla_resolution", "one_touch"):
        assert figure(kpis.get(key), whole).value is None


def test_merged_tickets_count_nowhere(busy: World, lead_user: User) -> None:
    whole = scope(lead_user)
    before = figure(kpis.get("opened"), whole).n
    first = rows_behind(kpis.get("opened"), whole)[0]
    Episode.objects.filter(pk=first.pk).update(is_counted=False)
    assert figure(kpis.get("opened"), whole).n == before - 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_nearest_rank_is_the_rule_of_the_definition(values: list[int]) -> None:
    ordered = sorted(values)
    for share in (50, 90):
        rank = (len(ordered) * share + 99) // 100
        chosen = ordered[rank - 1]
        assert sum(value <= chosen for value in ordered) * 100 >= share * len(ordered)
        assert sum(value < chosen for value in ordered) * 100 < share * len(ordered)


@pytest.mark.parametrize("count", [1, 2, 3, 9, 10, 11, 37])
def test_percentiles_in_the_database_are_those_of_the_rule(
    world: World, ago: Ago, lead_user: User, count: int
) -> None:
    values = [(place * 7919) % 1000 for place in range(count)]
    for value in values:
        world.episode(ago(2), first_response_business_seconds=value)
    world.episode(ago(2), first_response_business_seconds=None)
    found = figure(kpis.get("first_response"), scope(lead_user))
    ordered = sorted(values)
    assert isinstance(kpis.get("first_response").measure, Quantiles)
    assert found.value == ordered[math.ceil(count * 0.5) - 1]
    assert found.p90 == ordered[math.ceil(round(count * 0.9, 9)) - 1]
    assert found.n == count


# --- who sees what ----------------------------------------------------------------------------------------------------


def test_agents_see_their_own_and_their_teams_figures(
    busy: World, agent: User, lead_user: User, team: Team, login: Any
) -> None:
    own = scope(agent, period="60")
    for kpi in kpis_in_order():
        for row in rows_behind(kpi, own):
            holder = getattr(row, "episode", row if isinstance(row, Episode) else row.ticket)
            assert holder.team_id == team.pk or holder.assignee_id == agent.pk
    theirs, everybody = (
        figure(kpis.get("opened"), own).n,
        figure(kpis.get("opened"), scope(lead_user, period="60")).n,
    )
    assert 0 < theirs < everybody
    assert rest(login(agent), period="60")["opened"]["n"] == theirs
    assert "Legal" not in login(agent).get("/insights/?period=60").content.decode()


def test_a_ticket_that_went_to_a_private_team_leaves_the_figures_of_others(
    world: World, ago: Ago, agent: User, team: Team, private_team: Team
) -> None:
    episode = world.episode(ago(2), team=team, assignee=agent)
    assert figure(kpis.get("opened"), scope(agent)).n == 1
    Ticket.objects.filter(pk=episode.ticket_id).update(team=private_team, assignee=None)
    assert figure(kpis.get("opened"), scope(agent)).n == 0


def test_only_who_may_sees_figures(csm: User, analyst: User, login: Any, api: Any) -> None:
    assert login(csm).get("/insights/").status_code == 403
    assert login(analyst).get("/insights/").status_code == 200
    assert api("tickets:read").get("/api/v1/insights/kpis/").status_code == 403
    assert api("insights:read").get("/api/v1/insights/kpis/").status_code == 200


def test_a_key_for_figures_reads_numbers_and_no_ticket(
    busy: World, lead_user: User, login: Any, api: Any
) -> None:
    key = api("insights:read")
    told = rest(key, period="60", by="team")
    seen = rest(login(lead_user), period="60", by="team")
    for name, kpi in told.items():
        assert kpi["tickets_url"] == ""
        assert {**kpi, "tickets_url": ""} == {**seen[name], "tickets_url": ""}
    ticket = Ticket.objects.first()
    assert ticket is not None
    for path in (
        "/api/v1/insights/tickets/?kpi=opened",
        "/api/v1/tickets/",
        f"/api/v1/tickets/{ticket.pk}/",
        f"/api/v1/tickets/{ticket.pk}/messages/",
    ):
        answer = key.get(path)
        assert answer.status_code in {403, 404}, path
        assert ticket.subject not in answer.content.decode()
    both = api("insights:read", "tickets:read")
    listed = both.get("/api/v1/insights/tickets/?kpi=opened&period=60&timezone=UTC").json()
    assert listed["count"] == told["opened"]["n"] > 0


def test_a_key_for_figures_tells_no_agents_apart(busy: World, agent: User, api: Any) -> None:
    key = api("insights:read")
    for params in ({"by": "agent"}, {"agent": str(agent.pk)}):
        answer = key.get("/api/v1/insights/kpis/", params)
        assert answer.status_code == 400
        assert next(iter(params)) in answer.json()["errors"]
        assert agent.name not in answer.content.decode()
    assert (
        agent.name
        in api("insights:read", "people:read").get("/api/v1/insights/kpis/?by=agent").content.decode()
    )


def test_the_hidden_tickets_are_those_that_are_not_visible(
    busy: World, agent: User, lead_user: User, private_team: Team
) -> None:
    Ticket.objects.filter(
        pk__in=list(Ticket.objects.filter(team=private_team).values_list("pk", flat=True)[:3])
    ).update(assignee=agent)
    Ticket.objects.filter(team=private_team, assignee=lead_user).filter(number__lt=9030).update(assignee=None)
    everything = set(Ticket.objects.values_list("pk", flat=True))
    sizes = set()
    for viewer in (
        agent.as_viewer(),
        lead_user.as_viewer(),
        replace(agent.as_viewer(), team_ids=frozenset({private_team.pk})),
        replace(agent.as_viewer(), permissions=frozenset()),
        replace(agent.as_viewer(), user_id=None, team_ids=frozenset()),
    ):
        visible = set(Ticket.objects.visible_to(viewer).values_list("pk", flat=True))
        hidden = set(Ticket.objects.hidden_from(viewer).values_list("pk", flat=True))
        assert visible | hidden == everything
        assert not visible & hidden
        sizes.add(len(hidden))
    assert len(sizes) >= 4


# --- charts -----------------------------------------------------------------------------------------------------------


def test_the_backlog_of_each_day_follows_from_what_came_and_went(busy: World, lead_user: User) -> None:
    whole = scope(lead_user, period="30")
    opening = slots_of_opening(whole)
    drawn = volume(whole, opening, figure(kpis.get("backlog"), whole).n)
    assert sum(drawn.opened) == figure(kpis.get("opened"), whole).n
    assert sum(drawn.resolved) == figure(kpis.get("resolved"), whole).n
    assert drawn.backlog[-1] == figure(kpis.get("backlog"), whole).n
    for place in (3, 10, 20):
        day = drawn.starts[place]
        asked = scope(lead_user, **{"from": day.isoformat(), "to": day.isoformat()})
        assert drawn.backlog[place] == figure(kpis.get("backlog"), asked).n, day


def test_long_periods_are_drawn_in_weeks(busy: World, lead_user: User) -> None:
    whole = scope(lead_user, period="90")
    drawn = volume(whole, slots_of_opening(whole), figure(kpis.get("backlog"), whole).n)
    assert drawn.is_weekly
    assert sum(drawn.opened) == figure(kpis.get("opened"), whole).n


def test_ages_of_the_backlog_sum_to_it_and_link_to_theirs(busy: World, lead_user: User, login: Any) -> None:
    whole = scope(lead_user)
    groups = ages_of_backlog(whole)
    assert sum(group.count for group in groups) == figure(kpis.get("backlog"), whole).n
    browser = login(lead_user)
    for group in groups:
        listed = browser.get(f"/api/v1/insights/tickets/?kpi=backlog&age={group.low}&timezone=UTC").json()
        assert listed["count"] == group.count
    assert [group.low for group in groups] == [0, *AGES]


def test_days_and_hours_are_those_of_the_person(world: World, lead_user: User) -> None:
    zone = ZoneInfo("Asia/Kolkata")
    day = timezone.now().astimezone(zone).date() - timedelta(days=3)
    # 20:30 UTC the day before is two o'clock at night here.
    opened = datetime(day.year, day.month, day.day, 2, 0, tzinfo=zone)
    world.episode(opened.astimezone(UTC))
    asked = read_scope(lead_user.as_viewer(), {"from": day.isoformat(), "to": day.isoformat()}, zone=zone)
    assert figure(kpis.get("opened"), asked).n == 1
    heat = arrivals(asked, slots_of_opening(asked))
    assert heat.hours[0] == 2
    assert heat.means[day.weekday()][0] == 1.0
    assert volume(asked, slots_of_opening(asked), 1).opened == (1,)


# --- what is asked ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"period": "0"}, {"period": "x"}, {"period": "99999"}, {"from": "yesterday"}, {"from": "2026-03-02", "to": "2026-03-01"},
        {"from": "2020-01-01", "to": "2026-01-01"}, {"team": "x"}, {"tag": "'"}, {"agent": "9" * 30}, {"kpi": "nope"},
        {"by": "weather"}, {"timezone": "Mars/Base"}, {"surprise": "1"}, {"priority": "a\x00b"},
        {"to": "9999-12-31", "from": "9999-12-01"},
    ],
)  # fmt: skip
def test_wrong_questions_are_refused(params: dict[str, str], lead_user: User, login: Any) -> None:
    browser = login(lead_user)
    assert browser.get("/api/v1/insights/kpis/", params).status_code == 400
    if not set(params) & {"kpi", "by", "timezone", "surprise"}:
        assert browser.get("/insights/", params).status_code == 404


def test_wrong_lists_are_refused(lead_user: User, login: Any) -> None:
    browser = login(lead_user)
    for params in (
        {},
        {"kpi": "nope"},
        {"kpi": "opened", "part": "hit"},
        {"kpi": "backlog", "age": "2"},
        {"kpi": "opened", "age": "1"},
    ):
        assert browser.get("/insights/tickets/", params).status_code == 404, params
        assert browser.get("/api/v1/insights/tickets/", params).status_code == 400, params


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dates(date(2024, 1, 1), date(2027, 1, 1)),
    st.integers(1, 400),
    st.sampled_from(["UTC", "Europe/Oslo", "America/Sao_Paulo", "Asia/Kolkata"]),
)
def test_periods_are_whole_local_days(last: date, days: int, name: str) -> None:
    zone = ZoneInfo(name)
    now = datetime(last.year, last.month, last.day, 12, tzinfo=zone)
    period = read_period(days=str(days), first="", last="", zone=zone, now=now)
    assert isinstance(period, Period)
    assert period.days == days == len(period.each_day())
    assert period.start.astimezone(zone).date() == period.first
    assert (period.end - timedelta(seconds=1)).astimezone(zone).date() == period.last == last
    start, end = period.previous
    assert start < end <= period.start
    assert period.until <= now.astimezone(UTC)


def test_a_spreadsheet_runs_no_formula(world: World, ago: Ago, lead_user: User, login: Any) -> None:
    Team.objects.create(name="=HYPERLINK(1)")
    world.episode(ago(2), team=Team.objects.get(name="=HYPERLINK(1)"))
    text = login(lead_user).get("/insights/export/?by=team").content.decode()
    assert "'=HYPERLINK(1)" in text
    assert ",=HYPERLINK" not in text


def test_the_dashboard_asks_as_often_for_many_as_for_few(
    world: World, ago: Ago, lead_user: User, login: Any
) -> None:
    browser = login(lead_user)

    def queries() -> int:
        browser.get("/insights/")
        with CaptureQueriesContext(connection) as asked:
            assert browser.get("/insights/").status_code == 200
        return len(asked)

    world.episode(ago(1), team=Team.objects.create(name="First"))
    few = queries()
    for place in range(30):
        team = Team.objects.create(name=f"Team {place}")
        world.survey(
            world.episode(ago(place / 3), team=team, resolved_at=ago(place / 3 - 0.1)), ago(place / 3), 4
        )
    assert queries() == few
    assert few <= 55


def test_ratings_and_shares_know_their_parts() -> None:
    assert isinstance(kpis.get("csat").measure, Ratings)
    for kpi in kpis_in_order():
        if is_share(kpi):
            assert kpi.hit_label
            assert kpi.miss_label

"""Saved views and lists: who keeps what for whom, filters, columns, orders, paging, and what a list costs."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.job_runner import run_jobs
from core.models import Event
from people.models import Team, User
from people.viewer import Viewer
from tests.conftest import make_user
from tickets.list_views import view_of
from tickets.models import CustomField, FieldValue, ListColumns, SavedView, Ticket, ViewCount
from tickets.pages.tables import chosen_columns
from tickets.selectors import (
    ORDERS,
    _beyond,
    _sorted,
    inbox_views,
    next_in_list,
    ticket_list,
    tickets_in_view,
)
from tickets.services.assign_ticket import assign_ticket
from tickets.services.change_priority import change_priority
from tickets.services.choose_columns import choose_columns
from tickets.services.receive_message import Received
from tickets.services.save_view import copy_view, delete_view, move_view, save_view

pytestmark = pytest.mark.django_db
Write = Callable[..., Received]
Login = Callable[[User], Client]
HTMX = {"HX-Request": "true"}
URGENT = {"field": "priority", "is": "in", "value": ["urgent"]}


@pytest.fixture
def urgent(write: Write, viewer: Viewer) -> Ticket:
    """One urgent ticket among three."""
    tickets = [
        write(str(index), subject=f"No {index}", sender=f"p{index}@x.example").ticket for index in range(3)
    ]
    return change_priority(ticket=tickets[1], priority="urgent", by=viewer)


def shown(html: str) -> list[str]:
    return [part.split('"')[0] for part in html.split('id="ticket-row-')[1:]]


# --- keeping views ------------------------------------------------------------------------------------------------------


def test_a_view_is_counted_when_it_is_saved_and_holds_what_it_says(urgent: Ticket, viewer: Viewer) -> None:
    saved = save_view(by=viewer, name="Hot", condition=URGENT)
    assert [row.id for row in ticket_list(viewer, view=saved.key).rows] == [urgent.pk]
    found = next(view for view in inbox_views(viewer) if view.key == saved.key)
    assert (found.count, found.group, found.label) == (1, "personal", "Hot")
    save_view(by=viewer, name="Hot", condition={}, view=saved)
    assert next(view for view in inbox_views(viewer) if view.key == saved.key).count == 3
    delete_view(view=saved, by=viewer)
    with pytest.raises(LookupError):
        ticket_list(viewer, view=saved.key)
    assert list(
        Event.objects.filter(verb__startswith="tickets.view_").order_by("pk").values_list("verb", flat=True)
    ) == [
        "tickets.view_saved",
        "tickets.view_saved",
        "tickets.view_deleted",
    ]


def test_a_large_view_is_counted_by_a_job_and_has_no_number_until_then(
    urgent: Ticket, viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (
        "tickets.services.count_views",
        "tickets.services.save_view",
        "tickets.jobs.recount_views",
    ):
        monkeypatch.setattr(f"{module}.BATCH", 2)
    saved = save_view(by=viewer, name="All", condition={})

    def count() -> int | None:
        return next(view.count for view in inbox_views(viewer) if view.key == saved.key)

    assert count() is None
    run_jobs("batch")
    assert count() == 3


def test_who_may_keep_views_for_whom(
    viewer: Viewer, team: Team, lead_user: User, csm: User, analyst: User, private_team: Team
) -> None:
    lead = lead_user.as_viewer()
    own = save_view(by=viewer, name="Own", condition=URGENT)
    ours = save_view(by=viewer, name="Ours", condition=URGENT, scope="team", team=team)
    everyones = save_view(by=lead, name="All", condition=URGENT, scope="everyone")
    for scope, other in (("everyone", None), ("team", private_team)):
        with pytest.raises(ValidationError):
            save_view(by=viewer, name="No", condition=URGENT, scope=scope, team=other)
    for person in (csm, analyst):
        with pytest.raises(PermissionDenied):
            save_view(by=person.as_viewer(), name="Mine now", condition={}, view=ours)
        with pytest.raises(PermissionDenied):
            delete_view(view=everyones, by=person.as_viewer())
    with pytest.raises(PermissionDenied):
        save_view(by=lead, name="Yours", condition={}, view=own)

    def seen(by: Viewer) -> set[int]:
        return set(SavedView.objects.visible_to(by).values_list("pk", flat=True))

    assert seen(viewer) == {own.pk, ours.pk, everyones.pk}
    assert seen(csm.as_viewer()) == {everyones.pk}
    assert seen(lead) == {ours.pk, everyones.pk}
    copy = copy_view(view=everyones, by=csm.as_viewer())
    assert (copy.scope, copy.owner_id, copy.condition) == ("personal", csm.pk, URGENT)
    with pytest.raises(LookupError):
        view_of(csm.as_viewer(), own.key)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": "x" * 61},
        {"condition": {"field": "x"}},
        {"scope": "team", "team": None},
        {"scope": "nobody"},
        {"sort": "password"},
        {"columns": ["password"]},
    ],
)
def test_a_view_that_cannot_be_is_refused_at_its_field(viewer: Viewer, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refusal:
        save_view(by=viewer, **({"name": "A", "condition": URGENT} | wrong))  # type: ignore[arg-type]
    assert set(refusal.value.message_dict) & set(wrong)
    assert not SavedView.objects.exists()


def test_views_keep_the_order_that_people_give_them(viewer: Viewer, lead_user: User) -> None:
    lead = lead_user.as_viewer()
    a, b, c = (save_view(by=viewer, name=name, condition={}) for name in "abc")
    save_view(by=lead, name="x", condition={}, scope="everyone")

    def order() -> list[str]:
        return [str(view.label) for view in inbox_views(viewer) if view.group == "personal"]

    move_view(view=c, up=True, by=viewer)
    assert order() == ["a", "c", "b"]
    move_view(view=a, up=True, by=viewer)
    move_view(view=a, up=False, by=viewer)
    assert order() == ["c", "a", "b"]
    with pytest.raises(PermissionDenied):
        move_view(view=b, up=True, by=lead)


# --- filters, orders, next --------------------------------------------------------------------------------------------


def test_a_condition_in_the_address_narrows_page_and_api_alike(
    login: Login, agent: User, urgent: Ticket, api: Any
) -> None:
    where = json.dumps(
        {"match": "any", "of": [URGENT, {"field": "subject", "is": "contains", "value": "no 2"}]}
    )
    html = login(agent).get("/inbox/", {"view": "open", "where": where}).content.decode()
    wanted = set(Ticket.objects.filter(subject__in=["No 1", "No 2"]).values_list("pk", flat=True))
    assert {int(one) for one in shown(html)} == wanted
    assert "priority is Urgent or subject contains" in html
    found = api("tickets:read").get("/api/v1/tickets/", {"where": where}).json()["results"]
    assert {one["id"] for one in found} == wanted
    bad = login(agent).get("/inbox/", {"view": "open", "where": '{"field":"x"}'}).content.decode()
    assert "This filter cannot be used: Where" in bad
    assert api("tickets:read").get("/api/v1/tickets/", {"where": "["}).status_code == 400


def test_next_follows_the_filters(urgent: Ticket, write: Write, viewer: Viewer) -> None:
    later = change_priority(ticket=write("5", sender="z@x.example").ticket, priority="urgent", by=viewer)
    between = Ticket.objects.filter(pk__gt=urgent.pk, pk__lt=later.pk).get()
    assert next_in_list(viewer, ticket=urgent, view="open", sort="age") == between.pk
    assert (
        next_in_list(viewer, ticket=urgent, view="open", sort="age", filters={"priority": "urgent"})
        == later.pk
    )


@pytest.mark.parametrize("sort", ["sla", "newest", "age", "waiting", "value", "priority"])
def test_pages_of_every_order_hold_each_ticket_once_and_in_order(
    write: Write, viewer: Viewer, sort: str
) -> None:
    now = timezone.now()
    for index in range(11):
        ticket = write(str(index), sender=f"p{index}@a.example").ticket
        Ticket.objects.filter(pk=ticket.pk).update(
            created_at=now - timedelta(hours=index % 4),
            last_message_at=now - timedelta(hours=index % 3),
            waiting_since=None if index % 3 == 0 else now - timedelta(hours=index % 4),
            value_at_risk=[0, 10.5, 10.5, 900][index % 4],
            next_due_at=None if index % 3 == 1 else now + timedelta(minutes=index % 4),
            priority_rank=index % 4,
        )
    found, cursor = [], ""
    while True:
        page = ticket_list(viewer, view="open", sort=sort, cursor=cursor, limit=2)
        found += [row.id for row in page.rows]
        cursor = page.next_cursor
        if not cursor:
            break
    whole = [row.id for row in ticket_list(viewer, view="open", sort=sort, limit=50).rows]
    assert found == whole
    assert len(set(found)) == 11
    rows = {ticket.pk: ticket for ticket in Ticket.objects.all()}
    far = now + timedelta(days=999)
    keys = {
        "sla": lambda one: one.next_due_at or far,
        "newest": lambda one: -one.last_message_at.timestamp(),
        "age": lambda one: one.created_at,
        "waiting": lambda one: one.waiting_since or far,
        "value": lambda one: -one.value_at_risk,
        "priority": lambda one: (-one.priority_rank, one.next_due_at or far),
    }
    values = [keys[sort](rows[pk]) for pk in found]  # type: ignore[no-untyped-call]
    assert values == sorted(values)
    for pk in found[:-1]:
        assert next_in_list(viewer, ticket=rows[pk], view="open", sort=sort) == found[found.index(pk) + 1]


# --- pages --------------------------------------------------------------------------------------------------------------


def test_what_is_on_display_becomes_a_view(login: Login, agent: User, urgent: Ticket, viewer: Viewer) -> None:
    browser = login(agent)
    where = json.dumps({"field": "subject", "is": "contains", "value": "No"})
    address = f"{reverse('saved-view-new')}?view=open&sort=newest&priority=urgent&where={where}"
    form = browser.get(address)
    posted = form.context["form"].initial
    assert posted["sort"] == "newest"
    response = browser.post(
        address,
        {
            "name": "Hot",
            "scope": "personal",
            "sort": "newest",
            "icon": "flag",
            "condition": json.dumps(posted["condition"]),
        },
    )
    saved = SavedView.objects.get()
    assert response["Location"] == f"/inbox/?view=saved-{saved.pk}&sort=newest"
    html = browser.get(response["Location"]).content.decode()
    assert shown(html) == [str(urgent.pk)]
    assert 'id="view-count">1<' in html
    assert "Edit this view" in html
    assert shown(browser.get(f"/inbox/?view={saved.key}").content.decode()) == [str(urgent.pk)]
    changed = browser.get(f"/inbox/changes/?view={saved.key}&shown={urgent.pk}&waiting=").content.decode()
    assert shown(changed) == [str(urgent.pk)]
    assert "is-gone" not in changed
    refused = browser.post(address, {"name": "", "scope": "personal", "sort": "newest", "icon": "flag"})
    assert refused.status_code == 422


def test_saved_views_are_edited_copied_moved_and_deleted(
    login: Login, agent: User, lead_user: User, viewer: Viewer
) -> None:
    saved = save_view(by=lead_user.as_viewer(), name="Shared", condition=URGENT, scope="everyone")
    browser, boss = login(agent), login(lead_user)
    assert "Shared" in browser.get(reverse("saved-views")).content.decode()
    page = reverse("saved-view", args=[saved.pk])
    assert "disabled" in browser.get(page).content.decode()
    fields = {
        "name": "New",
        "scope": "everyone",
        "sort": "age",
        "icon": "flag",
        "condition": json.dumps(URGENT),
    }
    assert browser.post(page, fields).status_code in {403, 422}
    assert boss.post(page, fields).status_code == 302
    saved.refresh_from_db()
    assert (saved.name, saved.sort) == ("New", "age")
    browser.post(reverse("saved-view-copy", args=[saved.pk]))
    copy = SavedView.objects.get(owner=agent)
    browser.post(reverse("saved-view-move", args=[copy.pk]), {"to": "up"})
    assert browser.post(reverse("saved-view-delete", args=[saved.pk])).status_code == 403
    assert browser.post(reverse("saved-view-delete", args=[copy.pk])).status_code == 302
    assert (
        login(make_user("agent", "Zoe Other")).get(reverse("saved-view", args=[copy.pk])).status_code == 404
    )
    assert list(SavedView.objects.all()) == [saved]


def test_the_table_shows_the_chosen_columns_in_their_order(
    login: Login, agent: User, urgent: Ticket, viewer: Viewer, lead_user: User
) -> None:
    field = CustomField.objects.create(key="region", label="Region", kind="text")
    FieldValue.objects.create(ticket=urgent, field=field, text="North")
    browser = login(agent)
    html = browser.get("/inbox/?view=open&layout=table").content.decode()
    assert "Next deadline" in html
    assert len(shown(html)) == 3
    browser.post(reverse("list-columns") + "?view=open", {"column": ["field:region", "subject", "tags"]})
    assert [column.key for column in chosen_columns(viewer, view_of(viewer, "open"))] == [
        "field:region",
        "subject",
        "tags",
    ]
    html = browser.get("/inbox/?view=open&layout=table").content.decode()
    head = html[html.index("<thead>") :]
    assert head.index("Region") < head.index("Subject") < head.index("Tags")
    assert "North" in html
    row = browser.get(f"/inbox/changes/?view=open&layout=table&shown={urgent.pk}&waiting=").content.decode()
    assert "<tr" in row
    assert "North" in row
    more = browser.get("/inbox/rows/?view=open&layout=table").content.decode()
    assert more.count("<tr") == 3
    assert browser.post(reverse("list-columns") + "?view=open", {"column": ["nonsense"]}).status_code == 422
    browser.post(reverse("list-columns") + "?view=open", {"reset": "1"})
    assert not ListColumns.objects.exists()
    shared = save_view(
        by=lead_user.as_viewer(), name="S", condition={}, scope="everyone", columns=["subject"]
    )
    assert [column.key for column in chosen_columns(viewer, view_of(viewer, shared.key))] == ["subject"]
    with pytest.raises(PermissionDenied):
        choose_columns(view=view_of(viewer, shared.key), columns=["number"], by=viewer, for_all=True)


@pytest.mark.parametrize(
    ("address", "most"), [("/inbox/?view=open", 12), ("/inbox/?view=open&layout=table", 14)]
)
def test_the_inbox_costs_the_same_for_few_and_many(
    login: Login,
    agent: User,
    write: Write,
    viewer: Viewer,
    team: Team,
    address: str,
    most: int,
    pump: Callable[[], int],
    minds: object,
) -> None:
    browser = login(agent)

    def cost() -> int:
        browser.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(address).status_code == 200
        assert not [
            one["sql"] for one in queries if "COUNT(" in one["sql"] and '"tickets_ticket"' in one["sql"]
        ]
        return len(queries)

    write("first")
    save_view(by=viewer, name="One", condition=URGENT)
    pump()
    few = cost()
    for index in range(12):
        ticket = write(str(index), sender=f"p{index}@x.example").ticket
        assign_ticket(ticket=ticket, assignee=agent, by=viewer)
    for index in range(5):
        save_view(by=viewer, name=f"V{index}", condition={"match": "any", "of": [URGENT]})
    pump()
    assert cost() == few
    assert few <= most


# --- REST ---------------------------------------------------------------------------------------------------------------


def test_views_by_rest(api: Any, urgent: Ticket, team: Team, viewer: Viewer) -> None:
    client = api("tickets:write")
    made = client.post(
        "/api/v1/views/",
        {"name": "Hot", "condition": URGENT, "sort": "age", "scope": "team", "team": "Billing"},
        format="json",
    )
    assert made.status_code == 201, made.json()
    view = made.json()
    assert (view["count"], view["team"], view["group"]) == (1, team.pk, "team")
    listed = {one["key"]: one["count"] for one in client.get("/api/v1/views/").json()}
    assert listed[view["key"]] == 1
    assert "mine" in listed
    page = client.get(f"/api/v1/views/{view['key']}/tickets/").json()
    assert [one["id"] for one in page["results"]] == [urgent.pk]
    first = client.get("/api/v1/views/open/tickets/", {"limit": 2, "sort": "age"}).json()
    second = client.get(
        "/api/v1/views/open/tickets/", {"limit": 2, "sort": "age", "cursor": first["next_cursor"]}
    ).json()
    assert len({one["id"] for one in first["results"] + second["results"]}) == 3
    assert second["next_cursor"] == ""
    path = f"/api/v1/views/{view['id']}/"
    assert client.patch(path, {"name": "Hotter"}, format="json").json()["sort"] == "age"
    assert client.get(path).json()["name"] == "Hotter"
    reader = api("tickets:read")
    assert reader.patch(path, {"name": "x"}, format="json").status_code == 403
    assert client.post("/api/v1/views/", {"name": "x", "scope": "personal"}, format="json").status_code == 400
    assert client.get("/api/v1/views/open/tickets/", {"cursor": "%"}).status_code == 400
    assert client.get("/api/v1/views/open/tickets/", {"sort": "x"}).status_code == 400
    assert client.get("/api/v1/views/nothing/tickets/").status_code == 404
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert not ViewCount.objects.filter(view__startswith="saved", count__gt=0, view=view["key"]).exists()


def test_a_person_does_not_reach_views_of_others_by_rest(
    login: Login, csm: User, agent: User, viewer: Viewer
) -> None:
    saved = save_view(by=viewer, name="Secret plan", condition=URGENT)
    browser = login(csm)
    assert browser.get(f"/api/v1/views/{saved.pk}/").status_code == 404
    assert browser.get(f"/api/v1/views/{saved.key}/tickets/").status_code == 404
    assert "Secret plan" not in browser.get("/api/v1/views/").content.decode()
    assert browser.get(f"/inbox/?view={saved.key}").status_code == 404


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="about PostgreSQL's plans")
@pytest.mark.parametrize(
    ("sort", "index"),
    [
        ("sla", "ticket_living_due"),
        ("newest", "ticket_living_recent"),
        ("age", "ticket_living_age"),
        ("waiting", "ticket_living_waiting"),
        ("value", "ticket_living_value"),
        ("priority", "ticket_living_priority"),
    ],
)
def test_an_index_hands_the_rows_out_in_their_order(
    write: Write, viewer: Viewer, sort: str, index: str
) -> None:
    tickets = [write(str(number), sender=f"p{number}@x.example").ticket for number in range(3)]
    first = ticket_list(viewer, view="open", sort=sort, limit=1)
    with connection.cursor() as cursor:
        # with so few rows everything else would be cheaper
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
        )
    for cursor_text in ("", first.next_cursor):
        order = ORDERS[sort]
        page = _sorted(tickets_in_view(viewer, view="open"), order)
        page = page.filter(_beyond(cursor_text, order)) if cursor_text else page
        assert index in page[:51].values("pk").explain(), (sort, cursor_text)
    assert len(tickets) == 3

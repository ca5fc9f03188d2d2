"""The pages of customers, as a person with a browser uses them."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.models import Event
from customers.models import Account, Contact, ContactMerge, RevenueMovement, Subscription, UsageDaily
from customers.timeline import account_timeline
from people.models import Team, User
from people.viewer import system_viewer
from tickets.incoming import IncomingMessage
from tickets.models import Ticket
from tickets.services.receive_message import receive_message

Login = Callable[[User], Client]


def make_accounts(count: int, csm: User | None = None, **fields: Any) -> list[Account]:
    """Scored accounts with different values."""
    today = timezone.localdate()
    return [
        Account.objects.create(
            **{
                "name": f"Customer {number:03d}",
                "domain": f"c{number}.example",
                "csm": csm,
                "arr": Decimal(1000 * (number + 1)),
                "renewal_on": today + timedelta(days=number * 3),
                "health_score": 20.0 + number % 75,
                "health_band": Account.Band.WATCH,
                "health_delta_30": -7.5,
                "health_coverage": 0.4,
                "health_trend": [70, 66, 61, 55],
                "churn_probability": 0.2,
                "churn_low": 0.1,
                "churn_high": 0.3,
                "value_at_risk": Decimal(200 * (number + 1)),
                **fields,
            }
        )
        for number in range(count)
    ]


def test_portfolio_shows_figures_queue_and_rows(login: Login, lead_user: User) -> None:
    """One look at all of it."""
    make_accounts(3)
    body = login(lead_user).get("/customers/").content.decode()
    assert "€6k" in body
    assert "Customer 002" in body
    assert "80 % interval" in body
    assert "Log touch" not in body
    assert "Plan step" in body


def test_portfolio_without_accounts_says_the_first_step(login: Login, lead_user: User) -> None:
    """The page of an empty installation."""
    body = login(lead_user).get("/customers/").content.decode()
    assert "No customers yet" in body
    assert "/customers/new/" in body


@pytest.mark.parametrize("url", ["/customers/", "/customers/?view=risk&sort=churn"])
def test_portfolio_costs_the_same_for_any_number(login: Login, lead_user: User, url: str) -> None:
    """5 or 50 accounts: the same queries."""
    browser = login(lead_user)
    make_accounts(5, lead_user)
    browser.get(url)
    with CaptureQueriesContext(connection) as few:
        browser.get(url)
    make_accounts(45, lead_user)
    with CaptureQueriesContext(connection) as many:
        browser.get(url)
    assert len(few) == len(many)


@pytest.mark.parametrize(
    "sort", ["", "name", "-change", "touch", "-renewal", "churn", "tickets", "-coverage"]
)
def test_load_more_walks_through_all_accounts_once(login: Login, lead_user: User, sort: str) -> None:
    """Equal and missing values included."""
    make_accounts(70)
    Account.objects.filter(pk__in=Account.objects.values_list("pk")[:30]).update(
        churn_probability=None, renewal_on=None, health_coverage=None, value_at_risk=None
    )
    browser = login(lead_user)
    names: list[str] = []
    url = f"/customers/rows/?view=all&sort={sort}"
    while url:
        context = browser.get(url).context
        names += [row["name"] for row in context["rows"]]
        url = context["next_url"]
    assert len(names) == 70
    assert len(set(names)) == 70


def test_a_broken_cursor_and_unknown_filters_show_the_first_page(login: Login, lead_user: User) -> None:
    """Links may be old or mangled."""
    make_accounts(2)
    for query in ("after=%00%ff", "after=WyJ4Il0", "band=purple", "owner=x", "sort=secret", "view=nowhere"):
        response = login(lead_user).get(f"/customers/?{query}")
        assert response.status_code == 200
        assert len(response.context["rows"]) == 2


def test_csm_starts_with_the_own_accounts(login: Login, csm: User, account: Account) -> None:
    """``mine`` is where a CSM begins."""
    make_accounts(2)
    browser = login(csm)
    assert [row["name"] for row in browser.get("/customers/").context["rows"]] == [account.name]
    assert len(browser.get("/customers/?view=all").context["rows"]) == 3


def test_filters_narrow_rows_and_figures(login: Login, lead_user: User, account: Account) -> None:
    """What is filtered is filtered everywhere."""
    make_accounts(2, health_band=Account.Band.AT_RISK)
    response = login(lead_user).get("/customers/?band=at_risk")
    assert len(response.context["rows"]) == 2
    assert response.context["figures"].total.accounts == 2
    assert response.context["total"] == 2
    found = login(lead_user).get("/customers/?search=halden")
    assert [row["name"] for row in found.context["rows"]] == ["Halden Logistics"]


def test_money_stays_in_its_currencies(login: Login, lead_user: User) -> None:
    """No sum mixes euros and dollars."""
    make_accounts(3)
    make_accounts(1, currency="USD", arr=Decimal(500))
    figures = login(lead_user).get("/customers/").context["figures"]
    assert figures.total.amounts == (("EUR", Decimal(6000)), ("USD", Decimal(500)))
    assert figures.at_risk.amounts == (("EUR", Decimal(1200)), ("USD", Decimal(200)))


def test_without_a_churn_model_the_queue_and_table_still_have_an_order(login: Login, lead_user: User) -> None:
    """By ARR and by score."""
    make_accounts(3, churn_probability=None, churn_low=None, churn_high=None, value_at_risk=None)
    response = login(lead_user).get("/customers/")
    assert [item["name"] for item in response.context["today"]] == [
        "Customer 002",
        "Customer 001",
        "Customer 000",
    ]
    assert [row["name"] for row in response.context["rows"]] == [
        "Customer 000",
        "Customer 001",
        "Customer 002",
    ]
    assert "no churn model in service" in response.content.decode()


def test_export_disarms_formulas(login: Login, lead_user: User) -> None:
    """A name that a spreadsheet would run is text."""
    make_accounts(1, name='=HYPERLINK("http://evil.example")')
    response = login(lead_user).get("/customers/export.csv?view=all")
    [row] = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert row["name"].startswith("'=")
    assert row["churn_probability"] == "0.2"


def test_pages_need_the_permission(login: Login, analyst: User, account: Account, contact: Contact) -> None:
    """An analyst looks and does not touch."""
    browser = login(analyst)
    for url in (f"/customers/{account.pk}/", f"/customers/{account.pk}/people/", f"/contacts/{contact.pk}/"):
        assert browser.get(url).status_code == 200
    for url in ("/customers/new/", f"/customers/{account.pk}/edit/", f"/customers/{account.pk}/step/"):
        assert browser.get(url).status_code == 403
    assert browser.post(f"/contacts/{contact.pk}/", {"name": "X"}).status_code == 403
    contact.refresh_from_db()
    assert contact.name == "Mette Aas"
    assert Client().get("/customers/").status_code == 302


def test_account_page_and_every_tab(login: Login, csm: User, account: Account, contact: Contact) -> None:
    """Each tab has its own address."""
    browser = login(csm)
    body = browser.get(f"/customers/{account.pk}/").content.decode()
    assert "Halden Logistics" in body
    assert "€184,000" in body
    assert "Mette Aas" in body
    assert "POST /api/v1/usage/batch/" in body
    for tab in ("usage", "people", "subscription", "timeline"):
        assert browser.get(f"/customers/{account.pk}/{tab}/").status_code == 200
    assert browser.get(f"/customers/{account.pk}/nothing/").status_code == 404
    assert browser.get(f"/customers/{account.pk}/stakeholders/").status_code == 404
    assert browser.get("/customers/999999/").status_code == 404


def test_usage_is_drawn_by_week_and_feature(login: Login, csm: User, account: Account) -> None:
    """Tiles and matrix come from the daily roll-ups."""
    today = timezone.now().date()
    for back in range(1, 60):
        for feature, users in (("", 21), ("Route planner", 42 if back < 8 else 105)):
            UsageDaily.objects.create(
                account=account, day=today - timedelta(days=back), feature=feature, events=100, users=users,
                recorded_at=timezone.now(),
            )  # fmt: skip
    response = login(csm).get(f"/customers/{account.pk}/")
    body = response.content.decode()
    assert "Daily users, weekly mean" in body
    assert "Route planner" in body
    assert '<td class="lv1">20</td>' in body
    assert '<td class="lv2">50</td>' in body


def test_new_customer_with_field_errors_then_saved(login: Login, csm: User) -> None:
    """The form says what is wrong beside the field, and saves through the service."""
    browser = login(csm)
    wrong = browser.post("/customers/new/", {"name": "", "arr": "x"})
    assert wrong.status_code == 422
    assert "field-error" in wrong.content.decode()
    values = {
        "name": "Birch", "domain": "Birch.example", "tier": "growth", "lifecycle": "onboarding", "arr": "12000",
        "currency": "EUR", "seats": "10", "timezone": "Europe/Berlin", "csm": csm.pk,
    }  # fmt: skip
    response = browser.post("/customers/new/", values)
    made = Account.objects.get(name="Birch")
    assert response["Location"] == f"/customers/{made.pk}/"
    assert made.domain == "birch.example"
    assert made.csm == csm
    assert Event.objects.filter(
        verb="customers.account_created", account_id=made.pk, actor_id=csm.pk
    ).exists()


def test_dialog_answers_htmx_with_a_redirect(login: Login, csm: User, account: Account) -> None:
    """Plan a step, set the renewal, log a touch."""
    browser = login(csm)
    step = f"/customers/{account.pk}/step/"
    assert "<dialog" in browser.get(step, headers={"HX-Request": "true"}).content.decode()
    response = browser.post(step, {"next_step": "Call Mette"}, headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == f"/customers/{account.pk}/"
    away = browser.post(
        step, {"next_step": "Call", "next": "https://evil.example/"}, headers={"HX-Request": "true"}
    )
    assert away["HX-Redirect"] == f"/customers/{account.pk}/"
    day = timezone.localdate() + timedelta(days=200)
    browser.post(f"/customers/{account.pk}/renewal/", {"renewal_on": day.isoformat()})
    future = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    refused = browser.post(f"/customers/{account.pk}/touch/", {"kind": "call", "at": future})
    assert refused.status_code == 422
    browser.post(f"/customers/{account.pk}/touch/", {"kind": "call", "text": "Two new depots"})
    account.refresh_from_db()
    assert account.next_step == "Call"
    assert account.renewal_on == day
    assert account.last_touch_at is not None
    rows = browser.get(f"/customers/{account.pk}/timeline/rows/").content.decode()
    assert "Two new depots" in rows
    assert "Ines Carvalho" in rows


def test_subscription_and_revenue(login: Login, csm: User, account: Account) -> None:
    """Both keep the account in step."""
    browser = login(csm)
    renews = timezone.localdate() + timedelta(days=20)
    values = {"product": "Planner", "plan": "Pro", "seats": "5", "arr": "9000", "starts_on": "2026-01-01",
              "renews_on": renews.isoformat()}  # fmt: skip
    assert browser.post(f"/customers/{account.pk}/subscriptions/new/", values).status_code == 302
    wrong = {"kind": "churn", "amount": "10", "effective_on": "2026-01-01"}
    assert browser.post(f"/customers/{account.pk}/revenue/new/", wrong).status_code == 422
    right = {"kind": "expansion", "amount": "1000", "effective_on": "2026-01-01"}
    assert browser.post(f"/customers/{account.pk}/revenue/new/", right).status_code == 302
    account.refresh_from_db()
    assert (account.arr, account.renewal_on) == (Decimal(185000), renews)
    body = browser.get(f"/customers/{account.pk}/subscription/").content.decode()
    assert "Planner" in body
    assert "+€1,000" in body
    assert (Subscription.objects.count(), RevenueMovement.objects.count()) == (1, 2)


def test_contact_address_merge_and_undo(login: Login, csm: User, account: Account, contact: Contact) -> None:
    """One person written down twice becomes one, and two again."""
    browser = login(csm)
    made = browser.post(
        f"/customers/{account.pk}/contacts/new/", {"name": "M. Aas", "email": "m.aas@halden.example"}
    )
    assert made.status_code == 302
    twin = Contact.objects.get(name="M. Aas")
    taken = browser.post(
        f"/contacts/{twin.pk}/addresses/", {"kind": "email", "value": "mette@halden.example"}
    )
    assert taken.status_code == 422
    assert "belongs to another contact" in taken.content.decode()
    browser.post(f"/contacts/{twin.pk}/merge/", {"target": contact.pk})
    assert {identity.value for identity in contact.identities.all()} == {
        "mette@halden.example",
        "m.aas@halden.example",
    }
    assert "was merged into this contact" in browser.get(f"/contacts/{contact.pk}/").content.decode()
    browser.post(f"/contacts/{twin.pk}/unmerge/")
    twin.refresh_from_db()
    assert twin.merged_into is None
    assert twin.email == "m.aas@halden.example"
    assert ContactMerge.objects.get().undone_at is not None


def test_contact_edit_keeps_the_day_of_leaving(login: Login, csm: User, contact: Contact) -> None:
    """Fields go through the service; leaving is a day."""
    browser = login(csm)
    values = {
        "name": "Mette Aas",
        "title": "CIO",
        "role": "sponsor",
        "timezone": "Europe/Oslo",
        "left_on": "2026-08-18",
    }
    assert browser.post(f"/contacts/{contact.pk}/", values).status_code == 302
    contact.refresh_from_db()
    assert contact.title == "CIO"
    assert contact.left_at is not None
    assert timezone.localdate(contact.left_at).isoformat() == "2026-08-18"
    assert browser.post(f"/contacts/{contact.pk}/", values).status_code == 302
    assert Event.objects.filter(verb="customers.contact_changed").count() == 1


def test_account_page_costs_the_same_for_any_history(login: Login, lead_user: User, account: Account) -> None:
    """More people and events do not mean more queries."""
    browser = login(lead_user)

    def fill(count: int) -> None:
        for number in range(count):
            Contact.objects.create(account=account, name=f"Person {number}", role="user")
            browser.post(f"/customers/{account.pk}/touch/", {"kind": "note", "text": f"Note {number}"})

    urls = [f"/customers/{account.pk}/{tab}" for tab in ("", "people/", "subscription/", "timeline/rows/")]
    fill(3)
    costs = []
    for _round in range(2):
        row = []
        for url in urls:
            browser.get(url)
            with CaptureQueriesContext(connection) as queries:
                browser.get(url)
            row.append(len(queries))
        costs.append(row)
        fill(20)
    assert costs[0] == costs[1]


def test_timeline_pages_in_the_order_of_what_happened(login: Login, csm: User, account: Account) -> None:
    """A touch of the past stands where it belongs; every event is shown once."""
    browser = login(csm)
    for hours in (5, 90, 1, 48):
        at = timezone.localtime() - timedelta(hours=hours)
        values = {"kind": "call", "text": f"{hours} hours ago", "at": at.strftime("%Y-%m-%dT%H:%M")}
        assert browser.post(f"/customers/{account.pk}/touch/", values).status_code == 302
    told = [item.detail for item in account_timeline(csm.as_viewer(), account, size=10).items]
    assert told == ["1 hours ago", "5 hours ago", "48 hours ago", "90 hours ago"]
    walked: list[str] = []
    after = ""
    while True:
        timeline = account_timeline(csm.as_viewer(), account, size=1, after=after)
        walked += [item.detail for item in timeline.items]
        after = timeline.next_cursor
        if not after:
            break
    assert walked == told
    assert browser.get(f"/customers/{account.pk}/timeline/rows/?after=nonsense,1").status_code == 200


def test_timeline_hides_tickets_of_private_teams(
    login: Login, agent: User, admin: User, csm: User, account: Account, contact: Contact
) -> None:
    """What a person may not see in the inbox does not appear here either."""
    team = Team.objects.create(name="Legal", is_private=True)
    received = receive_message(
        incoming=IncomingMessage(
            channel="web",
            sender="mette@halden.example",
            text="A secret.",
            subject="Confidential matter",
        ),
        by=system_viewer("test"),
    )
    Ticket.objects.filter(pk=received.ticket.pk).update(team=team)
    url = f"/customers/{account.pk}/timeline/rows/"
    assert "Confidential matter" in login(admin).get(url).content.decode()
    assert "Confidential matter" not in login(csm).get(url).content.decode()
    assert "opened the ticket" not in login(csm).get(url).content.decode()
    tab = f"/customers/{account.pk}/panels/tickets/"
    assert "Confidential matter" in login(admin).get(tab).content.decode()
    assert "Confidential matter" not in login(csm).get(tab).content.decode()

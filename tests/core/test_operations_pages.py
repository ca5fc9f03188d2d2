"""Operations pages: jobs, outbox, parked events, event log, notifications, search."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from core.actors import SYSTEM
from core.delivery import MAX_ATTEMPTS
from core.delivery import pump as deliver
from core.events import EventType
from core.job_runner import JobHandler, Slice, job_handlers, run_jobs, start_job
from core.models import DeadLetter, Event, Job, Notification, Outbound, SubscriberPosition
from core.outbox import Sender, TemporaryFailure, send_due, senders
from core.sealing import seal_events
from core.sequencing import sequence_events
from core.subscription import Subscriber, subscribers
from customers.models import Account
from people.models import User
from people.roles import Role
from tests.conftest import make_user

TOUCHED = EventType("test.touched", subject="thing", sentence="touched a thing")


class Fussy(Subscriber):
    """Fails as long as it is told to."""

    key = "test.fussy"
    label = "Fussy reader"
    verbs = frozenset({"test.touched"})
    fails = True

    def apply(self, events: Sequence[Event], prepared: Any) -> None:
        if Fussy.fails:
            raise ValueError("the thing is <b>too</b> hot")


class Counting(JobHandler):
    """Counts to three, or fails."""

    key = "test.counting"
    label = "Count things"
    fails = False

    def run_slice(self, job: Job) -> Slice:
        if Counting.fails:
            raise ValueError("cannot count")
        done = job.cursor.get("at", 0) + 1
        return Slice({"at": done}, done, 3, done == 3, {"counted": done})


class Flaky(Sender):
    """Fails as long as it is told to."""

    key = "test.flaky"
    label = "Flaky mail"
    fails = True

    def prepare(self, outbound: Outbound) -> None:
        return None

    def send(self, outbound: Outbound, prepared: Any) -> str:
        if Flaky.fails:
            raise TemporaryFailure("550 mailbox full")
        return "accepted"


@pytest.fixture
def browser(admin: User, login: Any) -> Client:
    """The administrator's browser."""
    return login(admin)  # type: ignore[no-any-return]


def touch(number: int) -> Event:
    """Record one event about a thing."""
    with transaction.atomic():
        return TOUCHED.record(by=SYSTEM, subject_id=number, detail={"colour": "<script>red</script>"})


def test_a_job_is_seen_with_its_progress_cancelled_and_taken_up_again(browser: Client) -> None:
    with job_handlers.temporarily(Counting):
        job = start_job(kind="test.counting", key="all", by=SYSTEM)
        page = browser.get("/settings/jobs/").content.decode()
        assert "Count things" in page
        assert "Queued" in page
        browser.post(f"/settings/jobs/{job.pk}/cancel/")
        assert run_jobs("batch") == 0
        browser.post(f"/settings/jobs/{job.pk}/retry/")
        run_jobs("batch")
        page = browser.get(f"/settings/jobs/{job.pk}/").content.decode()
        assert "3 of 3" in page
        assert "&quot;counted&quot;: 3" in page
    verbs = list(
        Event.objects.filter(verb__startswith="core.").order_by("pk").values_list("verb", "actor_kind")
    )
    assert verbs == [
        ("core.job_started", "system"),
        ("core.job_cancelled", "staff"),
        ("core.job_retried", "staff"),
        ("core.job_ended", "system"),
    ]


def test_a_failed_job_shows_its_error_and_log(browser: Client) -> None:
    with job_handlers.temporarily(Counting):
        Counting.fails = True
        job = start_job(kind="test.counting", key="all", by=SYSTEM)
        for _attempt in range(3):
            Job.objects.update(not_before=None)
            run_jobs("batch")
        Counting.fails = False
    page = browser.get(f"/settings/jobs/{job.pk}/").content.decode()
    assert "cannot count" in page
    assert "Traceback" in page
    assert "Count things" not in browser.get("/settings/jobs/?state=done").content.decode()
    part = browser.get("/settings/jobs/?state=failed", HTTP_HX_REQUEST="true").content.decode()
    assert "test.counting" in part
    assert "<html" not in part


def test_what_could_not_be_sent_is_shown_and_sent_again(browser: Client) -> None:
    with senders.temporarily(Flaky):
        row = Outbound.objects.create(
            kind="test.flaky", idempotency_key="one", not_before=timezone.now(), attempts=20, payload={}
        )
        send_due()
        page = browser.get("/settings/outbox/").content.decode()
        assert "550 mailbox full" in page
        assert "Flaky mail" in page
        Flaky.fails = False
        browser.post(f"/settings/outbox/{row.pk}/retry/")
        send_due()
        Flaky.fails = True
    row.refresh_from_db()
    assert (row.state, row.provider_id) == ("sent", "accepted")
    assert "Everything has left" in browser.get("/settings/outbox/").content.decode()
    assert Event.objects.get(verb="core.outbound_retried").actor_kind == "staff"


def park(*numbers: int) -> None:
    """Let the fussy subscriber fail on events about one thing until they are parked."""
    Fussy.fails = True
    for number in numbers:
        touch(number)
    for _attempt in range(MAX_ATTEMPTS):
        deliver("events")
        SubscriberPosition.objects.update(retry_at=None)


def test_a_parked_stream_is_retried_once_its_cause_is_gone(browser: Client) -> None:
    with subscribers.temporarily(Fussy):
        park(7, 7)
        page = browser.get("/settings/events/dead-letters/").content.decode()
        assert "Fussy reader" in page
        assert "1 waits behind" in page
        assert "ValueError: the thing is &lt;b&gt;too&lt;/b&gt; hot" in page
        letter = DeadLetter.objects.get(state="parked")
        url = f"/settings/events/dead-letters/{letter.pk}/retry/"
        assert "It failed again" in browser.post(url, follow=True).content.decode()
        Fussy.fails = False
        assert "2 events were applied." in browser.post(url, follow=True).content.decode()
        assert "Nothing is parked" in browser.get("/settings/events/dead-letters/").content.decode()


def test_an_event_is_given_up_with_a_reason_only_and_by_an_administrator_only(
    browser: Client, lead_user: User, login: Any
) -> None:
    with subscribers.temporarily(Fussy):
        park(7)
        letter = DeadLetter.objects.get()
        url = f"/settings/events/dead-letters/{letter.pk}/drop/"
        assert login(lead_user).post(url, {"reason": "old"}).status_code == 403
        browser.post(url, {"reason": "  "})
        letter.refresh_from_db()
        assert letter.state == "parked"
        browser.post(url, {"reason": "the thing is gone"})
    letter.refresh_from_db()
    assert (letter.state, letter.reason) == ("dropped", "the thing is gone")
    detail = Event.objects.select_related("detail").get(verb="core.dead_letter_dropped").detail
    assert detail.data is not None
    assert detail.data["reason"] == "the thing is gone"


def test_the_event_log_tells_who_did_what_and_what_is_sealed(browser: Client) -> None:
    touch(1)
    seal_events()
    touch(2)
    sequence_events()
    page = browser.get("/settings/events/")
    body = page.content.decode()
    assert "touched a thing" in body
    assert "&lt;script&gt;red&lt;/script&gt;" in body
    assert "<script>red" not in body
    assert [line.sealed for line in page.context["lines"]] == [False, True]
    assert (page.context["status"].unsealed, page.context["status"].blocks) == (1, 1)


def test_the_event_log_is_filtered_and_paged_by_place(browser: Client, admin: User) -> None:
    for number in range(60):
        touch(number)
    browser.post("/availability/", {"availability": "busy"})
    sequence_events()

    def seen(query: str) -> list[str]:
        return [line.event.verb for line in browser.get(f"/settings/events/{query}").context["lines"]]

    assert len(seen("")) == 50
    assert seen("?actor=staff") == ["people.availability_changed"]
    assert seen("?verb=people.availability_changed") == ["people.availability_changed"]
    assert seen(f"?subject=user:{admin.pk}") == ["people.availability_changed"]
    assert seen("?subject=thing:3") == ["test.touched"]
    assert seen("?on=2020-01-01") == []
    first = browser.get("/settings/events/?actor=system")
    rest = browser.get(f"/settings/events/{first.context['next_url']}", HTTP_HX_REQUEST="true")
    assert [line.event.seq for line in rest.context["lines"]] == list(range(10, 0, -1))
    assert "<html" not in rest.content.decode()


def test_wrong_filters_are_told_not_failed_on(browser: Client) -> None:
    touch(1)
    for query in ("?subject=nonsense", "?on=yesterday", "?before=x", "?verb=no.such"):
        assert browser.get(f"/settings/events/{query}").status_code == 200


def test_names_in_the_event_log_cost_the_same_for_many_events(
    browser: Client, admin: User, django_assert_max_num_queries: Any
) -> None:
    people = [make_user(Role.AGENT, f"Person{number} X") for number in range(12)]
    for person in people:
        with transaction.atomic():
            TOUCHED.record(by=person.as_viewer(), subject_id=1)
    sequence_events()
    with django_assert_max_num_queries(12):
        page = browser.get("/settings/events/")
    assert "Person11 X" in page.content.decode()


def test_notifications_are_ones_own_and_marked_read(agent: User, csm: User, login: Any) -> None:
    for number in range(3):
        Notification.objects.create(
            user=agent,
            verb="test.told",
            event_id=number,
            text=f"Ticket {number}",
            url="/profile/",
            group="g" if number else "",
        )
    foreign = Notification.objects.create(user=csm, verb="test.told", event_id=9, text="Not yours")
    browser = login(agent)
    page = browser.get("/notifications/").content.decode()
    assert "Ticket 2" in page
    assert "Not yours" not in page
    assert "Notifications, 3 unread" in page
    menu = browser.get("/notifications/", HTTP_HX_REQUEST="true").content.decode()
    assert "Ticket 2" in menu
    assert "<html" not in menu
    grouped = Notification.objects.get(text="Ticket 1")
    assert browser.post(f"/notifications/{grouped.pk}/")["Location"] == "/profile/"
    unread = Notification.objects.filter(user=agent, read_at=None)
    assert list(unread.values_list("text", flat=True)) == ["Ticket 0"]
    assert browser.post(f"/notifications/{foreign.pk}/").status_code == 404
    browser.post("/notifications/read/")
    assert not unread.exists()
    foreign.refresh_from_db()
    assert foreign.read_at is None


def test_a_notification_never_leads_to_another_site(agent: User, login: Any) -> None:
    row = Notification.objects.create(
        user=agent, verb="test.told", event_id=1, text="x", url="https://evil.example/"
    )
    assert login(agent).post(f"/notifications/{row.pk}/")["Location"] == "/notifications/"


def test_the_palette_shows_pages_one_may_open(admin: User, agent: User, login: Any) -> None:
    assert "/settings/people/" in login(admin).get("/palette/?q=").content.decode()
    assert "/settings/people/" not in login(agent).get("/palette/?q=").content.decode()
    found = login(admin).get("/palette/?q=event lo").content.decode()
    assert "/settings/events/" in found
    assert "/settings/people/" not in found


def test_the_palette_finds_customers_and_contacts(
    agent: User, contact: Any, account: Account, login: Any
) -> None:
    browser = login(agent)
    for query in ("halden", "logist", "mette", "METTE@halden"):
        assert f"/customers/{account.pk}/" in browser.get("/palette/", {"q": query}).content.decode(), query
    assert "data-palette-item" not in browser.get("/palette/?q=%%%zz").content.decode()


def test_search_shows_the_same_on_a_page(agent: User, account: Account, login: Any) -> None:
    browser = login(agent)
    assert account.name in browser.get("/search/?q=halden").content.decode()
    assert "No ticket matches" in browser.get("/search/?q=zzzz").content.decode()
    assert "No ticket matches" not in browser.get("/search/").content.decode()

"""Web forms through their doors: the public page, the link in the mail, the door for front ends, the log for people."""

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.models import Event, Outbound
from core.outbox import send_due
from customers.models import Contact, ContactIdentity
from customers.services.save_contact import create_contact
from people.models import Team, User
from people.viewer import Viewer
from tickets.channels.web.form import web_form
from tickets.channels.web.form_tokens import form_token
from tickets.channels.web.origins import clean_origins
from tickets.channels.web.services.confirm_submission import accept_submission
from tickets.channels.web.services.end_submissions import end_submissions
from tickets.channels.web.services.take_submissions import take_submissions
from tickets.channels.web.values import read_values
from tickets.models import (
    CustomField,
    FormCount,
    FormFile,
    FormSubmission,
    Inbox,
    Message,
    Ticket,
    TicketType,
)
from tickets.personal_data import FormData
from tickets.services.save_inbox import save_inbox

pytestmark = pytest.mark.django_db

State = FormSubmission.State
SITE = "https://www.halden.example"
GIVEN = {
    "name": "Ida Holm",
    "email": "Ida@Halden.example",
    "subject": "Broken seal",
    "message": "The seal is broken.",
}


@pytest.fixture
def later() -> Iterator[time_machine.Traveller]:
    """A clock that the test moves: whoever sends a form in its first two seconds is taken for a program."""
    with time_machine.travel(timezone.now().replace(minute=1, second=0), tick=False) as clock:
        yield clock


@pytest.fixture
def inbox(admin: User) -> Inbox:
    """A form that wants the address confirmed."""
    return make_form(admin)


def make_form(admin: User, name: str = "Website", **settings: Any) -> Inbox:
    """A form with these settings."""
    values = {
        "title": "Ask us", "company": "Halden Seals", "take_files": True, "double_opt_in": True, "language": "en",
        "ask_name": "optional", "ask_subject": "required", "hourly_limit": 300,
    }  # fmt: skip
    return save_inbox(
        name=name, channel="web", default_team=None, settings=values | settings, by=admin.as_viewer()
    )


def send(inbox: Inbox, clock: Any, *, client: Client | None = None, wait: int = 10, **changed: Any) -> Any:
    """Open the page, fill it in, send it."""
    client = client or Client(enforce_csrf_checks=True)
    url = f"/forms/{inbox.hook_key}/"
    drawn = client.get(url).content.decode()
    token = re.search(r'name="token" value="([^"]+)"', drawn)
    assert token is not None
    clock.shift(wait)
    return client.post(url, GIVEN | {"token": token.group(1)} | changed)


def work() -> None:
    """The workers have a look."""
    send_due()
    take_submissions(until=timezone.now() + timedelta(minutes=1))


def link() -> str:
    """The path in the last mail."""
    found = re.search(r"https?://[^/]+(/forms/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found.group(1)


def test_a_ticket_opens_once_the_address_is_confirmed(inbox: Inbox, later: Any) -> None:
    answer = send(inbox, later)
    assert (answer.status_code, answer["Location"]) == (303, f"/forms/{inbox.hook_key}/thanks/")
    work()
    assert not Ticket.objects.exists()
    assert mail.outbox[0].to == ["ida@halden.example"]
    # Nothing that a stranger has typed leaves in our name.
    assert "Broken" not in str(mail.outbox[0].message())
    client = Client(enforce_csrf_checks=True)
    assert b"Yes, send my message" in client.get(link()).content
    assert FormSubmission.objects.get().state == State.WAITING, "looking at a link confirms nothing"
    assert b"we have your message" in client.post(link()).content
    work()
    ticket = Ticket.objects.get()
    assert (ticket.subject, ticket.channel, ticket.inbox) == ("Broken seal", "web", inbox)
    assert (ticket.contact.name, ticket.contact.is_verified) == ("Ida Holm", True)
    assert ticket.messages.get().body_text == "The seal is broken."
    row = FormSubmission.objects.get()
    assert (row.state, row.proof, row.ticket) == (State.DONE, "link", ticket)
    client.post(link())
    work()
    assert Ticket.objects.count() == 1
    verbs = set(Event.objects.filter(subject_kind="form_submission").values_list("verb", flat=True))
    assert verbs == {"tickets.form_submitted", "tickets.form_confirmed"}


def test_without_confirmation_the_contact_is_unverified(admin: User, later: Any) -> None:
    inbox = make_form(admin, double_opt_in=False)
    send(inbox, later)
    work()
    assert Ticket.objects.get().contact.is_verified is False
    assert mail.outbox == []


def test_an_unverified_contact_that_confirms_is_verified(admin: User, inbox: Inbox, later: Any) -> None:
    open_form = make_form(admin, "Open", double_opt_in=False)
    send(open_form, later)
    work()
    send(inbox, later, message="Once more")
    work()
    Client().post(link())
    work()
    assert Ticket.objects.count() == 2
    assert Contact.objects.get().is_verified is True


def test_what_nobody_confirms_is_erased_after_a_week(inbox: Inbox, later: Any) -> None:
    send(inbox, later, files=SimpleUploadedFile("seal.txt", b"seal"))
    work()
    path = link()
    later.shift(timedelta(days=7, minutes=1))
    assert b"This link is over" in Client().post(path).content
    assert end_submissions() == 1
    row = FormSubmission.objects.get()
    assert (row.state, row.values, row.files.count()) == (State.EXPIRED, {}, 0)
    assert b"This link is over" in Client().get(path).content
    work()
    assert not Ticket.objects.exists()
    assert end_submissions() == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="two connections that write at once")
def test_what_a_colleague_takes_at_the_last_moment_is_not_erased(
    inbox: Inbox, later: Any, admin: User
) -> None:
    send(inbox, later)
    later.shift(timedelta(days=7, minutes=1))
    ended: list[int] = []

    def end() -> None:
        ended.append(end_submissions())
        connection.close()

    ending = threading.Thread(target=end)
    with transaction.atomic():
        assert accept_submission(submission=FormSubmission.objects.get(), by=admin.as_viewer())
        ending.start()
        ending.join(timeout=3)
    ending.join()
    row = FormSubmission.objects.get()
    assert (ended, row.state, row.values["email"]) == ([0], State.CONFIRMED, "ida@halden.example")


@pytest.mark.parametrize(
    ("changed", "wait", "sentence"),
    [
        ({"message": " "}, 10, b"This is required."),
        ({"email": "nobody"}, 10, b"Enter a valid email address."),
        ({"subject": ""}, 10, b"This is required."),
        ({"message": "x" * 20_001}, 10, b"at most 20000 characters"),
        ({}, 1, b"That was very fast for a person."),
        ({}, 86_500, b"This page was open for too long"),
        ({"token": "made-up"}, 10, b"This page was open for too long"),
    ],
)
def test_what_is_refused_is_said_and_nothing_is_lost(
    inbox: Inbox, later: Any, changed: dict[str, str], wait: int, sentence: bytes
) -> None:
    answer = send(inbox, later, wait=wait, **changed)
    assert answer.status_code == 422
    assert sentence in answer.content
    assert b"Ida Holm" in answer.content, "what was typed stays"
    assert not FormSubmission.objects.exists()


def test_the_same_twice_is_one(inbox: Inbox, later: Any) -> None:
    client = Client()
    assert send(inbox, later, client=client).status_code == 303
    assert send(inbox, later, client=client).status_code == 303
    assert FormSubmission.objects.count() == 1
    later.shift(timedelta(hours=2))
    send(inbox, later, client=client)
    assert FormSubmission.objects.count() == 2


def test_a_program_that_fills_in_everything_ends_in_the_spam_and_learns_nothing(
    inbox: Inbox, later: Any, admin: User, login: Any
) -> None:
    assert send(inbox, later, website="https://spam.example").status_code == 303
    work()
    row = FormSubmission.objects.get()
    assert (row.state, mail.outbox) == (State.SPAM, [])
    client = login(admin)
    page = f"/settings/inboxes/{inbox.pk}/submissions/{row.pk}/"
    assert b"Let it in" in client.get(page).content
    client.post(f"{page}accept/")
    work()
    assert Ticket.objects.get().contact.is_verified is False


def test_one_address_is_not_flooded(inbox: Inbox, later: Any) -> None:
    states = [send(inbox, later, message=f"Message {n}").status_code for n in range(6)]
    assert states == [303] * 5 + [429]
    answer = send(inbox, later, message="And more")
    assert int(answer["Retry-After"]) > 0
    assert b"Please try again in" in answer.content
    assert FormSubmission.objects.count() == 5
    assert "ida" not in json.dumps(list(FormCount.objects.values("key"))).lower()
    later.shift(timedelta(hours=1))
    assert send(inbox, later, message="An hour later").status_code == 303


def test_one_network_cannot_use_many_addresses(inbox: Inbox, later: Any) -> None:
    states = [send(inbox, later, email=f"p{n}@halden.example", wait=3).status_code for n in range(11)]
    assert states == [303] * 10 + [429]


def test_a_form_has_a_limit_of_its_own(admin: User, later: Any) -> None:
    inbox = make_form(admin, hourly_limit=1)
    assert send(inbox, later).status_code == 303
    assert send(inbox, later, email="other@halden.example", message="Hi").status_code == 429


def test_files_come_along_within_the_rules(admin: User, later: Any) -> None:
    inbox = make_form(admin, double_opt_in=False)
    refused = send(inbox, later, files=SimpleUploadedFile("run.exe", b"MZ"))
    assert refused.status_code == 422
    assert b"files of the type .exe may not be sent" in refused.content
    files = [SimpleUploadedFile("a.txt", b"one"), SimpleUploadedFile("b.txt", b"two")]
    assert send(inbox, later, files=files).status_code == 303
    assert FormFile.objects.count() == 2
    work()
    names = Message.objects.get().attachments.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["a.txt", "b.txt"]
    assert not FormFile.objects.exists()


def test_a_body_that_is_too_large_is_not_read(inbox: Inbox) -> None:
    url = f"/forms/{inbox.hook_key}/"
    answer = Client().post(
        url, b"x", content_type="multipart/form-data; boundary=x", headers={"Content-Length": str(10**9)}
    )
    assert answer.status_code == 413


@pytest.fixture
def fields() -> tuple[TicketType, CustomField, CustomField]:
    """A type with a choice, and a text that is asked for one of the choices only."""
    kind = TicketType.objects.create(name="Return", checklist=["Look at it"])
    reason = CustomField.objects.create(
        key="reason", label="Reason", kind="choice", options=["damaged", "wrong"], position=1
    )
    detail = CustomField.objects.create(
        key="damage",
        label="What is damaged?",
        kind="text",
        position=2,
        condition={"field": "field:reason", "is": "in", "value": ["damaged"]},
    )
    reason.types.add(kind)
    detail.types.add(kind)
    return kind, reason, detail


def test_custom_fields_follow_type_and_condition(admin: User, fields: Any, later: Any) -> None:
    kind, _reason, _detail = fields
    inbox = make_form(
        admin, double_opt_in=False, type=kind, fields_shown=["reason", "damage"], required_fields=["damage"]
    )
    client = Client()
    url = f"/forms/{inbox.hook_key}/"
    assert b"field-reason" in client.get(url).content
    assert b"field-damage" not in client.get(url).content
    drawn = client.post(f"{url}fields/", {"field-reason": "damaged", "shape": "reason"})
    assert b"field-damage" in drawn.content
    assert client.post(f"{url}fields/", {"field-reason": "wrong", "shape": "reason"}).status_code == 204
    refused = send(inbox, later, **{"field-reason": "damaged"})
    assert refused.status_code == 422
    assert b'href="#id_field-damage"' in refused.content
    assert send(inbox, later, **{"field-reason": "damaged", "field-damage": "the rim"}).status_code == 303
    work()
    ticket = Ticket.objects.get()
    values = {row.field.key: row.text for row in ticket.field_values.select_related("field")}
    assert (ticket.type, values) == (kind, {"reason": "damaged", "damage": "the rim"})
    assert ticket.checklist.get().text == "Look at it"


def test_a_field_that_the_ticket_does_not_have_is_kept_in_the_text(
    admin: User, fields: Any, later: Any
) -> None:
    kind, reason, _detail = fields
    inbox = make_form(admin, double_opt_in=False, type=kind, fields_shown=["reason"])
    send(inbox, later, **{"field-reason": "wrong"})
    reason.is_active = False
    reason.save()
    work()
    assert Ticket.objects.get().messages.get().body_text == "The seal is broken.\n\nReason: wrong"


def test_the_form_tells_nobody_who_is_known(admin: User, later: Any) -> None:
    inbox = make_form(admin, skip_known=True)
    send(inbox, later)
    work()
    Client().post(link())
    work()
    known = send(inbox, later, message="Again")
    stranger = send(inbox, later, email="new@halden.example")
    assert (known.status_code, known["Location"]) == (stranger.status_code, stranger["Location"])
    work()
    assert [row.proof for row in FormSubmission.objects.order_by("pk")] == ["link", "earlier", ""]
    assert Ticket.objects.count() == 2


def test_only_named_sites_may_show_it_in_a_frame(admin: User, inbox: Inbox, later: Any) -> None:
    closed = Client().get(f"/forms/{inbox.hook_key}/")
    assert closed["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in closed["Content-Security-Policy"]
    shown = make_form(admin, "Shown", origins=f"{SITE}/\n{SITE}")
    assert shown.config["origins"] == [SITE]
    opened = Client().get(f"/forms/{shown.hook_key}/?embed=1")
    assert "X-Frame-Options" not in opened
    assert f"frame-ancestors {SITE}" in opened["Content-Security-Policy"]
    assert opened.cookies == {}, "a frame of another site has no cookies"
    assert send(shown, later).cookies == {}


@pytest.mark.parametrize(
    "typed", ["www.example.com", "http://example.com", "https://example.com/path", "https://a b", "*", "https://x'y",
              "https://u@example.com", "https://example.com:port"],
)  # fmt: skip
def test_origins_are_checked(admin: User, typed: str) -> None:
    with pytest.raises(Exception, match="website's address"):
        make_form(admin, origins=typed)


def front_end(inbox: Inbox, body: Any, origin: str = SITE, **headers: str) -> Any:
    """A front end of one's own sends."""
    return Client(enforce_csrf_checks=True).post(
        f"/forms/{inbox.hook_key}/submit/",
        json.dumps(body),
        content_type="application/json",
        headers={"Origin": origin, **headers},
    )


def test_front_ends_of_named_sites_send_json(admin: User, later: Any) -> None:
    inbox = make_form(admin, origins=SITE)
    url = f"/forms/{inbox.hook_key}/submit/"
    asked = Client().get(url, headers={"Origin": SITE})
    assert asked["Access-Control-Allow-Origin"] == SITE
    assert [field["name"] for field in asked.json()["fields"]] == ["name", "email", "subject", "message"]
    body = GIVEN | {"token": asked.json()["token"]}
    preflight = Client().options(url, headers={"Origin": SITE, "Access-Control-Request-Method": "POST"})
    assert (preflight.status_code, preflight["Access-Control-Allow-Headers"]) == (204, "Content-Type")
    later.shift(5)
    sent = front_end(inbox, body)
    assert (sent.status_code, sent.json()["needs_confirmation"]) == (202, True)
    assert FormSubmission.objects.get().values["email"] == "ida@halden.example"
    assert front_end(inbox, body, "https://elsewhere.example").status_code == 403
    refused = front_end(inbox, body | {"email": ["x"], "message": 3})
    assert refused.status_code == 422
    assert refused["Content-Type"] == "application/problem+json"
    assert set(refused.json()["errors"]) == {"email", "message"}
    assert front_end(inbox, ["x"]).status_code == 415


def test_an_inactive_form_and_other_inboxes_have_no_page(admin: User, inbox: Inbox) -> None:
    assert Client().get("/forms/nothing/").status_code == 404
    mailbox = save_inbox(name="Mail", channel="email", default_team=None, settings={}, by=admin.as_viewer())
    assert Client().get(f"/forms/{mailbox.hook_key}/").status_code == 404
    save_inbox(name="Website", inbox=inbox, default_team=None, is_active=False, by=admin.as_viewer(),
               settings=inbox.config)  # fmt: skip
    assert Client().get(f"/forms/{inbox.hook_key}/").status_code == 404


def test_a_link_of_another_installation_is_none(inbox: Inbox, later: Any) -> None:
    send(inbox, later)
    row = FormSubmission.objects.get()
    assert Client().post(f"/forms/{inbox.hook_key}/confirm/{row.nonce}.forged/").status_code == 404


def test_what_failed_is_tried_again_and_then_shown(
    admin: User, later: Any, monkeypatch: pytest.MonkeyPatch, login: Any
) -> None:
    inbox = make_form(admin, double_opt_in=False)
    send(inbox, later)
    from tickets.channels.web.services import take_submissions as module

    with monkeypatch.context() as patched:

        def fail(**_: Any) -> None:
            raise ValueError("no room")

        patched.setattr(module, "receive_message", fail)
        for _ in range(6):
            work()
            later.shift(timedelta(hours=1))
    row = FormSubmission.objects.get()
    assert (row.state, row.error) == (State.FAILED, "no room")
    login(admin).post(f"/settings/inboxes/{inbox.pk}/submissions/{row.pk}/accept/")
    work()
    assert Ticket.objects.count() == 1


def test_people_see_and_decide(inbox: Inbox, later: Any, admin: User, agent: User, login: Any) -> None:
    send(inbox, later, files=SimpleUploadedFile("seal.txt", b"seal"))
    work()
    row = FormSubmission.objects.get()
    client = login(admin)
    assert b"Broken seal" in client.get(f"/settings/inboxes/{inbox.pk}/submissions/?state=waiting").content
    page = f"/settings/inboxes/{inbox.pk}/submissions/{row.pk}/"
    assert b"seal.txt" in client.get(page).content
    file = row.files.get()
    assert client.get(f"{page}files/{file.pk}/").content == b"seal"
    client.post(f"{page}mail/")
    work()
    assert len(mail.outbox) == 2
    client.post(f"{page}refuse/")
    row.refresh_from_db()
    assert row.state == State.REFUSED
    assert b"This link is over" in Client().post(link()).content
    later.shift(timedelta(days=31))
    end_submissions()
    row.refresh_from_db()
    assert (row.state, row.values) == (State.REFUSED, {})
    assert login(agent).get(page).status_code == 403


def test_what_a_private_team_is_sent_stays_with_it(admin: User, later: Any) -> None:
    board = Team.objects.create(name="Board", is_private=True)
    inbox = make_form(admin)
    send(inbox, later)
    Inbox.objects.filter(pk=inbox.pk).update(default_team=board)
    looks_after = frozenset({"operations.view", "tickets.view"})
    outside = Viewer(kind="staff", permissions=looks_after)
    inside = Viewer(kind="staff", permissions=looks_after, team_ids=frozenset({board.pk}))
    counts = [FormSubmission.objects.visible_to(one).count() for one in (outside, inside, admin.as_viewer())]
    assert counts == [0, 1, 1]


def test_a_submission_is_read_with_its_ticket_and_by_who_reads_tickets(
    inbox: Inbox, later: Any, admin: User, api: Any
) -> None:
    send(inbox, later)
    row = FormSubmission.objects.get()
    assert accept_submission(submission=row, by=admin.as_viewer())
    take_submissions(until=timezone.now() + timedelta(minutes=1))
    board = Team.objects.create(name="Board", is_private=True)
    Ticket.objects.update(team=board)
    looks_after = frozenset({"operations.view", "tickets.view"})
    outside = Viewer(kind="staff", permissions=looks_after)
    inside = Viewer(kind="staff", permissions=looks_after, team_ids=frozenset({board.pk}))
    blind = Viewer(kind="staff", permissions=frozenset({"tickets.configure", "tickets.all_teams"}))
    counts = [FormSubmission.objects.visible_to(one).count() for one in (outside, inside, blind)]
    assert counts == [0, 1, 0]
    client = api("tickets:configure")
    assert client.get("/api/v1/form-submissions/").json()["results"] == []
    assert client.get(f"/api/v1/form-submissions/{row.pk}/").status_code == 404
    assert client.post(f"/api/v1/form-submissions/{row.pk}/accept/").status_code == 404


def test_rest_tells_and_decides(inbox: Inbox, later: Any, api: Any) -> None:
    send(inbox, later)
    client = api("tickets:configure", "tickets:read")
    (row,) = client.get("/api/v1/form-submissions/?state=waiting").json()["results"]
    assert (row["inbox"], row["values"]["subject"]) == (inbox.pk, "Broken seal")
    taken = client.post(f"/api/v1/form-submissions/{row['id']}/accept/")
    assert (taken.status_code, taken.json()["proof"]) == (200, "staff")
    assert client.post(f"/api/v1/form-submissions/{row['id']}/refuse/").status_code == 409
    assert client.get("/api/v1/form-submissions/?state=odd").status_code == 400
    assert api("tickets:read").get("/api/v1/form-submissions/").status_code == 403


def test_the_data_of_a_person_has_the_forms(inbox: Inbox, later: Any, admin: User) -> None:
    contact = create_contact(values={"name": "Ida"}, email="ida@halden.example", by=admin.as_viewer())
    send(inbox, later)
    part = FormData()
    assert part.export([contact.pk])["web_forms"][0]["values"]["message"] == "The seal is broken."
    assert part.erase([contact.pk]) == {"web_forms": 1}
    row = FormSubmission.objects.get()
    assert (row.state, row.values) == (State.REFUSED, {})
    assert ContactIdentity.objects.count() == 1


def test_a_mail_that_cannot_leave_is_shown(inbox: Inbox, later: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    send(inbox, later)
    for _ in range(9):
        send_due()
        later.shift(timedelta(days=1) if _ > 6 else timedelta(hours=11))
    assert Outbound.objects.get().state in {Outbound.State.FAILED, Outbound.State.CANCELLED}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.sampled_from([*GIVEN, "field-reason", "field-damage", "website"]), JSON))
def test_whatever_is_sent_is_read_or_refused(admin: User, fields: Any, body: dict[str, Any]) -> None:
    found = Inbox(
        name="x",
        channel="web",
        hook_key="k",
        config={"type": fields[0].pk, "fields_shown": ["reason", "damage"]},
    )
    refused: set[str] = set()
    try:
        submitted = read_values(web_form(found), body)
    except ValidationError as error:
        refused = set(error.message_dict)
    else:
        json.dumps(submitted.raw()).encode("utf-8")
        assert submitted.message
        assert "@" in submitted.email
    assert refused <= {*GIVEN, "field-reason", "field-damage"}


def test_tokens_are_of_one_form(admin: User, inbox: Inbox, later: Any) -> None:
    other = make_form(admin, "Other")
    token = form_token(other)
    later.shift(10)
    answer = Client().post(f"/forms/{inbox.hook_key}/", GIVEN | {"token": token})
    assert answer.status_code == 422


def test_no_origin_is_doubled() -> None:
    assert clean_origins("https://A.example\nhttps://a.example/\n\nhttp://localhost:3000") == [
        "https://a.example",
        "http://localhost:3000",
    ]

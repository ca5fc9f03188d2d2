"""What people are told: preferences, quiet hours, digests, one mail per window, the pages."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from core.actors import SYSTEM
from core.models import Event, Notification, NotificationPreference, Outbound
from core.notifications import WINDOW, after_quiet, mail_due_at
from core.outbox import send_due
from core.services.mail_notifications import mail_due_notifications
from core.services.notify_user import notify_user
from core.services.save_notification_preference import save_notification_preference
from people.models import User
from tests.conftest import make_user

MENTION, ASSIGNED, WARNING = "tickets.mention", "tickets.assigned_to_me", "tickets.sla_warning"


def tell(user: User, text: str, kind: str = ASSIGNED, **fields: Any) -> bool:
    """Tell somebody something."""
    return notify_user(user_id=user.pk, by=SYSTEM, text=text, verb="test.told", kind=kind, **fields)


def prefer(
    user: User, channels: dict[str, dict[str, bool]] | None = None, **fields: Any
) -> NotificationPreference:
    """Save somebody's preferences."""
    return save_notification_preference(
        user_id=user.pk, by=user.as_viewer(), channels=channels or {}, **fields
    )


# --- when -------------------------------------------------------------------------------------------------------------

_MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))
_CLOCKS = st.none() | st.times().map(lambda one: one.replace(second=0, microsecond=0))


@given(
    _MOMENTS,
    st.tuples(_CLOCKS, _CLOCKS).map(lambda two: two if None not in two else (None, None)),
    st.booleans(),
    st.sampled_from(["soon", "hourly", "daily"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "nonsense"]),
)
def test_mail_is_never_due_before_it_happened_nor_in_the_quiet(
    now: datetime, quiet: tuple[time | None, time | None], weekend: bool, mode: str, zone: str
) -> None:
    preference = NotificationPreference(
        mail_mode=mode,
        quiet_from=quiet[0],
        quiet_until=quiet[1],
        quiet_weekend=weekend,
        digest_at=time(7, 30),
    )
    due = mail_due_at(preference, zone, now)
    assert now < due < now + timedelta(days=5)
    assert after_quiet(preference, zone, due) == due


def test_quiet_hours_are_those_of_the_person() -> None:
    preference = NotificationPreference(quiet_from=time(22), quiet_until=time(7), quiet_weekend=True)
    friday_evening = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)  # 23:30 in Berlin
    monday = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    assert mail_due_at(preference, "Europe/Berlin", friday_evening) == monday
    midday = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert mail_due_at(preference, "Europe/Berlin", midday) == midday + WINDOW


# --- what and where ---------------------------------------------------------------------------------------------------


def test_defaults_preferences_and_what_is_always_told(agent: User) -> None:
    assert tell(agent, "near", kind=WARNING)
    assert Notification.objects.get().mail_due_at is None
    prefer(agent, {WARNING: {"app": False, "mail": False}, MENTION: {"app": False, "mail": False}})
    assert not tell(agent, "near again", kind=WARNING)
    assert tell(agent, "named", kind=MENTION)
    prefer(agent, {WARNING: {"app": False, "mail": True}})
    assert tell(agent, "by mail", kind=WARNING)
    row = Notification.objects.get(text="by mail")
    assert (row.in_app, row.mail_due_at is None) == (False, False)


def test_an_event_tells_a_person_once(agent: User) -> None:
    tell(agent, "first")
    cause = Event.objects.get(verb="core.notified")
    assert tell(agent, "about it", cause=cause)
    assert not tell(agent, "about it", cause=cause)
    assert Event.objects.filter(verb="core.notified").count() == 2


def test_nobody_changes_how_others_are_told(agent: User, csm: User) -> None:
    with pytest.raises(PermissionDenied):
        save_notification_preference(user_id=csm.pk, by=agent.as_viewer(), channels={})
    with pytest.raises(ValidationError):
        prefer(agent, {"nonsense": {"app": True}})
    with pytest.raises(ValidationError, match="both ends"):
        prefer(agent, quiet_from=time(22))


# --- mails ------------------------------------------------------------------------------------------------------------


def test_fifty_at_once_make_one_mail(agent: User, csm: User) -> None:
    for number in range(50):
        tell(agent, f"Ticket {number}", group=f"ticket:{number % 5}", url=f"/inbox/{number % 5}/")
    tell(csm, "Another person")
    assert mail_due_notifications() == 0
    later = timezone.now() + WINDOW
    assert mail_due_notifications(now=later) == 2
    assert mail_due_notifications(now=later) == 0
    send_due()
    # Tickets of that number do not exist: who sees no ticket is not told of it.
    assert [one.to for one in mail.outbox] == [[csm.email]]


def test_what_may_be_seen_is_mailed_by_what_it_is_about(agent: User) -> None:
    for number in range(3):
        tell(agent, f"Task {number}", kind="success.task_opened", group="account:1", url="/customers/1/")
    prefer(agent, {"success.task_opened": {"app": True, "mail": True}})
    for number in range(3, 70):
        tell(agent, f"Task {number}", kind="success.task_opened", group="account:1", url="/customers/1/")
    mail_due_notifications(now=timezone.now() + WINDOW)
    send_due()
    [sent] = mail.outbox
    assert sent.subject == "Task 3 and 66 more"
    assert sent.body.count("/customers/1/") == 1
    assert "… and 7 more" in sent.body
    assert "/profile/notifications/" in sent.body
    assert sent.extra_headers["Auto-Submitted"] == "auto-generated"


def test_what_was_read_is_not_mailed(agent: User, login: Callable[[User], Client]) -> None:
    tell(agent, "seen", kind=MENTION)
    login(agent).post("/notifications/read/")
    assert mail_due_notifications(now=timezone.now() + WINDOW) == 0
    tell(agent, "seen between", kind=MENTION)
    assert mail_due_notifications(now=timezone.now() + WINDOW) == 1
    login(agent).post("/notifications/read/")
    send_due()
    assert mail.outbox == []
    assert Outbound.objects.get().state == "cancelled"


def test_who_has_left_gets_nothing(db: None) -> None:
    gone = make_user("agent", "Gone Away")
    tell(gone, "for you", kind=MENTION)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert not tell(gone, "more", kind=MENTION)
    mail_due_notifications(now=timezone.now() + WINDOW)
    send_due()
    assert mail.outbox == []


# --- pages ------------------------------------------------------------------------------------------------------------


def test_bell_menu_and_page_group_by_what_it_is_about(agent: User, login: Callable[[User], Client]) -> None:
    for number in range(3):
        tell(agent, f"Halden {number}", group="ticket:1")
    tell(agent, "Somebody names you", kind=MENTION, group="ticket:2")
    prefer(agent, {WARNING: {"app": False, "mail": True}})
    tell(agent, "only mailed", kind=WARNING)
    browser = login(agent)
    bell = browser.get("/notifications/bell/").content.decode()
    assert "Notifications, 4 unread" in bell
    assert 'data-newest-text="Somebody names you"' in bell
    menu = browser.get("/notifications/", headers={"HX-Request": "true"}).content.decode()
    assert "Halden 2" in menu
    assert "Halden 1" not in menu
    assert "+2" in menu
    page = browser.get("/notifications/").content.decode()
    assert "and 2 more" in page
    assert "only mailed" not in page
    mentions = browser.get("/notifications/?show=mentions").content.decode()
    assert "Somebody names you" in mentions
    assert "Halden" not in mentions
    read = browser.post("/notifications/read/", headers={"HX-Request": "true"})
    assert read["HX-Trigger"] == "notifications-read"
    assert "Everything is read" in browser.get("/notifications/?show=unread").content.decode()


def test_preferences_page_saves_what_is_ticked(agent: User, login: Callable[[User], Client]) -> None:
    browser = login(agent)
    page = browser.get("/profile/notifications/").content.decode()
    assert "Somebody mentions me" in page
    form = {
        "channel": [f"app:{ASSIGNED}", f"mail:{WARNING}"],
        "mail_mode": "daily", "digest_at": "07:30", "quiet_from": "22:00", "quiet_until": "06:00",
    }  # fmt: skip
    assert browser.post("/profile/notifications/", form).status_code == 302
    row = NotificationPreference.objects.get(user=agent)
    assert row.channels[ASSIGNED] == {"app": True, "mail": False}
    assert row.channels[WARNING] == {"app": False, "mail": True}
    assert (row.mail_mode, row.digest_at, row.quiet_from) == ("daily", time(7, 30), time(22))
    again = browser.get("/profile/notifications/").content.decode()
    assert 'value="07:30"' in again
    refused = browser.post("/profile/notifications/", {**form, "quiet_until": ""})
    assert refused.status_code == 422
    assert "both ends" in refused.content.decode()

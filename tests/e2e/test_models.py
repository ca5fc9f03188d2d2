"""The life of a version as people go through it, by keyboard alone: proposed, approved, in service, rolled back; and audits."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from ml.models import AuditItem, Feedback, GateResult, ModelAlias, ModelVersion
from ml.registry import MLTask, ShownSubject, ml_tasks
from ml.services.promote_version import promote_version
from ml.services.propose_version import decide_version, propose_version
from people.models import User
from people.viewer import Viewer, system_viewer
from tests.e2e.looks import assert_looks_right

Enter = Callable[[User, str], Page]
HOME = "/models/test-browser/"


class Colours(MLTask):
    """Subjects are numbers."""

    key = "test-browser"
    title = "Colours"
    purpose = "Names the colour."

    def choices(self) -> Sequence[str]:
        return ("red", "green", "blue")

    def shown(self, subject_ids: Sequence[int], viewer: Viewer) -> Mapping[int, ShownSubject]:
        return {pk: ShownSubject(f"Ticket {pk}", f"What is {pk}?", "/inbox/") for pk in subject_ids}


@pytest.fixture(autouse=True)
def _task() -> Iterator[None]:
    with ml_tasks.temporarily(Colours):
        yield


def version_of(number: int) -> ModelVersion:
    """A version that has passed its gates, without files."""
    version = ModelVersion.objects.create(task=Colours.key, number=number, kind="k", digest=f"d{number}")
    GateResult.objects.create(version=version, gate="golden", state="passed", observed="all 3 cases right")
    return version


@pytest.fixture
def live(site: str) -> ModelVersion:
    """The first version, in service."""
    version = version_of(1)
    promote_version(version=version, by=system_viewer("command"), reason="first")
    return version


def ask(page: Page, button: str, title: str) -> Locator:
    """Open the dialog behind a button."""
    page.get_by_role("button", name=button, exact=True).press("Enter")
    dialog = page.get_by_role("dialog", name=title)
    expect(dialog).to_be_visible()
    return dialog


def serving() -> int:
    return ModelAlias.objects.get(task=Colours.key, name="champion").version.number


def test_a_version_goes_from_the_list_into_service(
    live: ModelVersion, admin: User, lead_user: User, enter: Enter
) -> None:
    version_of(2)
    page = enter(admin, f"{HOME}versions/")
    page.get_by_role("link", name="v2", exact=True).press("Enter")
    expect(page.get_by_text("all 3 cases right")).to_be_visible()
    page.locator(".phead").get_by_role("link", name="Compare").press("Enter")
    expect(page.get_by_role("button", name="Promote v2")).to_be_disabled()
    dialog = ask(page, "Propose", "Propose v2")
    expect(dialog.get_by_label("Why it should serve")).to_be_focused()
    page.keyboard.type("Newer tickets")
    dialog.get_by_role("button", name="Propose").press("Enter")
    expect(page.get_by_text("not you: you proposed or trained it")).to_be_visible()
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)

    page = enter(lead_user, f"{HOME}?with=2")
    expect(page.get_by_text("Newer tickets")).to_be_visible()
    ask(page, "Approve", "Approve v2").get_by_role("button", name="Approve").press("Enter")
    expect(page.locator("#approval-state")).to_have_text("approved, may serve")
    assert serving() == 1

    page = enter(admin, f"{HOME}?with=2")
    ask(page, "Promote v2", "Promote v2").get_by_role("button", name="Promote").press("Enter")
    expect(page.get_by_text("v2 answers from the next prediction on.")).to_be_visible()
    assert serving() == 2


def test_a_rollback_is_asked_about_first(
    live: ModelVersion, admin: User, lead_user: User, enter: Enter
) -> None:
    newer = version_of(2)
    propose_version(version=newer, by=admin.as_viewer(), reason="newer")
    decide_version(version=newer, approve=True, by=lead_user.as_viewer())
    promote_version(version=newer, by=admin.as_viewer())
    page = enter(admin, HOME)
    dialog = ask(page, "Roll back to v1", "Roll back")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert serving() == 2
    dialog = ask(page, "Roll back to v1", "Roll back")
    page.keyboard.type("It sends all to triage")
    dialog.get_by_role("button", name="Roll back").press("Enter")
    expect(page.get_by_text("v1 answers again.")).to_be_visible()
    assert serving() == 1


def test_audits_are_answered_by_number(live: ModelVersion, lead_user: User, enter: Enter) -> None:
    for number in (1, 2, 3):
        AuditItem.objects.create(
            task=Colours.key, subject_kind="ticket", subject_id=number, version=live, predicted_label="green",
            stratum="sure", inclusion_probability=0.5, day=timezone.now().date(),
        )  # fmt: skip
    page = enter(lead_user, f"{HOME}audit/")
    for number, key in ((1, "3"), (2, "2")):
        expect(page.get_by_text(f"What is {number}?")).to_be_visible()
        page.keyboard.press(key)
    expect(page.get_by_text("green, as the model had said.")).to_be_visible()
    expect(page.get_by_text("What is 3?")).to_be_visible()
    page.get_by_role("button", name="Cannot be judged").press("Enter")
    expect(page.get_by_text("Nothing to label")).to_be_visible()
    assert list(Feedback.objects.order_by("pk").values_list("label", flat=True)) == ["blue", "green"]
    assert AuditItem.objects.filter(state="skipped").count() == 1


def test_the_pages_look_right(live: ModelVersion, admin: User, enter: Enter) -> None:
    page = enter(admin, HOME)
    for path in (HOME, f"{HOME}versions/1/"):
        assert_looks_right(page, path)

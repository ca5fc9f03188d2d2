"""Whatever is edited where and when: both sides end as the owners of the fields have it, and then nothing moves any more."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.job_runner import run_jobs
from core.models import Event, Job, Outbound
from core.outbox import send_due
from core.subscription import subscribers
from customers.models import Account
from customers.services.save_account import update_account
from integrations.crm.contract import (
    Ask,
    CrmSystem,
    Envelope,
    Page,
    Query,
    Raw,
    RemoteRecord,
    Unreachable,
    Written,
    crm_systems,
)
from integrations.crm.merge import CRM, NEWEST, US, Base, Holds, decide
from integrations.models import CrmConnection
from integrations.services.connect_crm import save_crm_connection
from integrations.services.save_crm_fields import Pair, save_crm_fields
from integrations.services.sync_crm import start_crm_sync
from people.models import User
from people.viewer import system_viewer

OWNERS = {"name": CRM, "next_step": US, "timezone": NEWEST}


class MemoryCrm(CrmSystem):
    """A CRM in this process, without a network between."""

    key = "memory"
    label = "Memory"
    default_url = "https://crm.example"
    rows: ClassVar[dict[str, dict[str, Any]]] = {}
    loses_answers: ClassVar[bool] = False
    writes: ClassVar[int] = 0

    def edit(self, values: Mapping[str, str]) -> None:
        """Change the one record."""
        self.rows["1"] = {**self.rows.get("1", {}), **values, "id": "1", "at": timezone.now().isoformat()}

    def changed(self, ask: Ask, query: Query) -> Page:
        """Everything since a moment."""
        rows = [row for row in self.rows.values() if query.since is None or _at(row) >= query.since]
        return Page([dict(row) for row in rows] if query.object == "account" else [], None)

    def read(self, ask: Ask, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Raw]:
        """By id."""
        return [dict(self.rows[one]) for one in ids]

    def write(self, ask: Ask, kind: str, rows: Mapping[str, Mapping[str, str]]) -> Sequence[Written]:
        """Write, and sometimes lose the answer."""
        for values in rows.values():
            self.edit(values)
            type(self).writes += 1
        if self.loses_answers:
            raise Unreachable("the answer was lost")
        return [Written(one, dict(values), _at(self.rows[one])) for one, values in rows.items()]

    def envelope(self, kind: str, raw: Raw) -> Envelope:
        """Id and time."""
        return Envelope(raw["id"], _at(raw))

    def parse(self, kind: str, raw: Raw) -> RemoteRecord:
        """Everything."""
        return RemoteRecord(raw["id"], _at(raw), {name: str(value) for name, value in raw.items()})


def _at(raw: Raw) -> datetime:
    return datetime.fromisoformat(raw["at"])


@pytest.fixture
def memory() -> Iterator[MemoryCrm]:
    """The system."""
    MemoryCrm.credentials = crm_systems.get("hubspot").credentials
    with crm_systems.temporarily(MemoryCrm) as found:
        assert isinstance(found, MemoryCrm)
        yield found


class World:
    """One account on both sides, begun anew for each example."""

    def __init__(self, memory: MemoryCrm, admin: User, owners: Mapping[str, str]) -> None:
        self.memory, self.heard = memory, 0
        type(memory).rows = {}
        type(memory).loses_answers = False
        CrmConnection.objects.all().delete()
        Account.objects.all().delete()
        by = admin.as_viewer()
        self.connection = save_crm_connection(
            system="memory", name="Memory", base_url="https://crm.example", by=by,
            credentials={"access_token": "x"}, creates_missing=True,
        )  # fmt: skip
        save_crm_fields(
            connection=self.connection,
            pairs=[Pair("account", name, name, owner) for name, owner in owners.items()],
            by=by,
        )
        memory.edit({"name": "start", "next_step": "start", "timezone": "start"})
        self.read()
        self.send()

    @property
    def account(self) -> Account:
        """Ours."""
        return Account.objects.get()

    @property
    def theirs(self) -> dict[str, str]:
        """Theirs."""
        return self.memory.rows["1"]

    def here(self, field: str, value: str) -> None:
        """Somebody edits ours."""
        update_account(account=self.account, values={field: value}, by=system_viewer("page"))

    def there(self, field: str, value: str) -> None:
        """Somebody edits theirs."""
        self.memory.edit({field: value})

    def read(self) -> None:
        """A pass."""
        part = subscribers.get("integrations.crm")
        events = Event.objects.filter(pk__gt=self.heard, verb__in=part.verbs).select_related("detail")
        if found := list(events.order_by("pk")):
            part.apply(found, None)
            self.heard = found[-1].pk
        start_crm_sync(connection=self.connection, by=system_viewer())
        Job.objects.update(not_before=None)
        run_jobs("batch")

    def send(self, *, loses_answers: bool = False) -> None:
        """Send what is due, or have tried to."""
        type(self.memory).loses_answers = loses_answers
        Outbound.objects.filter(state=Outbound.State.PENDING).update(not_before=timezone.now())
        send_due()
        type(self.memory).loses_answers = False

    def settle(self) -> None:
        """Let everything come to rest."""
        for _ in range(2):
            self.read()
            self.send()


_EDITS = st.tuples(
    st.sampled_from(["here", "there"]), st.sampled_from(sorted(OWNERS)), st.sampled_from("abc")
)
_WORK = st.sampled_from([("read",), ("send",), ("send", "lost")])
_EVERYTHING: Any = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.django_db
@_EVERYTHING
@given(steps=st.lists(_EDITS | _WORK, max_size=12))
def test_both_sides_end_as_the_owners_have_it(
    steps: list[tuple[str, ...]], memory: MemoryCrm, admin: User
) -> None:
    world = World(memory, admin, OWNERS)
    last = {("here", name): "start" for name in OWNERS} | {("there", name): "start" for name in OWNERS}
    for step in steps:
        if step[0] in ("here", "there"):
            getattr(world, step[0])(step[1], step[2])
            last[step[0], step[1]] = step[2]
        elif step[0] == "read":
            world.read()
        else:
            world.send(loses_answers=len(step) > 1)
    world.settle()
    ours, theirs = world.account, world.theirs
    assert ours.name == theirs["name"] == last["there", "name"]
    assert ours.next_step == theirs["next_step"] == last["here", "next_step"]
    assert ours.timezone == theirs["timezone"]
    assert ours.timezone in {last["here", "timezone"], last["there", "timezone"]}
    before = (Event.objects.filter(verb="customers.account_changed").count(), MemoryCrm.writes, theirs["at"])
    world.read()
    world.send()
    assert before == (
        Event.objects.filter(verb="customers.account_changed").count(), MemoryCrm.writes, world.theirs["at"],
    )  # fmt: skip


@pytest.mark.django_db
@_EVERYTHING
@given(steps=st.lists(st.sampled_from(["here", "there", "read", "send", "lost"]), max_size=12))
def test_of_changes_on_both_sides_the_last_one_holds(
    steps: list[str], memory: MemoryCrm, admin: User
) -> None:
    world = World(memory, admin, {"name": CRM, "timezone": NEWEST})
    last = "start"
    for number, step in enumerate(steps):
        if step in ("here", "there"):
            last = f"{step} {number}"
            getattr(world, step)("timezone", last)
        elif step == "read":
            world.read()
        else:
            world.send(loses_answers=step == "lost")
    world.settle()
    assert world.account.timezone == world.theirs["timezone"] == last


_TEXT = st.sampled_from(["", "a", "b"])
_NOW = datetime.fromisoformat("2026-01-05T10:00:00+00:00")


@given(
    owner=st.sampled_from([CRM, US, NEWEST]),
    ours=_TEXT,
    theirs=_TEXT,
    base=st.none() | st.builds(Base, _TEXT, _TEXT),
    minutes=st.integers(-2, 2),
)
def test_a_decision_that_was_carried_out_stays(
    owner: str, ours: str, theirs: str, base: Base | None, minutes: int
) -> None:
    def made(left: str, right: str, known: Base | None) -> Holds:
        ours_at = _NOW.replace(minute=30 + minutes)
        return decide(
            owner=owner, ours=left, theirs=right, base=known, ours_at=lambda: ours_at, theirs_at=_NOW.replace(minute=30),
        ).holds  # fmt: skip

    holds = made(ours, theirs, base)
    if holds is Holds.BOTH:
        return
    held = ours if holds is Holds.OURS else theirs
    assert owner != CRM or held == theirs
    assert owner != US or held == ours
    assert made(held, held, Base(held, held)) is Holds.BOTH
    # also where the other side stores it in another form
    assert made(held, "cut off", Base(held, "cut off")) is Holds.BOTH

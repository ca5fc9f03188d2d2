"""The extension points of customers: parts of the account page, reasons why an account needs somebody today, and names
of what its timeline tells about, and what each app keeps about a person."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.utils.functional import Promise

from core.conditions.kinds import ConditionField
from core.registry import Part, Registry
from customers.models import Account, Contact
from people.viewer import Viewer

Place = Literal["overview", "side", "tab", "action"]


class AccountPanel(Part):
    """A part of the account page, contributed by any app in ``<app>/account_panels/<name>.py``.

    ``place``: a section of the overview, a panel of the side column, a tab of its own (``/customers/<id>/<key>/``) or a
    control in the header. Each has the URL ``/customers/<id>/panels/<key>/``. A ``lazy`` one is loaded from there when
    it comes into view, so that it may be slow or fail alone; others are part of the page. With ``live`` it reads itself
    again when something happens at the account. A panel of the side column gets its heading from the page; its context
    may put ``more_text`` and ``more_url`` on the right of it.
    """

    label: ClassVar[str | Promise] = ""
    place: ClassVar[Place] = "overview"
    order: ClassVar[int] = 100
    permission: ClassVar[str] = ""
    lazy: ClassVar[bool] = True
    live: ClassVar[bool] = True

    def visible_to(self, viewer: Viewer) -> bool:
        """Say whether the viewer gets the panel; must cost no query."""
        return not self.permission or viewer.can(self.permission)

    def belongs_to(self, account: Account) -> bool:
        """Say whether a tab is offered for the account; at most one query."""
        return True

    def template_name(self) -> str:
        """The template of the content; it gets ``account``, ``viewer`` and the variables of ``context``."""
        return f"{type(self).__module__.partition('.')[0]}/_account_panels/{self.key}.html"

    def context(self, viewer: Viewer, account: Account) -> dict[str, object] | None:
        """Return the variables of the template, read through ``visible_to(viewer)``; None when there is nothing to show."""
        raise NotImplementedError


account_panels: Registry[AccountPanel] = Registry(AccountPanel, "account_panels")


def panels_at(place: Place, viewer: Viewer) -> list[AccountPanel]:
    """Return the panels of one place that a viewer gets, in order."""
    shown = [panel for panel in account_panels if panel.place == place and panel.visible_to(viewer)]
    return sorted(shown, key=lambda panel: (panel.order, panel.key))


class ContactSection(Part):
    """A section of the page of a person, contributed by any app in ``<app>/contact_sections.py``."""

    label: ClassVar[str | Promise] = ""
    order: ClassVar[int] = 100
    permission: ClassVar[str] = ""
    template: ClassVar[str] = ""

    def context(self, viewer: Viewer, contact: Contact) -> dict[str, object] | None:
        """Return the variables of the template, read through ``visible_to(viewer)``; None when there is nothing to show."""
        raise NotImplementedError


contact_sections: Registry[ContactSection] = Registry(ContactSection, "contact_sections")


def sections_of(viewer: Viewer, contact: Contact) -> list[tuple[ContactSection, dict[str, object]]]:
    """Return the sections that a viewer gets on the page of a person, in order, each with its variables."""
    parts = [one for one in contact_sections if not one.permission or viewer.can(one.permission)]
    found = [
        (one, one.context(viewer, contact)) for one in sorted(parts, key=lambda one: (one.order, one.key))
    ]
    return [(one, context) for one, context in found if context is not None]


class AccountReason(Part):
    """Says in words why accounts need somebody, in ``<app>/account_reasons.py``; the first part that knows one is heard."""

    order: ClassVar[int] = 100

    def reasons(self, viewer: Viewer, accounts: Collection[Account]) -> Mapping[int, str]:
        """Return a short sentence by account id for those with a reason; a fixed number of queries for all of them."""
        raise NotImplementedError


account_reasons: Registry[AccountReason] = Registry(AccountReason, "account_reasons")


def reasons_for(viewer: Viewer, accounts: Collection[Account]) -> dict[int, str]:
    """Return the first known reason of each account."""
    known: dict[int, str] = {}
    for part in sorted(account_reasons, key=lambda part: (part.order, part.key)):
        for account_id, reason in part.reasons(viewer, accounts).items():
            known.setdefault(account_id, reason)
    return known


class SegmentFields(Part):
    """Fields that conditions on accounts can ask about, in ``<app>/segment_fields.py``.

    ``permission`` is what a person must have to ask about any of them: who filters by a value reads it bit by bit. Fields select
    in the database (``q`` on accounts) and tell with ``present`` what they see at an account
    (``customers.segment_kinds.AccountField``).
    """

    order: ClassVar[int] = 100
    permission: ClassVar[str] = "customers.view"

    def fields(self) -> Sequence[ConditionField]:
        """Return the fields in the order of menus."""
        raise NotImplementedError


segment_fields: Registry[SegmentFields] = Registry(SegmentFields, "segment_fields")


@dataclass(frozen=True)
class TodaySignal:
    """One reason to act for an account: its kind, a sentence, where the proof is, and how many minutes acting takes."""

    kind: str
    text: str
    url: str
    minutes: int


class TodaySource(Part):
    """Brings accounts into the Today queue and says why, in ``<app>/today_sources.py``."""

    order: ClassVar[int] = 100
    permission: ClassVar[str] = ""

    def concerns(self, viewer: Viewer, now: datetime) -> Q:
        """Return which accounts it brings, as a condition on accounts; costs no query."""
        raise NotImplementedError

    def signals(
        self, viewer: Viewer, accounts: Collection[Account], now: datetime
    ) -> Mapping[int, Sequence[TodaySignal]]:
        """Return the reasons by account id, the weightiest first; a fixed number of queries for all of them."""
        raise NotImplementedError


today_sources: Registry[TodaySource] = Registry(TodaySource, "today_sources")


class Saveability(Part):
    """Tells what share of the accounts about to leave stay when somebody acts (0..1), in ``<app>/saveability.py``."""

    def shares(self, accounts: Collection[Account]) -> Mapping[int, float]:
        """Return shares by account id for those about which data says something; a fixed number of queries."""
        raise NotImplementedError


saveability: Registry[Saveability] = Registry(Saveability, "saveability")


@dataclass(frozen=True)
class Moment:
    """What happened to accounts while they were in a stage: ``value`` in words, over ``number`` cases."""

    stage_id: int
    label: str | Promise
    value: str
    number: int


class JourneyMoments(Part):
    """Tells how customers fared in each stage of their life, in ``<app>/journey_moments.py``."""

    order: ClassVar[int] = 100
    permission: ClassVar[str] = ""

    def moments(self, viewer: Viewer, accounts: QuerySet[Account], since: datetime) -> Sequence[Moment]:
        """Return moments by stage since a moment; a fixed number of queries."""
        raise NotImplementedError


journey_moments: Registry[JourneyMoments] = Registry(JourneyMoments, "journey_moments")


class TimelineSubject(Part):
    """What events of a timeline are about, in ``<app>/timeline_subjects.py``; the key is the subject's kind.

    Events about a subject of a kind that has a part are shown only to those who may see the subject.
    """

    def names(self, viewer: Viewer, ids: Collection[int]) -> Mapping[int, tuple[str, str]]:
        """Return (name, address) by id of those the viewer may see, with one query; both may be empty."""
        raise NotImplementedError

    def detail(self, verb: str, data: Mapping[str, Any]) -> str | None:
        """Return a second line from the event's detail; None leaves out an event that another one tells already."""
        return ""


timeline_subjects: Registry[TimelineSubject] = Registry(TimelineSubject, "timeline_subjects")


class ContactReach(Part):
    """Says when people were last heard, in ``<app>/contact_reach.py``; the latest of all parts counts."""

    def last_heard(self, contact_ids: Collection[int]) -> Mapping[int, datetime]:
        """Return when each of these people last wrote or spoke to us, those who never did left out; one query."""
        raise NotImplementedError


contact_reach: Registry[ContactReach] = Registry(ContactReach, "contact_reach")


def last_heard(contact_ids: Collection[int]) -> dict[int, datetime]:
    """Return when people were last heard on any way; what was said by contacts merged into them counts as theirs."""
    of = {pk: pk for pk in contact_ids}
    newest = dict(of)
    while newest:
        merged = Contact.objects.filter(merged_into__in=newest).values_list("pk", "merged_into")
        newest = {pk: of[into] for pk, into in merged if into is not None and pk not in of}
        of |= newest
    heard: dict[int, datetime] = {}
    for part in contact_reach:
        for pk, at in part.last_heard(list(of)).items():
            heard[of[pk]] = max(at, heard.get(of[pk], at))
    return heard


class AccountRows(Part):
    """Rows that go along when an account is merged into another, in ``<app>/account_rows.py``; they return when it is undone.

    ``field`` is the foreign key to the account. Tables that are made again from others need no part.
    """

    label: ClassVar[str | Promise] = ""
    order: ClassVar[int] = 100
    model: ClassVar[type[Model]]
    field: ClassVar[str] = "account"

    def rows(self, account_id: int) -> QuerySet[Any]:
        """Return the rows of an account."""
        return self.model._default_manager.filter(**{self.field: account_id})

    def movable(self, source: int, target: int) -> QuerySet[Any]:
        """Return the rows of ``source`` that ``target`` can have."""
        return self.rows(source)

    def without_twins(self, source: int, target: int, *names: str) -> QuerySet[Any]:
        """Return the rows of ``source`` but those that are like one of ``target`` in all of ``names``."""
        twins = self.rows(target).filter(**{name: OuterRef(name) for name in names})
        return self.rows(source).filter(~Exists(twins))

    def move(self, row_ids: Collection[int], source: int, target: int) -> None:
        """Give rows of ``source`` to ``target``; those that are elsewhere meanwhile stay there."""
        self.rows(source).filter(pk__in=row_ids).update(**{f"{self.field}_id": target})

    def after(self, row_ids: Collection[int], accounts: tuple[int, int]) -> None:
        """Put right what counts the rows; called for every few thousand rows, when merging and when taking back."""


account_rows: Registry[AccountRows] = Registry(AccountRows, "account_rows")


def account_rows_parts() -> list[AccountRows]:
    """Return the parts in their order."""
    return sorted(account_rows, key=lambda part: (part.order, part.key))


class PersonalData(Part):
    """What an app keeps about people, in ``<app>/personal_data.py``: it hands it out, and it erases it.

    ``contact_ids`` are one person: the contact and those that were merged into it. Parts are asked in the order of
    ``order``, the contact itself at 1000: those before it still find its addresses, those behind it delete what was made
    of its name meanwhile.
    """

    order: ClassVar[int] = 100

    def export(self, contact_ids: Collection[int]) -> Mapping[str, Any]:
        """Return lists of plain rows by name, as they go into the JSON file."""
        return {}

    def files(self, contact_ids: Collection[int]) -> Iterator[tuple[str, bytes]]:
        """Yield (path inside the ZIP file, content) of files; a part without files yields none."""
        yield from ()

    def erase(self, contact_ids: Collection[int]) -> Mapping[str, int]:
        """Empty or delete everything that tells about the person, and return how many rows of what.

        Runs in a transaction of its own, in a job that repeats it after a kill; numbers that tell nothing about a person
        stay. What is outside the database goes through jobs or the outbox.
        """
        raise NotImplementedError


personal_data: Registry[PersonalData] = Registry(PersonalData, "personal_data")


def personal_data_parts() -> list[PersonalData]:
    """Return the parts in the order in which they erase."""
    return sorted(personal_data, key=lambda part: (part.order, part.key))

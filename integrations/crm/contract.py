"""What a CRM must be able to do: an adapter is one class in ``<any app>/crm/systems/<name>.py``.

Adapters speak one API and keep nothing: they get a session to ask with, and return what came back as it came (``raw``), which is
stored before anybody reads it. ``envelope`` reads the three things that storing needs, ``parse`` the rest.

Values cross the border as text in one form: trimmed; numbers without trailing zeros; days as ``YYYY-MM-DD``; "" for nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _

from core.registry import Label, Part, Registry

ACCOUNT, CONTACT, SUBSCRIPTION = "account", "contact", "subscription"
# In this order they are read: a contact and a subscription need the account that they belong to.
OBJECTS = (ACCOUNT, CONTACT, SUBSCRIPTION)
OBJECT_LABELS = {ACCOUNT: _("Companies"), CONTACT: _("People"), SUBSCRIPTION: _("Won deals")}

Raw = Mapping[str, Any]


class CrmFailure(Exception):
    """A CRM did not do what it was asked; the text is for the person who keeps the connection, and holds no secret."""


class SignInRefused(CrmFailure):
    """The credentials are not taken (any more): a person has to act."""


class OutOfQuota(CrmFailure):
    """No call may be made before ``until``; ``policy`` is the name of the limit."""

    def __init__(self, reason: str, *, until: datetime, policy: str = "") -> None:
        super().__init__(reason)
        self.until = until
        self.policy = policy


class Unreachable(CrmFailure):
    """No answer, or one of a server in trouble: it may work later."""


class Refused(CrmFailure):
    """The request itself is wrong (a field that does not exist, a missing right); repeating it changes nothing."""


class CursorLost(CrmFailure):
    """The place in a list is not known there any more; begin again behind ``after_id``."""


@dataclass(frozen=True)
class Envelope:
    """What storing a raw record needs."""

    id: str
    modified_at: datetime
    is_deleted: bool = False


@dataclass(frozen=True)
class RemoteRecord:
    """A record as parsed: ``values`` by their field names. ``account_id`` is the company it belongs to, in their ids.

    ``is_relevant`` is False for what has no counterpart here, with ``why_not`` saying so (a deal that is not won).
    """

    id: str
    modified_at: datetime
    values: Mapping[str, str] = field(default_factory=dict)
    account_id: str = ""
    is_deleted: bool = False
    is_relevant: bool = True
    why_not: str = ""


@dataclass(frozen=True)
class Query:
    """Which records are listed: those changed at ``since`` or later (None: all), with these fields, from ``cursor`` on.

    ``only_where`` is (field, value): companies that do not have it are not listed.
    """

    object: str
    fields: Sequence[str]
    since: datetime | None = None
    cursor: Mapping[str, Any] = field(default_factory=dict)
    only_where: tuple[str, str] | None = None


@dataclass(frozen=True)
class Page:
    """A stretch of a list; ``cursor`` is where the next one begins, None at the end. ``server_time`` is their clock."""

    rows: Sequence[Raw]
    cursor: Mapping[str, Any] | None
    server_time: datetime | None = None


@dataclass(frozen=True)
class Written:
    """What became of one record of a write: the values they store now, or the reason why it was refused."""

    id: str
    values: Mapping[str, str] = field(default_factory=dict)
    modified_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class RemoteField:
    """A field of theirs."""

    name: str
    label: str
    is_read_only: bool = False


@dataclass(frozen=True)
class Credential:
    """One thing that the connection form asks for; secret ones are shown to nobody again."""

    name: str
    label: Label
    is_secret: bool = True
    required: bool = True
    help_text: Label = ""


@dataclass(frozen=True)
class Answer:
    """An answer of a CRM: parsed JSON (None when there is none), header names in lower case."""

    status: int
    data: Any
    headers: Mapping[str, str]
    server_time: datetime | None = None


Ask = Callable[..., Answer]


class CrmSystem(Part):
    """One kind of CRM. The methods that ask raise CrmFailure.

    ``suggested`` proposes the field map of a new connection: per object (ours, theirs, owner). ``batch_size`` is the most
    records that one read or write takes. ``id_field`` proposes where their records keep our id.
    """

    label: ClassVar[Label] = ""
    default_url: ClassVar[str] = ""
    url_help: ClassVar[Label] = ""
    credentials: ClassVar[Sequence[Credential]] = ()
    suggested: ClassVar[Mapping[str, Sequence[tuple[str, str, str]]]] = {}
    filter_help: ClassVar[Label] = ""
    setup_help: ClassVar[Label] = ""
    batch_size: ClassVar[int] = 100

    def sign_in(self, credentials: Mapping[str, str], ask: Ask) -> str:
        """Return a token that authorises calls; raises SignInRefused."""
        raise NotImplementedError

    def failure(self, answer: Answer, now: datetime) -> CrmFailure | None:
        """Return what an answer means when it is none that was asked for."""
        raise NotImplementedError

    def quota(self, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return ``{"used", "limit", "period"}`` from the headers of an answer, empty when they say nothing."""
        return {}

    def changed(self, ask: Ask, query: Query) -> Page:
        """List what has changed, in a fixed order of ids, tombstones among it where they come in one list."""
        raise NotImplementedError

    def deleted(self, ask: Ask, query: Query) -> Page:
        """List tombstones that ``changed`` does not have; nothing for systems where it has them."""
        return Page((), None)

    def read(self, ask: Ask, kind: str, ids: Sequence[str], fields: Sequence[str]) -> Sequence[Raw]:
        """Return the records with these ids, at most ``batch_size``; those that are gone are missing."""
        raise NotImplementedError

    def write(self, ask: Ask, kind: str, rows: Mapping[str, Mapping[str, str]]) -> Sequence[Written]:
        """Set fields of existing records, at most ``batch_size``; one that is refused holds no other up."""
        raise NotImplementedError

    def fields(self, ask: Ask, kind: str) -> Sequence[RemoteField]:
        """Return the fields that their records have."""
        raise NotImplementedError

    def envelope(self, kind: str, raw: Raw) -> Envelope:
        """Return id and time of a raw record; raises ValueError, KeyError or TypeError for what is none."""
        raise NotImplementedError

    def parse(self, kind: str, raw: Raw) -> RemoteRecord:
        """Return a raw record in the one form of values; raises as ``envelope`` does."""
        raise NotImplementedError


crm_systems: Registry[CrmSystem] = Registry(CrmSystem, "crm.systems")


def plain(value: Any) -> str:
    """Return a JSON value in the one form of values."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()

"""What the page of a connection shows: tiles, the comparison of both sides, gaps, errors, conflicts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from core import formatting
from integrations.crm.contract import OBJECT_LABELS
from integrations.crm.ours import OURS
from integrations.crm_selectors import (
    ObjectStanding,
    Standing,
    crm_conflicts,
    crm_gaps,
    crm_records,
    crm_refusals,
)
from integrations.models import CrmConnection, CrmGap, CrmRecord

SHOWN = 50
_TONES = {
    CrmConnection.State.ACTIVE: "good",
    CrmConnection.State.REFUSED: "bad",
    CrmConnection.State.FAILING: "bad",
    CrmConnection.State.GAPS: "warn",
    CrmConnection.State.BEHIND: "warn",
    CrmConnection.State.WAITING: "warn",
}
LISTS = ("gaps", "errors", "unmatched", "conflicts")


@dataclass(frozen=True)
class Tile:
    """One figure above the page, as ``ui/kpi_tile.html`` has it."""

    name: str
    value: str
    unit: str = ""
    url: str = ""
    change_text: str = ""
    change_tone: str = ""
    note: str = ""
    definition: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a list: what it is about, what is said of it, how it compares (field, ours, theirs)."""

    name: str
    sub: str
    chip: str
    moment: Any
    url: str = ""
    tone: str = ""
    pairs: Sequence[tuple[str, str, str]] = ()


def state_of(connection: CrmConnection) -> tuple[str, str]:
    """Return the chip of a connection: text and tone."""
    state = connection.state
    return (str(state.label), _TONES.get(state, ""))


def view_of(standing: Standing, query: QueryDict) -> dict[str, Any]:
    """Return the context of the page."""
    shown = query.get("list", "")
    shown = shown if shown in LISTS else "gaps"
    before = query.get("before", "")
    lines, following = _lines(
        standing.connection, shown, int(before) if before.isdecimal() and len(before) < 19 else None
    )
    counts = _counts(standing)
    here = reverse("settings-crm", args=[standing.connection.pk])
    return {
        "connection": standing.connection,
        "standing": standing,
        "state": state_of(standing.connection),
        "sentence": sentence_of(standing),
        "tiles": _tiles(standing),
        "objects": [_object_row(one) for one in standing.objects],
        "tabs": [
            {
                "label": label,
                "url": f"{here}?list={name}",
                "current": name == shown,
                "count": counts.get(name),
            }
            for name, label in (
                ("gaps", _("Gaps")),
                ("errors", _("Errors")),
                ("unmatched", _("Nobody here")),
                ("conflicts", _("Conflicts")),
            )
        ],
        "shown": shown,
        "lines": lines,
        "gap_kinds": [
            (kind, CrmGap.Kind(kind).label, number) for kind, number in sorted(standing.gaps.items())
        ],
        "next_url": f"{here}?list={shown}&before={following}" if following else "",
        "is_busy": bool(standing.jobs),
    }


def sentence_of(standing: Standing) -> str:
    """Say what the state means, and what to do about it."""
    connection, states = standing.connection, CrmConnection.State
    told = {
        states.OFF: _("Nothing is read or sent."),
        states.REFUSED: _("The CRM does not take the credentials: %s Enter new ones in the settings.")
        % connection.last_error,
        states.WAITING: _("It goes on at %(at)s: %(why)s") % {
            "at": formatting.absolute(connection.waits_until), "why": connection.pause_reason
        },
        states.FAILING: connection.last_error,
        states.NOT_STARTED: _("Test the connection, check the field map, then read it for the first time."),
        states.FIRST_PASS: _("Everything is being read for the first time."),
        states.BEHIND: _("The last pass came to its end more than an hour ago."),
        states.UNPROVEN: _("Both sides were not compared in the last day, so nobody knows whether something is missing."),
        states.GAPS: _("The last comparison found gaps. What differs is decided again by each pass; see the list."),
        states.ACTIVE: _("Every record of both sides was counted and compared, and all of them are in step."),
    }  # fmt: skip
    return told[connection.state]


def _counts(standing: Standing) -> dict[str, int]:
    return {
        "gaps": sum(standing.gaps.values()),
        "errors": standing.failed,
        "unmatched": sum(one.records.get(CrmRecord.State.UNMATCHED, 0) for one in standing.objects),
    }


def _tiles(standing: Standing) -> list[Tile]:
    connection = standing.connection
    quota = connection.quota
    to_send = sum(one.to_send for one in standing.objects)
    waiting = sum(one.records.get(CrmRecord.State.WAITING, 0) for one in standing.objects)
    return [
        Tile(
            _("Last pass"),
            _ago(standing.lag_seconds),
            note=formatting.absolute(connection.last_pass_at) if connection.last_pass_at else "",
        ),
        Tile(
            _("Compared"),
            _ago((timezone.now() - connection.last_check_at).total_seconds() if connection.last_check_at else None),
            note=_("in step") if connection.proven_at else (_("with gaps") if connection.last_check_at else ""),
        ),
        Tile(_("On their way"), str(to_send + waiting), note=_("%(in)d in, %(out)d out") % {"in": waiting, "out": to_send}),
        Tile(
            _("Calls used"),
            f"{quota['used']:,}" if quota else "–",
            note=_("of %(limit)s in a %(period)s") % {"limit": f"{quota['limit']:,}", "period": _period(quota["period"])}
            if quota
            else _("the CRM has not told yet"),
        ),
    ]  # fmt: skip


def _period(period: str) -> str:
    return _("rolling day") if period == "24 hours" else _("day")


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes = int(seconds // 60)
    if minutes < 1:
        return _("now")
    if minutes < 120:
        return _("%d min") % minutes
    return _("%d h") % (minutes // 60)


def _object_row(one: ObjectStanding) -> dict[str, Any]:
    checked = one.checked
    sums = [
        {
            "currency": currency or "–",
            "ours": _money(sums[0]),
            "theirs": _money(sums[1]),
            "is_same": sums[0] == sums[1],
        }
        for currency, sums in sorted((checked.get("sums") or {}).items())
    ]
    digests = checked.get("id_digests") or [None, None]
    return {
        "label": OBJECT_LABELS[one.object],
        "linked": one.linked,
        "ours": checked.get("ours"),
        "theirs": checked.get("theirs"),
        "in_step": checked.get("in_step"),
        "in_flight": checked.get("in_flight"),
        "sums": sums,
        "ids_same": digests[0] == digests[1] if digests[0] is not None else None,
        "watermark": one.watermark,
    }


def _money(text: str) -> str:
    whole, _point, cents = text.partition(".")
    return f"{int(whole):,}" + (f".{cents}" if cents.strip("0") else "")


def _lines(connection: CrmConnection, shown: str, before: int | None) -> tuple[list[Line], int | None]:
    makers: dict[str, Callable[[CrmConnection, list[Any]], list[Line]]] = {
        "gaps": _gap_lines,
        "errors": _error_lines,
        "unmatched": _unmatched_lines,
        "conflicts": _conflict_lines,
    }
    rows = {
        "gaps": crm_gaps(connection),
        "errors": crm_records(connection),
        "unmatched": crm_records(connection, state=CrmRecord.State.UNMATCHED),
        "conflicts": crm_conflicts(connection),
    }[shown]
    page: list[Any] = list((rows.filter(pk__lt=before) if before else rows)[: SHOWN + 1])
    following = page[SHOWN - 1].pk if len(page) > SHOWN else None
    lines = makers[shown](connection, page[:SHOWN])
    if shown == "errors" and before is None:
        lines = _refusal_lines(connection) + lines
    return lines, following


def _gap_lines(connection: CrmConnection, rows: list[CrmGap]) -> list[Line]:
    return [
        Line(
            row.label or row.remote_id,
            f"{OBJECT_LABELS[row.object]} · {row.remote_id}".rstrip(" ·"),
            str(row.get_kind_display()),
            row.found_at,
            url=_account_url(row.object, row.local_id),
            tone="warn",
            pairs=[
                (_field_label(row.object, name), values[0] or "–", values[1] or "–")
                for name, values in row.fields.items()
            ],
        )
        for row in rows
    ]


def _error_lines(connection: CrmConnection, rows: list[CrmRecord]) -> list[Line]:
    return [
        Line(
            row.error,
            f"{OBJECT_LABELS[row.object]} · {row.remote_id}",
            _("Read"),
            row.received_at,
            tone="bad",
        )
        for row in rows
    ]


def _refusal_lines(connection: CrmConnection) -> list[Line]:
    return [
        Line(
            link.push_error,
            f"{OBJECT_LABELS[link.object]} · {link.remote_id}",
            _("Sent"),
            link.created_at,
            url=_account_url(link.object, link.local_id),
            tone="bad",
        )
        for link in crm_refusals(connection)[:SHOWN]
    ]


def _unmatched_lines(connection: CrmConnection, rows: list[CrmRecord]) -> list[Line]:
    return [
        Line(row.remote_id, f"{OBJECT_LABELS[row.object]} · {row.error}", _("Only there"), row.received_at)
        for row in rows
    ]


def _conflict_lines(connection: CrmConnection, rows: list[Any]) -> list[Line]:
    names = _names([(row.link.object, row.link.local_id) for row in rows])
    return [
        Line(
            names.get((row.link.object, row.link.local_id)) or row.link.remote_id,
            f"{OBJECT_LABELS[row.link.object]} · {_('owner')}: {row.get_owner_display()}",
            _("%s holds") % row.get_kept_display(),
            row.found_at,
            url=_account_url(row.link.object, row.link.local_id),
            pairs=[(_field_label(row.link.object, row.field), row.ours or "–", row.theirs or "–")],
        )
        for row in rows
    ]


def _names(wanted: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    for kind in {kind for kind, _pk in wanted}:
        labels = OURS[kind].labels([pk for one, pk in wanted if one == kind])
        found |= {(kind, pk): label for pk, label in labels.items()}
    return found


def _field_label(kind: str, name: str) -> str:
    one = OURS[kind].fields.get(name)
    return str(one.label) if one is not None else name


def _account_url(kind: str, local_id: int | None) -> str:
    return reverse("account", args=[local_id]) if kind == "account" and local_id else ""

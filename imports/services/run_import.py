"""Map an import, check it, run it: each asks for a job; the rows say what is done, so a killed worker repeats one batch."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from core.bulk_rows import update_rows
from core.job_runner import cancel_job, retry_job, start_job
from imports.checks import Desk
from imports.events import BATCH_IMPORTED, IMPORT_ENDED, IMPORT_STARTED
from imports.guesses import GUESSES, NEW, values_in_columns
from imports.models import ExternalRef, Import, ImportRow
from imports.neutral import KINDS, Unreadable
from imports.registry import importers
from imports.services.write_customers import Refs, write_account, write_contact, write_staff
from imports.services.write_mails import write_mails
from imports.services.write_tickets import Case, Said, TicketWriter, refuse
from people.models import Team
from people.viewer import Viewer, system_viewer
from tickets.models import CustomField, Inbox, Status, Ticket, TicketType
from tickets.search_index import index_many
from tickets.services.count_views import count_tickets
from tickets.services.save_custom_field import save_custom_field
from tickets.services.save_ticket_type import save_ticket_type

CHECK_KIND = "imports.check"
RUN_KIND = "imports.run"
SLICE_SECONDS = 20.0
CHECKED_AT_ONCE = 500
AT_ONCE = {"account": 300, "staff": 300, "contact": 300, "ticket": 150, "message": 400, "mail": 100}
Outcome = ImportRow.Outcome
State = Import.State


@transaction.atomic
def save_mapping(
    *, run: Import, mapping: Mapping[str, Mapping[str, str]], by: Viewer, inbox: Inbox | None = None
) -> Import:
    """Say what the values (or columns) of the source are here. Raises ValidationError naming what is wrong.

    What was checked before has to be checked again.
    """
    by.require("imports.manage")
    row = _idle(run, State.READ, State.CHECKED)
    checked = {what: dict(values) for what, values in row.mapping.items()}
    for what, values in mapping.items():
        _check_targets(row, what, values)
        checked[what] = {**checked.get(what, {}), **values}
    if "column" in mapping:
        targets = [target for target in checked["column"].values() if target]
        twice = [target for target, count in Counter(targets).items() if count > 1]
        if twice:
            raise ValidationError({"column": _("Two columns cannot both be “%s”.") % twice[0]})
        _guess_values(row, checked)
    row.mapping = checked
    if inbox is not None:
        row.options = {**row.options, "inbox": inbox.pk}
    row.state = State.READ
    row.save(update_fields=["mapping", "options", "state"])
    return row


def _check_targets(run: Import, what: str, values: Mapping[str, str]) -> None:
    allowed = _targets(run, what)
    for theirs, ours in values.items():
        is_field = what == "column" and ours.startswith("field:")
        if ours not in allowed and not is_field:
            raise ValidationError(
                {what: _("“%(theirs)s” cannot become “%(ours)s”.") % {"theirs": theirs, "ours": ours}}
            )


def _targets(run: Import, what: str) -> set[str]:
    """What values of a kind may become."""
    match what:
        case "status":
            return set(Status.objects.values_list("pk", flat=True))
        case "priority":
            return {str(one) for one in Ticket.Priority.values}
        case "column":
            return {"", *(key for key, _label in importers.get(run.source).columns(run.options))}
        case "field":
            return {"", NEW, *CustomField.objects.values_list("key", flat=True)}
        case "type":
            return {"", NEW, *(str(pk) for pk in TicketType.objects.values_list("pk", flat=True))}
        case "group":
            return {"", *(str(pk) for pk in Team.objects.values_list("pk", flat=True))}
    return set()


def _guess_values(run: Import, mapping: dict[str, dict[str, str]]) -> None:
    """Columns that now hold statuses, priorities and the like have values that must be mapped."""
    guesses = importers.get(run.source).guesses
    for what, values in values_in_columns(run.found, mapping["column"]).items():
        known = mapping.setdefault(what, {})
        for value, told in values.items():
            known.setdefault(value, GUESSES[what](guesses.get(what, {}), value, told))


@transaction.atomic
def check_import(*, run: Import, by: Viewer) -> Import:
    """Ask for a dry run: every row is looked at as the run would, nothing is written. Raises ValidationError."""
    by.require("imports.manage")
    row = _idle(run, State.READ, State.CHECKED)
    row.job = start_job(
        kind=CHECK_KIND, key=row.reference, by=by, params={"import": row.pk}, requested_by_id=by.user_id
    )
    row.save(update_fields=["job"])
    return row


@transaction.atomic
def start_import(*, run: Import, by: Viewer, in_background: bool = True) -> Import:
    """Ask for the run. Without ``in_background`` the caller does it itself. Raises ValidationError."""
    by.require("imports.manage")
    row = _idle(run, State.READ, State.CHECKED, State.RUNNING)
    row.job, row.state = None, State.RUNNING
    if in_background:
        row.job = start_job(
            kind=RUN_KIND, key=row.reference, by=by, params={"import": row.pk}, requested_by_id=by.user_id
        )
    row.save(update_fields=["job", "state"])
    IMPORT_STARTED.record(by=by, subject_id=row.pk, detail={"source": row.source, "system": row.system})
    return row


@transaction.atomic
def stop_import(*, run: Import, by: Viewer) -> Import:
    """Stop the job before its next slice; what was written stays until it goes on or is undone."""
    by.require("imports.manage")
    row = Import.objects.select_for_update(of=("self",)).select_related("job").get(pk=run.pk)
    if row.job is None or not cancel_job(job=row.job, by=by):
        raise ValidationError(_("Nothing is running."))
    return row


@transaction.atomic
def resume_import(*, run: Import, by: Viewer) -> Import:
    """Go on where a job was stopped or has failed. Raises ValidationError."""
    by.require("imports.manage")
    row = Import.objects.select_for_update(of=("self",)).select_related("job").get(pk=run.pk)
    if row.job is None or not retry_job(job=row.job, by=by):
        raise ValidationError(_("There is nothing to go on with."))
    return row


def _idle(run: Import, *states: str) -> Import:
    """Lock the import; it must be in one of the states and no job may work on it."""
    row = Import.objects.select_for_update(of=("self",)).select_related("job").get(pk=run.pk)
    if row.is_busy:
        raise ValidationError(_("The import is still being worked on: wait until that is over."))
    if row.state not in states:
        raise ValidationError(
            _("The import is %s: that is not possible now.") % row.get_state_display().lower()
        )
    return row


# --- the jobs ---------------------------------------------------------------------------------------------------------


def check_slice(run: Import, after: int) -> tuple[int, bool]:
    """Check the next rows behind an id; returns the last id and whether that was the end."""
    desk = Desk(run)
    until = time.monotonic() + SLICE_SECONDS
    while True:
        rows = list(run.rows.filter(pk__gt=after, outcome=Outcome.WAITING).order_by("pk")[:CHECKED_AT_ONCE])
        verdicts = []
        lost = _lost_messages(run, rows)
        for row in rows:
            problem = _problem(desk, row) or lost.get(row.pk, "")
            if problem != row.error:
                verdicts.append((problem, row.pk))
        update_rows(ImportRow, ("error",), verdicts)
        if len(rows) < CHECKED_AT_ONCE:
            Import.objects.filter(pk=run.pk, state=State.READ).update(
                state=State.CHECKED, counts=counts_of(run)
            )
            return after, True
        after = rows[-1].pk
        if time.monotonic() > until:
            return after, False


def _lost_messages(run: Import, rows: Sequence[ImportRow]) -> dict[int, str]:
    """The messages among these rows whose ticket neither comes with them nor is here, with the reason. Two queries."""
    parents = {row.parent for row in rows if row.kind == "message"}
    if not parents:
        return {}
    coming = run.rows.filter(kind="ticket", external_id__in=parents).exclude(outcome=Outcome.REFUSED)
    here = ExternalRef.objects.filter(system=run.system, kind="ticket", external_id__in=parents)
    known = {*coming.values_list("external_id", flat=True), *here.values_list("external_id", flat=True)}
    return {row.pk: _not_here(row) for row in rows if row.kind == "message" and row.parent not in known}


def _not_here(row: ImportRow) -> str:
    return _("Its ticket “%s” is not here.") % row.parent[:60]


def _problem(desk: Desk, row: ImportRow) -> str:
    try:
        desk.convert(row.kind, row.data)
    except Unreadable as error:
        return str(error)[:500]
    except (AttributeError, TypeError, ValueError, KeyError):
        return _("It is not built as documented.")
    return ""


def counts_of(run: Import) -> dict[str, dict[str, int]]:
    """Count rows by kind and outcome; those that wait and have an error are counted as refused."""
    counts: dict[str, dict[str, int]] = {}
    rows = run.rows.order_by().values_list("kind", "outcome", "error").annotate(n=Count("pk"))
    for kind, outcome, error, number in rows.iterator():
        name = str(outcome) or ("refused" if error else "waiting")
        one = counts.setdefault(kind, {})
        one[name] = one.get(name, 0) + number
    return counts


def run_slice(run: Import) -> tuple[int, bool]:
    """Write the next rows for some seconds; returns how many are done in all and whether none is left."""
    if not run.place.get("made"):
        _make_what_is_new(run)
    until = time.monotonic() + SLICE_SECONDS
    finished = False
    while not finished and time.monotonic() < until:
        finished = not _write_batch(run)
    done = run.rows.exclude(outcome=Outcome.WAITING).count()
    if finished:
        finish_import(run)
    return done, finished


@transaction.atomic
def _make_what_is_new(run: Import) -> None:
    """Make the types and fields that the mapping asks for; a second time they are there."""
    by = system_viewer("import")
    mapping = {what: dict(values) for what, values in run.mapping.items()}
    for theirs, ours in mapping.get("type", {}).items():
        if ours == NEW:
            mapping["type"][theirs] = str(save_ticket_type(name=theirs[:60], by=by).pk)
    for theirs, ours in mapping.get("field", {}).items():
        if ours == NEW:
            mapping["field"][theirs] = _new_field(run.found.get("field", {}).get(theirs, {}), theirs, by)
    run.mapping, run.place = mapping, {**run.place, "made": True}
    run.save(update_fields=["mapping", "place"])


def _new_field(told: Mapping[str, Any], theirs: str, by: Viewer) -> str:
    kind, options = told.get("kind", "text"), [one for one in told.get("options", []) if one][:200]
    if kind in ("choice", "multi") and not options:
        kind = "text"
    label = (told.get("label") or theirs)[:60]
    taken = CustomField.objects.filter(label__iexact=label).first()
    if taken is not None and taken.kind == kind:
        return taken.key
    try:
        with transaction.atomic():
            return save_custom_field(
                label=label, by=by, kind=kind, options=options if kind in ("choice", "multi") else ()
            ).key
    except ValidationError:
        # The name is taken, or its choices are too many: the values are kept as texts.
        return save_custom_field(label=f"{label[:40]} ({theirs[:18]})", by=by, kind="text").key


def _write_batch(run: Import) -> int:
    """Write the next rows of the first kind that has any; returns how many."""
    for kind in KINDS:
        order = ("line", "pk") if kind == "mail" else ("pk",)
        rows = list(run.rows.filter(kind=kind, outcome=Outcome.WAITING).order_by(*order)[: AT_ONCE[kind]])
        if rows:
            return _write(run, kind, rows)
    return 0


def _write(run: Import, kind: str, rows: list[ImportRow]) -> int:
    """Convert outside, write inside one transaction, and bring search and counters up to date behind it."""
    if kind == "mail":
        rows = list(
            run.rows.filter(kind=kind, parent__in={row.parent for row in rows}, outcome=Outcome.WAITING)
        )
    others = _messages_of(run, rows) if kind == "ticket" else []
    desk = Desk(run)
    ready = [(row, data) for row in rows if (data := _converted(desk, row)) is not None]
    said = [(row, data) for row in others if (data := _converted(desk, row)) is not None]
    with transaction.atomic():
        # Two workers on one import: the second waits here, and then finds the rows done.
        Import.objects.select_for_update().get(pk=run.pk)
        numbers = [row.pk for row in (*rows, *others)]
        waiting = ImportRow.objects.filter(pk__in=numbers, outcome=Outcome.WAITING).count()
        if waiting < len(numbers):
            return len(rows)
        tickets = _write_kind(desk, kind, ready, said)
        written = [*rows, *others]
        update_rows(
            ImportRow,
            ("outcome", "object_id", "error", "external_id"),
            [(row.outcome, row.object_id, row.error, row.external_id, row.pk) for row in written],
        )
        outcomes = Counter(row.outcome for row in rows)
        BATCH_IMPORTED.record(
            by=system_viewer("import"),
            subject_id=run.pk,
            detail={"kind": kind, **{str(key): n for key, n in outcomes.items()}},
        )
    if tickets:
        index_many(tickets)
        count_tickets(ticket_ids=tickets)
    return len(rows)


def _messages_of(run: Import, rows: list[ImportRow]) -> list[ImportRow]:
    parents = [row.external_id for row in rows if row.external_id]
    return list(run.rows.filter(kind="message", parent__in=parents, outcome=Outcome.WAITING).order_by("pk"))


def _converted(desk: Desk, row: ImportRow) -> dict[str, Any] | None:
    """The neutral form of a row; None, with the reason on the row, when it is refused."""
    try:
        return desk.convert(row.kind, row.data)
    except Unreadable as error:
        refuse(row, error)
    except (AttributeError, TypeError, ValueError, KeyError):
        refuse(row, Unreadable(_("It is not built as documented.")))
    return None


def _write_kind(
    desk: Desk,
    kind: str,
    ready: list[tuple[ImportRow, dict[str, Any]]],
    said: list[tuple[ImportRow, dict[str, Any]]],
) -> list[int]:
    """Write converted rows; returns the ids of tickets that were touched."""
    refs = Refs(desk.run)
    if kind in _ONE_BY_ONE:
        refs.load(kind, [row.external_id for row, _data in ready])
        for row, data in ready:
            try:
                with transaction.atomic():
                    _ONE_BY_ONE[kind](row, data, desk, refs)
            except ValidationError as error:
                refuse(row, Exception(_in_words(error)))
        return []
    if kind == "mail":
        return write_mails(ready, desk, refs)
    cases = _cases(ready, said) if kind == "ticket" else _added(ready, refs)
    return TicketWriter(desk, refs).write(cases)


def _in_words(error: ValidationError) -> str:
    """What a service refuses, with the names of the fields."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())


_ONE_BY_ONE = {"account": write_account, "staff": write_staff, "contact": write_contact}


def _cases(
    ready: list[tuple[ImportRow, dict[str, Any]]], said: list[tuple[ImportRow, dict[str, Any]]]
) -> list[Case]:
    cases: dict[str, Case] = {}
    for row, data in ready:
        number = (row.external_id or data["id"])[:160]
        row.external_id = number
        if number in cases:
            row.outcome, row.error = Outcome.SKIPPED, _("It stands twice in the upload.")
            continue
        inside = [Said(f"{number}:{place}"[:160], one) for place, one in enumerate(data.get("messages", ()))]
        cases[number] = Case(number, data, row, inside)
    for row, data in said:
        case = cases.get(row.parent)
        if case is None:
            refuse(row, Unreadable(_("Its ticket was refused.")))
            continue
        case.said.append(
            Said(row.external_id or f"{row.parent}:row:{row.line}:{len(case.said)}"[:160], data, row)
        )
    for case in cases.values():
        _drop_doubles(case)
    return list(cases.values())


def _drop_doubles(case: Case) -> None:
    seen: dict[str, Said] = {}
    for one in case.said:
        if one.key in seen and one.row is not None:
            one.row.outcome, one.row.error = Outcome.SKIPPED, _("It stands twice in the upload.")
        seen.setdefault(one.key, one)
    case.said = list(seen.values())


def _added(ready: list[tuple[ImportRow, dict[str, Any]]], refs: Refs) -> list[Case]:
    """Messages whose tickets came earlier."""
    refs.load("ticket", {row.parent for row, _data in ready})
    cases: dict[str, Case] = {}
    for row, data in ready:
        ref = refs.get("ticket", row.parent)
        if ref is None or not Ticket.objects.filter(pk=ref.object_id).exists():
            refuse(row, Unreadable(_not_here(row)))
            continue
        case = cases.setdefault(row.parent, Case(row.parent, None, None, []))
        case.said.append(Said(row.external_id or f"{row.parent}:row:{row.line}"[:160], data, row))
    for case in cases.values():
        _drop_doubles(case)
    return list(cases.values())


def finish_import(run: Import) -> None:
    """Count what became of the rows and forget their texts, of refused ones after a while."""
    with transaction.atomic():
        counts = counts_of(run)
        ended = Import.objects.filter(pk=run.pk, state=State.RUNNING).update(
            state=State.DONE, counts=counts, finished_at=timezone.now()
        )
        if ended:
            IMPORT_ENDED.record(by=system_viewer("import"), subject_id=run.pk, detail={"counts": counts})
    run.rows.exclude(outcome__in=[Outcome.REFUSED, Outcome.WAITING]).update(data={})
    run.refresh_from_db()

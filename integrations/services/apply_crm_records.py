"""Bring stored records of a CRM here: match, link, decide field by field, write through the services of customers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from integrations.crm.contract import ACCOUNT, CrmSystem, RemoteRecord
from integrations.crm.merge import Base, Decision, Holds, decide
from integrations.crm.ours import OURS, OurObject
from integrations.crm.values import canonical
from integrations.models import CrmConflict, CrmConnection, CrmField, CrmLink, CrmRecord
from people.viewer import Viewer, system_viewer

BATCH = 100
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Plan:
    """What the fields of one linked record need: ``write`` here, ``send`` there (canonical texts), the new bases, conflicts."""

    write: dict[str, str] = field(default_factory=dict)
    send: dict[str, str] = field(default_factory=dict)
    bases: dict[str, list[str]] = field(default_factory=dict)
    conflicts: list[tuple[CrmField, str, str, Holds]] = field(default_factory=list)


class Applier:
    """Applies the records of one object of one connection."""

    def __init__(self, connection: CrmConnection, system: CrmSystem, kind: str) -> None:
        self.connection = connection
        self.system = system
        self.kind = kind
        self.ours: OurObject = OURS[kind]
        self.pairs = [
            pair
            for pair in CrmField.objects.filter(connection=connection, object=kind).order_by("pk")
            if pair.ours in self.ours.fields
        ]
        self.by: Viewer = system_viewer(connection.source)

    def apply_waiting(self, *, limit: int = BATCH) -> int:
        """Apply the records that wait, the oldest first; returns how many were looked at. A failing one holds no other up."""
        rows = CrmRecord.objects.filter(
            connection=self.connection, object=self.kind, state=CrmRecord.State.WAITING
        )
        found = list(rows.order_by("pk")[:limit])
        for row in found:
            self.apply_one(row)
        return len(found)

    def apply_one(self, row: CrmRecord) -> None:
        """Apply one record in one transaction, and say on its row what became of it."""
        try:
            with transaction.atomic():
                state, error = self._apply(row)
                self._store(row, state, error)
        except (
            ValidationError,
            ValueError,
            KeyError,
            TypeError,
            IntegrityError,
            ObjectDoesNotExist,
        ) as error:
            self._store(row, CrmRecord.State.FAILED, _words(error))

    def theirs(self, record: RemoteRecord) -> dict[str, str]:
        """Return the mapped values of a record by our names, in the one form; raises ValueError naming the field."""
        found = {}
        for pair in self.pairs:
            try:
                found[pair.ours] = canonical(self.ours.fields[pair.ours], record.values.get(pair.theirs, ""))
            except ValueError as error:
                raise ValueError(f"{pair.theirs}: {error}") from error
        return found

    def plan(self, link: CrmLink, theirs: Mapping[str, str], theirs_at: datetime) -> Plan:
        """Decide each field of a linked record. Raises ObjectDoesNotExist when ours is gone."""
        values = self.ours.values([link.local_id]).get(link.local_id)
        if values is None:
            raise ObjectDoesNotExist(_("The record here does not exist any more."))
        plan = Plan(bases=dict(link.values))
        for pair in self.pairs:
            if self.ours.fields[pair.ours].match_only:
                continue
            ours, there = values[pair.ours], theirs[pair.ours]
            known = link.values.get(pair.ours)
            decision = decide(
                owner=pair.owner,
                ours=ours,
                theirs=there,
                base=_base(known, link.sending.get(pair.ours), there),
                ours_at=lambda name=pair.ours, known=known: self._ours_at(link.local_id, name, bool(known)),  # type: ignore[misc]
                theirs_at=theirs_at,
            )
            _add(plan, pair, ours, there, decision, known)
        return plan

    def _apply(self, row: CrmRecord) -> tuple[str, str]:
        states = CrmRecord.State
        record = self.system.parse(self.kind, row.raw)
        row.parent_id = record.account_id[:64]
        link = (
            CrmLink.objects.select_for_update()
            .filter(connection=self.connection, object=self.kind, remote_id=row.remote_id)
            .first()
        )
        if link is not None and link.state == CrmLink.State.ERASED:
            return states.LEFT, _("the person was erased")
        if record.is_deleted:
            if link is not None:
                link.state = CrmLink.State.GONE
                link.save(update_fields=["state"])
            return states.APPLIED, ""
        if link is None:
            if not record.is_relevant:
                return states.LEFT, record.why_not
            theirs = self.theirs(record)
            link, problem = self._linked(row, record, theirs)
            if link is None:
                return states.UNMATCHED, problem
        else:
            theirs = self.theirs(record)
            self._follow(link)
            if link.state == CrmLink.State.GONE:
                link.state = CrmLink.State.LINKED
        self._write(link, self.plan(link, theirs, row.modified_at))
        return states.APPLIED, ""

    def _follow(self, link: CrmLink) -> None:
        """Link with whoever took ours over; raises ValidationError where that one is linked already."""
        successor = self.ours.successor(link.local_id)
        if successor == link.local_id:
            return
        mine = CrmLink.objects.filter(connection=self.connection, object=self.kind, local_id=successor)
        if (taken := mine.first()) is not None:
            raise ValidationError(
                _("Ours was merged into the one that is linked with %s: merge them there, too.")
                % taken.remote_id
            )
        link.local_id = successor

    def _linked(
        self, row: CrmRecord, record: RemoteRecord, theirs: Mapping[str, str]
    ) -> tuple[CrmLink | None, str]:
        """Find or make the record of ours and link it; None with the reason where neither is possible."""
        account_id = None
        if self.kind != ACCOUNT:
            parent = CrmLink.objects.filter(
                connection=self.connection, object=ACCOUNT, remote_id=record.account_id
            ).first()
            if parent is None:
                return None, _("its company is not linked")
            account_id = parent.local_id
        source = self.connection.system
        local_id = self.ours.find(row.remote_id, theirs, source)
        if local_id is None:
            if not self.connection.creates_missing:
                return None, _("nobody here is this one")
            read_only = {name for name, one in self.ours.fields.items() if one.is_read_only}
            values = {name: text for name, text in theirs.items() if name not in read_only}
            local_id = self.ours.create(
                values, known_as=f"{source}:{row.remote_id}", account_id=account_id, by=self.by
            )
        taken = CrmLink.objects.filter(
            connection=self.connection, object=self.kind, local_id=local_id
        ).first()
        if taken is not None:
            return None, _("the same one here is linked with %s already") % taken.remote_id
        link = CrmLink.objects.create(
            connection=self.connection, object=self.kind, local_id=local_id, remote_id=row.remote_id
        )
        self.ours.linked(local_id, source=source, remote_id=row.remote_id, by=self.by)
        if self.kind == ACCOUNT:
            # Whoever waited for this company can be matched now.
            CrmRecord.objects.filter(
                connection=self.connection, parent_id=row.remote_id, state=CrmRecord.State.UNMATCHED
            ).update(state=CrmRecord.State.WAITING)
        return link, ""

    def _write(self, link: CrmLink, plan: Plan) -> None:
        if plan.write:
            self.ours.set(link.local_id, plan.write, self.by)
            # What is stored may be written otherwise than what was sent (trimmed, lower case).
            stored = self.ours.values([link.local_id])[link.local_id]
            for name, theirs in plan.write.items():
                plan.bases[name] = [stored[name], theirs]
        note_conflicts(link, plan)
        link.values = plan.bases
        if plan.send:
            link.push_version += 1
        elif link.push_version > link.pushed_version:
            # What was to be sent has come about: both sides agree.
            link.pushed_version = link.planned_version = link.push_version
            link.push_error = ""
        link.save()

    def _ours_at(self, local_id: int, name: str, is_known: bool) -> datetime:
        """When our value was changed. A change that no event tells of counts as made now, a value from before the link as old."""
        found = self.ours.last_changed_at(local_id, name, except_source=self.connection.source)
        return found or (timezone.now() if is_known else _LONG_AGO)

    def _store(self, row: CrmRecord, state: str, error: str) -> None:
        # News of the record that came meanwhile wait on.
        CrmRecord.objects.filter(pk=row.pk, digest=row.digest).update(
            state=state,
            error=error[:300],
            parent_id=row.parent_id,
            attempts=F("attempts") + 1,
            applied_at=timezone.now(),
        )


def note_conflicts(link: CrmLink, plan: Plan) -> None:
    """Write down what was overruled, in the caller's transaction; while a value is on its way to them, once."""
    now = timezone.now()
    is_on_its_way = link.push_version > link.pushed_version
    for pair, ours, theirs, holds in plan.conflicts:
        last = CrmConflict.objects.filter(link=link, field=pair.ours).order_by("-pk").first()
        if is_on_its_way and last and (last.ours, last.theirs) == (ours[:500], theirs[:500]):
            continue
        CrmConflict.objects.create(
            link=link,
            field=pair.ours,
            ours=ours[:500],
            theirs=theirs[:500],
            kept=holds.value,
            owner=pair.owner,
            found_at=now,
        )


def _base(known: list[str] | None, sent: str | None, theirs: str) -> Base | None:
    """What both held when they were last in step; a value of ours that has arrived, though no answer said so, is that."""
    if sent is not None and sent == theirs:
        return Base(sent, sent)
    return Base(*known) if known else None


def _add(
    plan: Plan, pair: CrmField, ours: str, theirs: str, decision: Decision, known: list[str] | None
) -> None:
    if decision.holds is Holds.THEIRS:
        plan.write[pair.ours] = theirs
    elif decision.holds is Holds.OURS:
        # The base stays until they have it: only then are both in step.
        plan.send[pair.ours] = ours
    elif ours == theirs or known is None:
        plan.bases[pair.ours] = [ours, theirs]
    if decision.is_conflict:
        plan.conflicts.append((pair, ours, theirs, decision.holds))


def _words(error: Exception) -> str:
    if isinstance(error, ValidationError):
        if hasattr(error, "error_dict"):
            return "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
        return " ".join(error.messages)
    if isinstance(error, IntegrityError):
        return _("it clashes with another record here")
    return str(error) or type(error).__name__

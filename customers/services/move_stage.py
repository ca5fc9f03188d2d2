"""Move customers between stages, by hand, by rules, and after their lifecycle was changed elsewhere. The only writer of stays."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.events import STAGE_ENTERED
from customers.models import Account, Stage, StageStay
from customers.segments import in_words, matching
from people.viewer import Viewer

SLICE = 10_000
BATCH = 1000
LONGEST_WHY = 240


@dataclass(frozen=True)
class _Move:
    account_id: int
    to: Stage
    cause: str
    why: str
    from_stage: Stage | None = None


@transaction.atomic
def move_stage(*, account: Account, stage: Stage, by: Viewer, why: str = "") -> StageStay:
    """Move an account into a stage by hand; its lifecycle follows.

    Raises ValidationError when it is there already, or the stage is the end: that takes a churn in the revenue of the account.
    """
    by.require("customers.edit")
    row = Account.objects.select_for_update().get(pk=account.pk)
    if not stage.is_active:
        raise ValidationError({"stage": _("This stage is not in use.")})
    if stage.is_end and row.lifecycle != Account.Lifecycle.CHURNED:
        raise ValidationError({"stage": _("Record the churn in the revenue of the account instead.")})
    stays = _open_stays([row.pk])
    present = stays[row.pk].stage if row.pk in stays else None
    if present == stage:
        raise ValidationError({"stage": _("It is in this stage already.")})
    told = why.replace("\x00", "").strip()[:LONGEST_WHY]
    _write([_Move(row.pk, stage, StageStay.Cause.PERSON, told, present)], stays, by, timezone.now())
    return StageStay.objects.get(account=row, left_at=None)


def _open_stays(account_ids: Collection[int]) -> dict[int, StageStay]:
    rows = StageStay.objects.filter(account__in=account_ids, left_at=None).select_related("stage")
    return {row.account_id: row for row in rows}


def _write(
    moves: Sequence[_Move],
    stays: Mapping[int, StageStay],
    by: Viewer,
    now: datetime,
    *,
    set_lifecycle: bool = True,
) -> None:
    """Close the open stays, open the new ones, set the lifecycle, record one event for each account."""
    for start in range(0, len(moves), BATCH):
        some = moves[start : start + BATCH]
        closing = [stays[move.account_id].pk for move in some if move.account_id in stays]
        StageStay.objects.filter(pk__in=closing).update(left_at=now)
        StageStay.objects.bulk_create(
            StageStay(
                account_id=move.account_id, stage=move.to, entered_at=now, cause=move.cause, why=move.why
            )
            for move in some
        )
        if set_lifecycle:
            for phase in {move.to.phase for move in some}:
                ids = [move.account_id for move in some if move.to.phase == phase]
                Account.objects.filter(pk__in=ids).exclude(lifecycle=phase).update(lifecycle=phase)
        STAGE_ENTERED.record_many(
            by=by,
            rows=[
                {
                    "subject_id": move.account_id,
                    "account_id": move.account_id,
                    "detail": {
                        "stage": move.to.key,
                        "from": None if move.from_stage is None else move.from_stage.key,
                        "cause": move.cause,
                        "why": move.why,
                    },
                }
                for move in some
                if move.cause != StageStay.Cause.START
            ],
        )


@transaction.atomic
def follow_lifecycle(
    *, by: Viewer, account_ids: Collection[int] | None = None, causes: Mapping[int, str] | None = None
) -> int:
    """Give accounts a stay that agrees with their lifecycle, where they have none or another; returns how many.

    The first stage in use of the phase is taken. Without ``account_ids`` up to SLICE accounts are looked for. The first stay of
    an account begins when the account was added here.
    """
    present = StageStay.objects.filter(account=OuterRef("pk"), left_at=None).values("stage__phase")[:1]
    other = Q(phase__isnull=True) | ~Q(phase=F("lifecycle"))
    accounts = Account.objects.alias(phase=Subquery(present)).filter(other, merged_into=None)
    if account_ids is not None:
        accounts = accounts.filter(pk__in=account_ids)
    rows = list(accounts.order_by("pk").only("pk", "lifecycle", "customer_since", "created_at")[:SLICE])
    if not rows:
        return 0
    by_phase: dict[str, Stage] = {}
    for stage in Stage.objects.filter(is_active=True):
        by_phase.setdefault(stage.phase, stage)
    rows = [row for row in rows if row.lifecycle in by_phase]
    stays, now = _open_stays([row.pk for row in rows]), timezone.now()
    moves = [
        _Move(
            row.pk,
            by_phase[row.lifecycle],
            (causes or {}).get(row.pk, StageStay.Cause.DATA),
            "",
            stays[row.pk].stage,
        )
        for row in rows
        if row.pk in stays
    ]
    _write(moves, stays, by, now, set_lifecycle=False)
    StageStay.objects.bulk_create(
        [
            StageStay(
                account=row,
                stage=by_phase[row.lifecycle],
                entered_at=row.created_at,
                cause=StageStay.Cause.START,
            )
            for row in rows
            if row.pk not in stays
        ],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    return len(rows)


def apply_stage_rules(*, by: Viewer, now: datetime | None = None) -> int:
    """Move accounts by the rules of the stages, in slices, each a transaction; returns how many moved.

    A slice costs two queries for each stage with rules, and what it writes. Nobody is moved into the end or out of it.
    """
    now = now or timezone.now()
    stages = [stage for stage in Stage.objects.filter(is_active=True) if not stage.is_end]
    if not any(stage.is_automatic and (stage.entry or stage.exit) for stage in stages):
        return 0
    first = moved = 0
    while True:
        ids = list(
            Account.objects.filter(pk__gt=first, merged_into=None)
            .exclude(lifecycle=Account.Lifecycle.CHURNED)
            .order_by("pk")
            .values_list("pk", flat=True)[:SLICE]
        )
        if not ids:
            return moved
        moved += _apply_to(ids, stages, by, now)
        first = ids[-1]


@transaction.atomic
def _apply_to(ids: Sequence[int], stages: Sequence[Stage], by: Viewer, now: datetime) -> int:
    stays = {
        row.account_id: row
        for row in StageStay.objects.select_for_update(of=("self",))
        .filter(account__in=ids, left_at=None)
        .select_related("stage")
    }
    among = tuple(pk for pk in ids if pk in stays and not stays[pk].stage.is_end)
    entering = {stage.pk: _who_meets(stage.entry, among, now) for stage in stages if stage.is_automatic}
    leaving = {stage.pk: _who_meets(stage.exit, among, now) for stage in stages if stage.is_automatic}
    moves = []
    for pk in among:
        present = stays[pk].stage
        found = _next_stage(pk, present, stages, entering, leaving)
        if found is not None:
            rule = found.entry if found.position > present.position else present.exit
            moves.append(_Move(pk, found, StageStay.Cause.RULE, in_words(rule)[:LONGEST_WHY], present))
    _write(moves, stays, by, now)
    return len(moves)


def _who_meets(rule: Mapping[str, Any], among: Collection[int], now: datetime) -> frozenset[int]:
    if not rule or not among:
        return frozenset()
    return frozenset(matching(rule, owner_id=None, now=now, among=among).values_list("pk", flat=True))


def _next_stage(
    pk: int,
    present: Stage,
    stages: Sequence[Stage],
    entering: Mapping[int, frozenset[int]],
    leaving: Mapping[int, frozenset[int]],
) -> Stage | None:
    """The last later stage whose entry rule holds; else, when the exit rule of the present one holds, the last earlier one."""
    meets = [stage for stage in stages if pk in entering.get(stage.pk, ())]
    later = [stage for stage in meets if stage.position > present.position]
    if later and pk not in leaving.get(later[-1].pk, ()):
        return later[-1]
    if pk in leaving.get(present.pk, ()):
        earlier = [stage for stage in meets if stage.position < present.position]
        before = [stage for stage in stages if stage.position < present.position]
        return earlier[-1] if earlier else before[-1] if before else None
    return None

"""Reads of success for its pages and panels."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, Prefetch, Q, QuerySet, Sum
from django.utils import timezone

from core.models import Event
from customers.models import Account
from people.viewer import Viewer
from success.events import ENROLMENT_SKIPPED
from success.models import CTA, Enrolment, Outreach, Playbook, SendDecision, StepRun


@dataclass(frozen=True)
class CockpitFigures:
    """The strip above the tasks. ``at_risk`` is the value at risk of the accounts with open tasks: (currency, amount)."""

    open: int
    overdue: int
    at_risk: list[tuple[str, Decimal]]
    sent_week: int
    withheld_week: int
    waiting: int


def open_ctas(viewer: Viewer, *, owner_id: int | None = None) -> QuerySet[CTA]:
    """Return open CTAs: due first, then the most value at risk; of one owner when given."""
    rows = CTA.objects.visible_to(viewer).open().select_related("account", "owner", "enrolment__playbook")
    if owner_id is not None:
        rows = rows.filter(owner_id=owner_id)
    return rows.order_by(
        F("due_on").asc(nulls_last=True), F("account__value_at_risk").desc(nulls_last=True), "pk"
    )


def cockpit_figures(viewer: Viewer, *, owner_id: int | None, today: date) -> CockpitFigures:
    """Return the counts above the cockpit; the mails are those of the last seven days."""
    ctas = open_ctas(viewer, owner_id=owner_id).order_by()
    totals = ctas.aggregate(open=Count("pk"), overdue=Count("pk", filter=Q(due_on__lt=today)))
    accounts = Account.objects.filter(pk__in=ctas.values("account_id"))
    totals_by = accounts.values("currency").annotate(total=Sum("value_at_risk")).order_by("-total")
    by_currency = totals_by.values_list("currency", "total")
    mails = Outreach.objects.visible_to(viewer)
    if owner_id is not None:
        mails = mails.filter(account__csm_id=owner_id)
    since = timezone.now() - timedelta(days=7)
    counts = mails.aggregate(
        sent=Count("pk", filter=Q(state=Outreach.State.SENT, sent_at__gte=since)),
        withheld=Count("pk", filter=Q(state=Outreach.State.WITHHELD, created_at__gte=since)),
        waiting=Count("pk", filter=Q(state=Outreach.State.PLANNED)),
    )
    return CockpitFigures(
        open=totals["open"],
        overdue=totals["overdue"],
        at_risk=[(currency, total) for currency, total in by_currency if total],
        sent_week=counts["sent"],
        withheld_week=counts["withheld"],
        waiting=counts["waiting"],
    )


def outreach_log(
    viewer: Viewer,
    *,
    state: str = "",
    gate: str = "",
    playbook_id: int | None = None,
    account_id: int | None = None,
    before: int | None = None,
) -> QuerySet[Outreach]:
    """Return outreach, newest first, with every verdict of the gate; ``before`` is the key to go on from."""
    decisions = Prefetch("decisions", queryset=SendDecision.objects.order_by("pk"))
    rows = (
        Outreach.objects.visible_to(viewer)
        .select_related("account", "contact", "enrolment__playbook")
        .prefetch_related(decisions, "contact__identities")
        .order_by("-pk")
    )
    filters: Mapping[str, object] = {
        "state": state,
        "decisions__gate": gate,
        "enrolment__playbook_id": playbook_id,
        "account_id": account_id,
        "pk__lt": before,
    }
    rows = rows.filter(**{name: value for name, value in filters.items() if value})
    return rows.distinct() if gate else rows


def playbook_rows(viewer: Viewer) -> list[Playbook]:
    """Return all playbooks with their counts as attributes: ``active``, ``done``, ``exited``, ``control``, ``mails``."""
    if not viewer.can("success.view"):
        return []
    state = Enrolment.State
    rows = Playbook.objects.annotate(
        active=Count("enrolments", filter=Q(enrolments__state=state.ACTIVE)),
        done=Count("enrolments", filter=Q(enrolments__state=state.DONE)),
        exited=Count("enrolments", filter=Q(enrolments__state=state.EXITED)),
        control=Count("enrolments", filter=Q(enrolments__state=state.CONTROL)),
    ).order_by("-is_active", "name")
    mails = dict(
        Outreach.objects.filter(state=Outreach.State.SENT)
        .values_list("enrolment__playbook_id")
        .annotate(number=Count("pk"))
    )
    playbooks: list[Playbook] = list(rows)
    for playbook in playbooks:
        playbook.mails = mails.get(playbook.pk, 0)  # type: ignore[attr-defined]
    return playbooks


def enrolments_of(
    viewer: Viewer, *, playbook: Playbook | None = None, account: Account | None = None
) -> QuerySet[Enrolment]:
    """Return enrolments, newest first, with their runs and their mails and verdicts."""
    mails = Outreach.objects.select_related("contact").prefetch_related(
        Prefetch("decisions", queryset=SendDecision.objects.order_by("pk"))
    )
    rows = (
        Enrolment.objects.visible_to(viewer)
        .select_related("account", "playbook")
        .prefetch_related(
            Prefetch("runs", queryset=StepRun.objects.order_by("index")),
            Prefetch("outreach", queryset=mails.order_by("pk")),
        )
    )
    if playbook is not None:
        rows = rows.filter(playbook=playbook)
    if account is not None:
        rows = rows.filter(account=account)
    return rows.order_by("-pk")


@dataclass(frozen=True)
class Skip:
    """An account that a trigger wanted to enrol and that was refused."""

    account_id: int
    account: str
    at: datetime
    occasion: str
    reason: str


def recent_skips(viewer: Viewer, playbook: Playbook, *, limit: int = 20) -> list[Skip]:
    """Return who was not enrolled lately, and why."""
    if not viewer.can("success.view"):
        return []
    events = (
        Event.objects.filter(verb=ENROLMENT_SKIPPED.verb, subject_kind="playbook", subject_id=playbook.pk)
        .select_related("detail")
        .order_by("-pk")[:limit]
    )
    names = Account.objects.visible_to(viewer).in_bulk(
        {event.account_id for event in events if event.account_id}
    )
    skips = []
    for event in events:
        account = names.get(event.account_id or 0)
        data = event.detail.data or {}
        if account is not None:
            skips.append(
                Skip(
                    account.pk,
                    account.name,
                    event.occurred_at,
                    data.get("occasion", ""),
                    data.get("reason", ""),
                )
            )
    return skips

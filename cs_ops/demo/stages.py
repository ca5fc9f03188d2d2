"""The past stages of the demo customers, as their contracts and the rules would have moved them."""

from datetime import date, datetime, time, timedelta

from django.utils import timezone

from customers.models import Account, Stage, StageStay

ONBOARDING_DAYS, ADOPTING_DAYS = 90, 365


def add_stages(now: datetime) -> None:
    """Switch the rules on and write the stays of every account from its start; a renewal of every year before the last one."""
    Stage.objects.exclude(entry={}).update(is_automatic=True)
    stages = {stage.key: stage for stage in Stage.objects.all()}
    stays = []
    for account in Account.objects.exclude(customer_since=None).order_by("pk"):
        stays += _stays_of(account, stages, now)
    StageStay.objects.bulk_create(stays, batch_size=2000)


def _stays_of(account: Account, stages: dict[str, Stage], now: datetime) -> list[StageStay]:
    start = _at(account.customer_since or account.created_at.date())
    # Some need longer than the rule says: the number of the account makes it the same in every world.
    early = start + timedelta(days=40 + (account.pk * 37) % 95)
    grown = max(early + timedelta(days=30), start + timedelta(days=240 + (account.pk * 53) % 160))
    end = now if account.churned_on is None else min(now, _at(account.churned_on))
    points: list[tuple[datetime, str]] = [(start, "onboarding"), (early, "adopting"), (grown, "established")]
    for year in range(1, 12):
        due = start + timedelta(days=365 * year)
        if due - timedelta(days=75) > grown:
            points += [(due - timedelta(days=75), "renewing"), (due, "established")]
    points = sorted(point for point in points if point[0] < end)
    if account.churned_on is not None and end < now:
        points.append((max(end, points[-1][0]), "churned"))
    elif points and points[-1][1] != account.lifecycle:
        points.append((max(points[-1][0], end - timedelta(days=1 + account.pk % 20)), account.lifecycle))
    found = []
    for place, (at, key) in enumerate(points):
        left = points[place + 1][0] if place + 1 < len(points) else None
        cause = StageStay.Cause.START if place == 0 else StageStay.Cause.RULE
        found.append(StageStay(account=account, stage=stages[key], entered_at=at, left_at=left, cause=cause))
    return found


def _at(day: date) -> datetime:
    return datetime.combine(day, time(6), tzinfo=timezone.get_default_timezone())

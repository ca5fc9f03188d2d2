"""What conditions on accounts can ask about health: score, band, change, churn, and how a band came about."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.conditions.kinds import Asked, ChoiceField, ConditionField, NumberField
from core.formatting import band_label
from customers.models import Account
from customers.registry import SegmentFields
from customers.segment_kinds import HeldField, MovedField, PercentField
from health.models import HealthSnapshot


def _bands() -> list[tuple[str, str]]:
    return [(str(value), str(label)) for value, label in Account.Band.choices]


class BandHeld(HeldField):
    """The band now is one of some, was one of them at the start of the time, and never another in between."""

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause: the account's column first, which leaves few to look at the history of."""
        start = timezone.localdate(asked.now) - timedelta(days=value["for"])
        history = HealthSnapshot.objects.filter(account=OuterRef("pk"))
        at_start = history.filter(as_of__lte=start).order_by("-as_of").values("band")[:1]
        other = history.filter(as_of__gt=start).exclude(band__in=value["of"])
        starts_so = Account.objects.alias(band_then=Subquery(at_start)).filter(
            ~Exists(other), health_band__in=value["of"], band_then__in=value["of"]
        )
        if asked.among is not None:
            starts_so = starts_so.filter(pk__in=asked.among)
        return Q(pk__in=starts_so.values("pk"))

    def present(self, account: Account, operator: str, value: Any, asked: Asked) -> str:
        """Return the band and the first day of its present run."""
        history = HealthSnapshot.objects.filter(account=account)
        last_other = history.exclude(band=account.health_band).order_by("-as_of").values("as_of")[:1]
        run = history.filter(band=account.health_band)
        broken = last_other.first()
        if broken is not None:
            run = run.filter(as_of__gt=broken["as_of"])
        first = run.order_by("as_of").values_list("as_of", flat=True).first()
        label = band_label(account.health_band)
        return label if first is None else _("%(band)s since %(day)s") % {"band": label, "day": first}


class BandMoved(MovedField):
    """On some day of the time the band was one of ``from``, on a later one it was one of ``to``; the first day counts."""

    def q(self, operator: str, value: Any, asked: Asked) -> Q:
        """Return the clause."""
        start = timezone.localdate(asked.now) - timedelta(days=value["within"])
        earlier = HealthSnapshot.objects.filter(
            account=OuterRef("account"),
            as_of__gte=start,
            as_of__lt=OuterRef("as_of"),
            band__in=value["from"],
        )
        arrived = HealthSnapshot.objects.filter(as_of__gt=start, band__in=value["to"]).filter(Exists(earlier))
        if asked.among is not None:
            arrived = arrived.filter(account__in=asked.among)
        return Q(pk__in=arrived.values("account"))

    def present(self, account: Account, operator: str, value: Any, asked: Asked) -> str:
        """Return the bands of the time in their order, repetitions left out."""
        start = timezone.localdate(asked.now) - timedelta(days=value["within"])
        rows = HealthSnapshot.objects.filter(account=account, as_of__gte=start).order_by("as_of")
        path: list[str] = []
        for band in rows.values_list("band", flat=True):
            if not path or path[-1] != band:
                path.append(band)
        return " → ".join(band_label(band) for band in path) or _("no scores")


class HealthFields(SegmentFields):
    """Health and churn."""

    key = "health"
    order = 20
    permission = "health.view"

    def fields(self) -> Sequence[ConditionField]:
        """Return the fields."""
        return _FIELDS


_FIELDS: tuple[ConditionField, ...] = (
    ChoiceField("band", gettext_lazy("health band"), "health_band", _bands),
    BandHeld("band_held", gettext_lazy("health band, lasting"), _bands),
    BandMoved("band_moved", gettext_lazy("health band, change"), _bands),
    NumberField("score", gettext_lazy("health score"), "health_score"),
    NumberField("delta_30", gettext_lazy("change of health in 30 days"), "health_delta_30"),
    PercentField("coverage", gettext_lazy("coverage of health"), "health_coverage"),
    PercentField("churn", gettext_lazy("churn in 90 days"), "churn_probability"),
    NumberField("value_at_risk", gettext_lazy("ARR at risk"), "value_at_risk"),
)

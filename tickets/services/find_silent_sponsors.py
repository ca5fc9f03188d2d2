"""Find key people who have gone silent, measured against how often they used to write."""

from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from django.db.models import Count, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from customers.models import Contact, SponsorChange
from customers.services.judge_sponsor import report_sponsor_change
from customers.stakeholders import KEY_ROLES
from people.viewer import Viewer
from tickets.models import Message

SILENT = timedelta(days=45)
# Who went silent before was found then, or nobody cared.
LATEST = timedelta(days=120)
# So many messages in a year make a habit; silence is so many times the usual gap.
LEAST_MESSAGES, GAPS = 5, 3
HABIT = timedelta(days=365)


def find_silent_sponsors(*, by: Viewer, now: datetime | None = None) -> int:
    """Write a finding for each person with a key role who wrote at least 5 times in the year before and then not for 45 days and
    3 times the median gap. Returns how many are new. Needs ``customers.edit``.
    """
    by.require("customers.edit")
    now = now or timezone.now()
    people = Contact.objects.filter(
        role__in=KEY_ROLES, left_at=None, erased_at=None, merged_into=None, account__churned_on=None
    )
    said = Message.objects.filter(
        contact__in=people.values("pk"),
        kind=Message.Kind.INBOUND,
        is_automatic=False,
        created_at__gt=now - HABIT - LATEST,
    ).order_by()
    last = said.values("contact").annotate(at=Max("created_at"), n=Count("pk"))
    quiet = last.filter(at__lt=now - SILENT, at__gt=now - LATEST, n__gte=LEAST_MESSAGES)
    times: dict[int, list[datetime]] = {
        pk: [] for pk in quiet.values_list("contact", flat=True) if pk is not None
    }
    rows = said.filter(contact__in=list(times)).order_by("created_at")
    for pk, at in rows.values_list("contact", "created_at"):
        if pk is not None:
            times[pk].append(at)
    found = 0
    for contact in Contact.objects.filter(pk__in=times).order_by("pk"):
        written = times[contact.pk]
        gaps = [(later - one).total_seconds() for one, later in pairwise(written)]
        gap = timedelta(seconds=median(gaps))
        silence = now - written[-1]
        if silence > max(SILENT, gap * GAPS):
            text = _("Silent for %(silent)d days; used to write every %(gap)d days.") % {
                "silent": silence.days,
                "gap": max(1, round(gap / timedelta(days=1))),
            }
            change = report_sponsor_change(
                contact=contact, kind=SponsorChange.Kind.SILENT, evidence={"text": text}, by=by
            )
            found += change is not None
    return found

"""What figures look like over REST."""

from typing import Any

from rest_framework import serializers


class KpiFigureOut(serializers.Serializer[Any]):
    """A value with the number of rows behind it. Shares are 0..1, times in seconds; null when nothing could be counted."""

    value = serializers.FloatField(allow_null=True)
    n = serializers.IntegerField()
    hits = serializers.IntegerField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    asked = serializers.IntegerField(allow_null=True)


class KpiGroupOut(KpiFigureOut):
    """The figure of one value of the dimension; ``id`` is what the filter of that dimension takes."""

    id = serializers.CharField(source="group")
    name = serializers.CharField()


class KpiOut(KpiFigureOut):
    """One KPI in the period; ``before`` is the period before, ``tickets_url`` the list of exactly the tickets counted.

    ``target`` is the value that is meant to be reached, null where there is none; ``tickets_url`` is empty for keys that may
    not read tickets.
    """

    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    definition = serializers.CharField()
    unit = serializers.ChoiceField(choices=["count", "seconds", "share", "score", "money"])
    currency = serializers.CharField(allow_blank=True, help_text="ISO 4217, of money.")
    clock = serializers.CharField(allow_blank=True)
    cohort = serializers.CharField(allow_blank=True)
    good = serializers.CharField(allow_blank=True)
    target = serializers.FloatField(allow_null=True)
    before = KpiFigureOut()
    tickets_url = serializers.CharField(allow_blank=True)
    groups = KpiGroupOut(many=True)


class KpiReportOut(serializers.Serializer[Any]):
    """Figures of a period of whole days in a time zone."""

    first_day = serializers.DateField()
    last_day = serializers.DateField()
    timezone = serializers.CharField()
    kpis = KpiOut(many=True)


class KpiTicketOut(serializers.Serializer[Any]):
    """One row that a figure counts. A ticket comes as often as it counts."""

    ticket = serializers.IntegerField(source="ticket.pk")
    number = serializers.IntegerField(source="ticket.number")
    subject = serializers.CharField(source="ticket.subject")
    at = serializers.DateTimeField(allow_null=True)
    value = serializers.CharField(allow_blank=True)


class KpiTicketsOut(serializers.Serializer[Any]):
    """A page of rows and how many there are in all."""

    count = serializers.IntegerField()
    results = KpiTicketOut(many=True)

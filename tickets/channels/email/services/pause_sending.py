"""Leave a mail server alone that does not answer, and a domain whose mails it does not take; let everything else pass.

A pause is a row, so that all workers know of it and people see it. The first mail after a pause is a probe: while it is under way
the others wait a little longer. Success ends the pause.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from tickets.models import SendingPause

SERVER_PAUSES = (10, 30, 60, 300, 600)
# Servers lock out who asks often with a wrong password.
PASSWORD_PAUSES = (300, 900, 3600)
DOMAIN_PAUSES = (300, 900, 1800, 3600)
# One greylisted or full mailbox says nothing about its domain.
DOMAIN_AFTER = 3
# So long the others wait while one mail probes.
PROBE = timedelta(seconds=40)


@dataclass(frozen=True)
class Pause:
    """Why a mail has to wait, and until when."""

    until: datetime
    error: str
    domain: str


def pauses_of(server: str, domains: Collection[str]) -> dict[str, Pause]:
    """What mails to these domains have to wait for, by domain; "" stands for the server, and so for all of them.

    Who is not named may get a mail now, perhaps as the probe. One query, and one for each probe.
    """
    now = timezone.now()
    rows = SendingPause.objects.filter(server=server, domain__in=["", *domains]).order_by("domain")
    found: dict[str, Pause] = {}
    due: list[SendingPause] = []
    for row in filter(_is_open, rows):
        if row.until > now:
            found[row.domain] = Pause(row.until, row.error, row.domain)
        else:
            due.append(row)
    if "" in found or (domains and found.keys() >= set(domains)):
        return found
    for row in due:
        mine = SendingPause.objects.filter(pk=row.pk, until=row.until).update(until=now + PROBE)
        if not mine:
            found[row.domain] = Pause(now + PROBE, row.error, row.domain)
            if not row.domain:
                break
    return found


def note_trouble(
    server: str, domain: str, error: str, *, pauses: tuple[int, ...] = SERVER_PAUSES
) -> SendingPause:
    """Begin a pause or lengthen it; returns the row."""
    now = timezone.now()
    with transaction.atomic():
        row = SendingPause.objects.select_for_update().filter(server=server, domain=domain).first()
        if row is None:
            row = _created(server, domain, now)
        failures = row.failures + 1
        counted = max(failures - (DOMAIN_AFTER - 1 if domain else 0), 1)
        seconds = pauses[min(counted, len(pauses)) - 1]
        row.failures, row.error = failures, error[:300]
        row.until = now + timedelta(seconds=seconds)
        row.save(update_fields=["failures", "error", "until"])
    return row


def note_success(server: str, domains: Collection[str]) -> bool:
    """Something got through: end the pauses of the server and of these domains; returns whether there were any."""
    return bool(SendingPause.objects.filter(server=server, domain__in=["", *domains]).delete()[0])


def _is_open(row: SendingPause) -> bool:
    return not row.domain or row.failures >= DOMAIN_AFTER


def _created(server: str, domain: str, now: datetime) -> SendingPause:
    """The row, whoever was first to write it."""
    try:
        with transaction.atomic():
            return SendingPause.objects.create(server=server, domain=domain, since=now, until=now)
    except IntegrityError:
        return SendingPause.objects.select_for_update().get(server=server, domain=domain)

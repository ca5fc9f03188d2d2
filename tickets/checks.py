"""System checks of tickets: settings that would only fail when a worker needs them."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.exceptions import ImproperlyConfigured

from tickets.scanners.clamd import address_of

LONGEST_SCAN = 60.0


@register()
def the_scanner_can_be_addressed(**_: Any) -> list[CheckMessage]:
    """A scanner that cannot be addressed would hold every file; one that is waited for too long would kill its task."""
    if not settings.CLAMD_URL:
        return []
    problems: list[CheckMessage] = []
    try:
        address_of(settings.CLAMD_URL)
    except ImproperlyConfigured as error:
        problems.append(Error(str(error), id="tickets.E001"))
    if not 0 < settings.CLAMD_TIMEOUT <= LONGEST_SCAN:
        problems.append(Error("CLAMD_TIMEOUT must be more than 0 and at most 60 seconds.", id="tickets.E002"))
    return problems

"""``manage.py recount_views``: count every view again, now."""

from typing import Any

from django.core.management.base import BaseCommand

from tickets.services.count_views import recount_everything


class Command(BaseCommand):
    """Repairs the counters of views and says what had to be repaired."""

    help = "Count the tickets of every view again. Harmless while people work."

    def handle(self, *args: Any, **options: Any) -> None:
        """Count and tell."""
        tickets, counters = recount_everything()
        self.stdout.write(f"{tickets} tickets and {counters} counters were repaired.")

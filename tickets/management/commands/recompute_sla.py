"""``manage.py recompute_sla``: every living ticket gets the policy and the deadlines that hold now, at once."""

from typing import Any

from django.core.management.base import BaseCommand

from people.viewer import system_viewer
from tickets.services.recompute_sla import next_slice, recompute_slice


class Command(BaseCommand):
    """Computes in slices of 200 tickets; can be stopped and started again at any time."""

    help = "Compute the SLA policy and deadlines of all living tickets again."

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the living tickets."""
        by, after, looked, moved = system_viewer("command"), 0, 0, 0
        while tickets := next_slice(after):
            moved += recompute_slice(tickets, by=by)
            looked, after = looked + len(tickets), tickets[-1].pk
        self.stdout.write(f"{looked} tickets looked at, {moved} with other deadlines")

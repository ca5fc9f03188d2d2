"""`manage.py replay_subscriber KEY`: let a subscriber see events again."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.actors import SystemActor
from core.delivery import pump
from core.services.dead_letters import NotReplayableError, replay_subscriber
from core.subscription import subscribers


class Command(BaseCommand):
    """Set positions back and deliver."""

    help = "Replay the events after --from-seq (default 0) to one subscriber."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("subscriber", help="key of the subscriber")
        parser.add_argument(
            "--from-seq", type=int, default=0, help="replay events after this place in the order"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay."""
        key = options["subscriber"]
        try:
            moved = replay_subscriber(key=key, from_seq=options["from_seq"], by=SystemActor(source="command"))
        except (LookupError, NotReplayableError) as error:
            raise CommandError(str(error)) from error
        delivered = pump(subscribers.get(key).queue, budget_seconds=3600)
        self.stdout.write(f"{moved} shards set back, {delivered} events delivered")

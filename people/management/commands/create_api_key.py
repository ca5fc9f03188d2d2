"""`manage.py create_api_key NAME --scopes a:read,a:write`: prints the key alone on stdout."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from people.services.create_api_key import create_api_key
from people.viewer import system_viewer


class Command(BaseCommand):
    """Create a key for an integration."""

    help = "Create an API key and print it, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", help="what the key is for")
        parser.add_argument(
            "--scopes", required=True, help="comma-separated, for example tickets:read,tickets:write"
        )
        parser.add_argument(
            "--requests-per-minute", type=int, help="a limit of its own; without it API_RATE holds"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Create and print."""
        scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
        try:
            _key, secret = create_api_key(
                name=options["name"],
                scopes=scopes,
                requests_per_minute=options["requests_per_minute"],
                by=system_viewer("command"),
            )
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(secret)

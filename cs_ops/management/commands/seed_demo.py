"""``manage.py seed_demo``: fill an empty installation with the demo world."""

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from cs_ops.demo.world import build_world
from people.models import User

# From here on the world is made light unless tickets are asked for: a year of stories about all of them takes hours.
LIGHT_FROM = 2_000


class Command(BaseCommand):
    """Deterministic for a seed, a number of accounts and a day; refuses to touch an installation in use."""

    help = "Fill an empty installation with customers, a year of tickets and usage, and the known truth behind them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--accounts", type=int, default=200, help="number of customers (default 200)")
        parser.add_argument("--tickets", type=int, help="number of tickets (default 15 per account)")
        parser.add_argument(
            "--seed", type=int, default=7, help="another seed makes another world (default 7)"
        )
        parser.add_argument(
            "--no-models",
            action="store_true",
            help="leave out what needs the language model: sentiment, routing, health",
        )
        parser.add_argument(
            "--light",
            action="store_true",
            help="customers, contracts and use in totals only: no tickets, no scores "
            f"(the default from {LIGHT_FROM} customers on, unless --tickets is given)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["accounts"] < 1 or (options["tickets"] or 0) < 0:
            raise CommandError("--accounts must be at least 1 and --tickets at least 0")
        if User.objects.exists():
            raise CommandError("This installation is in use. The demo world needs an empty one.")
        started, tickets = time.perf_counter(), options["tickets"]
        light = options["light"] or (tickets is None and options["accounts"] >= LIGHT_FROM)
        result = build_world(
            accounts=options["accounts"],
            tickets=0 if light else tickets if tickets is not None else options["accounts"] * 15,
            seed=options["seed"],
            with_models=not options["no_models"] and not light,
            light=light,
            report=lambda text: self.stderr.write(f"{time.perf_counter() - started:6.1f} s  {text}"),
        )
        result["seconds"] = round(time.perf_counter() - started, 1)
        for name, value in result.items():
            self.stdout.write(f"{name:<16}{value}")
        if options["json"]:
            self.stdout.write(json.dumps(result))

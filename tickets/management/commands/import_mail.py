"""``import_mail PATH… --inbox NAME``: bring mails from files into the product, without any worker."""

import json
import time
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _

from tickets.channels.email.mail_files import FoundMail, MailFiles
from tickets.channels.email.services.process_mail import LEASE, process_mail
from tickets.channels.email.services.store_mail import store_mail
from tickets.models import Inbox, MailLedger

PROGRESS_SECONDS = 2.0
DUPLICATE = MailLedger.State.DUPLICATE.value
RECEIVED = MailLedger.State.RECEIVED.value


class Command(BaseCommand):
    """Store every mail in the ledger, then process it; each ends in exactly one state."""

    help = "Import mails (.eml files, folders, maildirs, mboxes) into an inbox; a missing inbox is created."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
        parser.add_argument("--inbox", required=True, help="name of the inbox")
        parser.add_argument(
            "--keep-dates", action="store_true", help="date messages by their Date header, not by now"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and print the counts. Raises CommandError only for a path that does not exist."""
        missing = [str(path) for path in options["paths"] if not path.exists()]
        if missing:
            raise CommandError(_("Not found: %s") % ", ".join(missing))
        inbox, _created = Inbox.objects.get_or_create(name=options["inbox"], defaults={"channel": "email"})
        files = MailFiles(options["paths"])
        states: Counter[str] = Counter()
        errors: list[str] = []
        self._leased: list[int] = []
        started = shown = time.monotonic()
        for found in files:
            try:
                states[self._take(found, inbox, keep_dates=options["keep_dates"])] += 1
            except (OSError, DatabaseError) as error:
                errors.append(found.source)
                self.stderr.write(f"{found.source}: {error}")
            if time.monotonic() - shown > PROGRESS_SECONDS:
                shown = time.monotonic()
                self.stderr.write(_("%(count)d mails in %(seconds)d s") % {
                    "count": states.total(), "seconds": shown - started
                })  # fmt: skip
        self._wait_for_leased(states, keep_dates=options["keep_dates"])
        seconds = time.monotonic() - started
        self.stderr.write(_("%(count)d mails in %(seconds).1f s, %(skipped)d other files passed over") % {
            "count": states.total(), "seconds": seconds, "skipped": files.skipped
        })  # fmt: skip
        self._report(states, errors, as_json=options["json"])

    def _take(self, found: FoundMail, inbox: Inbox, *, keep_dates: bool) -> str:
        """Store and process one mail; returns its state. The same bytes a second time are a duplicate."""
        if found.error:
            raise OSError(found.error)
        ledger, created = store_mail(raw=found.raw, inbox=inbox, source=found.source)
        if not created and ledger.state != RECEIVED:
            return DUPLICATE
        state = str(process_mail(ledger_id=ledger.pk, keep_date=keep_dates).state)
        if state == RECEIVED:
            self._leased.append(ledger.pk)
        return state

    def _wait_for_leased(self, states: Counter[str], *, keep_dates: bool) -> None:
        """Finish mails that another process holds, or held when it was killed: their lease runs out soon."""
        deadline = time.monotonic() + 2 * LEASE.total_seconds()
        while self._leased and time.monotonic() < deadline:
            ledger_id = self._leased.pop(0)
            try:
                state = str(process_mail(ledger_id=ledger_id, keep_date=keep_dates).state)
            except (OSError, DatabaseError):
                state = RECEIVED
            if state == RECEIVED:
                self._leased.append(ledger_id)
                time.sleep(min(1.0, LEASE.total_seconds() / 10))
            else:
                states.subtract([RECEIVED])
                states.update([state])

    def _report(self, states: Counter[str], errors: list[str], *, as_json: bool) -> None:
        for state in MailLedger.State:
            if states[state.value]:
                self.stdout.write(f"{state.label!s:<20} {states[state.value]:>7}")
        self.stdout.write(f"{_('Errors')!s:<20} {len(errors):>7}")
        if as_json:
            counts = {state: count for state, count in sorted(states.items()) if count}
            self.stdout.write(json.dumps({"total": states.total(), "states": counts, "errors": len(errors)}))

"""Readiness checks of tickets: the malware scanner, the mailboxes, the channels."""

from core.readiness import Finding, HealthCheck
from tickets.models import ChannelHealth, Mailbox
from tickets.services.scan_files import counts_of_files, scanner_state


class FileScanner(HealthCheck):
    """The malware scanner answers. Files wait for one that does not; that keeps no traffic away."""

    key = "file_scanner"

    def look(self) -> Finding:
        """Say what the task last saw."""
        state = scanner_state()
        if state is None:
            return Finding(True, "none configured, files are not scanned")
        waiting = f"{counts_of_files()['due']} files wait"
        if state.reachable:
            return Finding(True, f"{state.name}; {waiting}")
        return Finding(True, f"does not answer: {state.error}; {waiting}")


class Mailboxes(HealthCheck):
    """The mailboxes can be read. Mail waits on its server for one that cannot; that keeps no traffic away."""

    key = "mailboxes"

    def look(self) -> Finding:
        """Say how they were when they were last looked at. One query."""
        rows = Mailbox.objects.filter(inbox__is_active=True).order_by("pk").values_list("state", "alarm")
        if not rows:
            return Finding(True, "none configured")
        broken = sum(state not in _WELL or bool(alarm) for state, alarm in rows)
        return Finding(True, f"{len(rows)} configured, {broken} need attention")


class Channels(HealthCheck):
    """The providers of channels can be reached. What cannot leave waits in the outbox; that keeps no traffic away."""

    key = "channels"

    def look(self) -> Finding:
        """Say how they were when they were last used. One query."""
        rows = ChannelHealth.objects.filter(inbox__is_active=True).values_list("state", "alarm")
        broken = sum(state in _BROKEN or bool(alarm) for state, alarm in rows)
        return Finding(True, f"{len(rows)} used, {broken} need attention")


_BROKEN = {ChannelHealth.State.REFUSED, ChannelHealth.State.UNREACHABLE}
_WELL = {Mailbox.State.OK, Mailbox.State.NEW, Mailbox.State.PAUSED}

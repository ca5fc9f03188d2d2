"""Readiness checks of tickets: the malware scanner."""

from core.readiness import Finding, HealthCheck
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

"""What the scanner said about stored files, and which of them are held back because of it.

A file with malware is held always. While a scanner is configured, one that was not looked at yet, or could not be, is held
too, unless the rules for attachments say otherwise. Without a scanner nothing else is held.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _

from core.kept_rows import KeptRows
from core.models import Setting
from tickets.attachment_policy import attachment_policy
from tickets.models import Attachment, MailLedger, StoredFile
from tickets.registry import active_scanner
from tickets.stored_files import note_stored

Scan = StoredFile.Scan


class FileHeld(PermissionDenied):
    """The file may not be handed out; the text says why."""


@dataclass(frozen=True)
class Verdict:
    """What is known about one content; ``detail`` is the signature of what was found, or why no look was possible."""

    scan: str = Scan.NOT_SCANNED
    detail: str = ""

    @property
    def label(self) -> str:
        """The verdict in words."""
        if self.scan == Scan.INFECTED:
            return _("blocked: %s") % self.detail
        if self.scan == Scan.FAILED:
            return _("could not be scanned: %s") % self.detail
        return str(Scan(self.scan).label)

    def hold(self) -> str:
        """Say why the file is held back now, empty when it is not; from rules that are at most some seconds old."""
        if self.scan == Scan.INFECTED:
            return self.label
        if self.scan == Scan.CLEAN or active_scanner() is None or not _holds_unscanned.get():
            return ""
        return self.label if self.scan == Scan.FAILED else _("still being scanned for malware")


_holds_unscanned = KeptRows(lambda: attachment_policy().hold_unscanned, Setting)


def verdict_of(attachment: Attachment) -> Verdict:
    """Return the verdict on an attachment that was read ``with_verdict``."""
    scan = getattr(attachment, "scan", None) or Scan.NOT_SCANNED
    detail = "scan_signature" if scan == Scan.INFECTED else "scan_error" if scan == Scan.FAILED else ""
    return Verdict(scan, getattr(attachment, detail, "") or "" if detail else "")


def verdicts_of(sha256s: Collection[str]) -> Mapping[str, Verdict]:
    """Return the verdict on each of these contents. One query, none for nothing."""
    wanted = set(sha256s)
    if not wanted:
        return {}
    rows = StoredFile.objects.filter(sha256__in=wanted).values_list(
        "sha256", "scan", "signature", "scan_error"
    )
    found = {
        sha256: Verdict(scan, signature if scan == Scan.INFECTED else error if scan == Scan.FAILED else "")
        for sha256, scan, signature, error in rows
    }
    return {sha256: found.get(sha256, Verdict()) for sha256 in wanted}


def release(*sha256s: str) -> None:
    """Let files out of the storage: raises FileHeld when one of them is held back. One query, one more for what is held.

    Held for want of a look, a file is seen to have a row by which the scanner finds it: it may have come in another way than
    through ``store_file``, with a restored backup for example.
    """
    held = {sha256: verdict for sha256, verdict in verdicts_of(sha256s).items() if verdict.hold()}
    if held:
        note_stored([sha256 for sha256, verdict in held.items() if verdict.scan == Scan.NOT_SCANNED])
        raise FileHeld(_("This file is held back: %s") % next(iter(held.values())).hold())


def release_mail(mail: MailLedger) -> None:
    """Let the raw mail out of the storage, with the files that came in it: raises FileHeld when it or one of them is held back.
    Two queries."""
    files = (
        Attachment.objects.filter(message=mail.message_id) if mail.message_id else Attachment.objects.none()
    )
    release(mail.sha256, *files.values_list("sha256", flat=True))


def refuse_infected(entries: Iterable[Mapping[str, Any]]) -> None:
    """Raise ValidationError({"files": …}) naming those of the files, as drafts keep them, that hold malware."""
    listed = list(entries)
    verdicts = verdicts_of([str(entry["sha256"]) for entry in listed])
    refused = [
        _("%(name)s is %(why)s") % {"name": entry["name"], "why": verdict.label}
        for entry in listed
        if (verdict := verdicts[str(entry["sha256"])]).scan == Scan.INFECTED
    ]
    if refused:
        raise ValidationError({"files": refused})

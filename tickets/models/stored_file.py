"""What is known about the content of stored files: whether it was looked at for malware, and what was found."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class StoredFile(models.Model):
    """One content, named by its SHA-256; attachments, drafts and raw mails with the same content share the verdict.

    ``scan_after`` is when the next look is due, None when none is: a file that is looked at again keeps its verdict until
    then. ``attempts`` counts looks that were broken off. ``scanned_by`` names the scanner with the age of its signatures.
    """

    class Scan(models.TextChoices):
        """The verdict."""

        NOT_SCANNED = "not_scanned", _("Not scanned")
        CLEAN = "clean", _("Clean")
        INFECTED = "infected", _("Blocked")
        FAILED = "failed", _("Could not be scanned")

    sha256 = models.CharField(max_length=64, unique=True)
    size = models.PositiveBigIntegerField()
    scan = models.CharField(max_length=12, choices=Scan.choices, default=Scan.NOT_SCANNED)
    signature = models.CharField(max_length=200, blank=True)
    scan_error = models.CharField(max_length=300, blank=True)
    scanned_at = models.DateTimeField(null=True)
    scanned_by = models.CharField(max_length=120, blank=True)
    scan_after = models.DateTimeField(null=True, default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    lease_token = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            # The newest first, an answer waits for its file and an old file for nobody; those whose look broke off last.
            models.Index(
                fields=["attempts", "-id"], condition=Q(scan_after__isnull=False), name="stored_file_next"
            ),
            models.Index(
                fields=["leased_until"], condition=Q(leased_until__isnull=False), name="stored_file_leased"
            ),
            models.Index(fields=["scan", "-scanned_at"], name="stored_file_scan"),
        ]

    def __str__(self) -> str:
        return self.sha256

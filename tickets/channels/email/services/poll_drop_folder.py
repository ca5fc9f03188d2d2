"""Take mails from an inbox's drop folder: ``<MAIL_DROP_DIR>/<inbox>/``, plain files or a maildir's ``new/``.

A mail transfer agent or a cron job of fetchmail puts files there. A file is claimed by a rename, so two workers never
take the same one, and removed only when the ledger row is committed; a kill in between leaves the claim, which is
taken up again.
"""

import logging
import os
import re
import secrets
import time
from pathlib import Path

from django.conf import settings
from django.utils.text import slugify

from tickets.channels.email.services.store_mail import store_mail
from tickets.models import Inbox

logger = logging.getLogger(__name__)

SETTLED_SECONDS = 1.0
_CLAIMS = ".taken"
_CLAIM_EXPIRES_SECONDS = 300
_MAX_FILE_BYTES = 100 * 1024 * 1024


def drop_folder(inbox: Inbox) -> Path:
    """The folder of an inbox: its name where that is a plain folder name, else its slug, else its id."""
    plain = re.fullmatch(r"[\w][\w .@-]{0,79}", inbox.name) is not None
    return Path(settings.MAIL_DROP_DIR) / (
        inbox.name if plain else slugify(inbox.name) or f"inbox-{inbox.pk}"
    )


def poll_drop_folder(*, inbox: Inbox, limit: int = 500) -> list[int]:
    """Store up to ``limit`` mails of the folder and return the ids of the new ledger rows, in state *received*.

    Files that may still be written (touched less than a second ago) wait for the next round, except in a maildir's
    ``new/`` and ``cur/``, where files arrive complete. Hidden files, links and files over 100 MB stay where they are.
    """
    folder = drop_folder(inbox)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    claims = folder / _CLAIMS
    claims.mkdir(mode=0o750, exist_ok=True)
    _release_old_claims(claims, folder)
    stored: list[int] = []
    for path in _waiting_files(folder)[:limit]:
        claim = claims / f"{secrets.token_hex(4)}-{path.name[-200:]}"
        try:
            # The new time comes first: it is what keeps another worker from taking the claim for an old one.
            os.utime(path)
            path.rename(claim)
            ledger, created = store_mail(raw=claim.read_bytes(), inbox=inbox, source=f"drop:{path.name}")
            claim.unlink()
        except FileNotFoundError:  # another worker was faster
            continue
        except OSError:
            logger.exception("a file of the drop folder of %s could not be taken", inbox.name)
            continue
        if created:
            stored.append(ledger.pk)
    return stored


def poll_drop_folders() -> list[int]:
    """Poll the folders of all active e-mail inboxes; a folder that fails does not stop the others."""
    stored: list[int] = []
    for inbox in Inbox.objects.filter(channel="email", is_active=True):
        try:
            stored.extend(poll_drop_folder(inbox=inbox))
        except OSError:
            logger.exception("the drop folder of %s could not be read", inbox.name)
    return stored


def _waiting_files(folder: Path) -> list[Path]:
    """Files ready to be taken, oldest first."""
    found: list[tuple[float, Path]] = []
    now = time.time()
    for place, complete in ((folder, False), (folder / "new", True), (folder / "cur", True)):
        if not place.is_dir():
            continue
        for entry in os.scandir(place):
            if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                continue
            status = entry.stat(follow_symlinks=False)
            settled = complete or now - status.st_mtime >= SETTLED_SECONDS
            if settled and status.st_size <= _MAX_FILE_BYTES:
                found.append((status.st_mtime, Path(entry.path)))
    return [path for _, path in sorted(found)]


def _release_old_claims(claims: Path, folder: Path) -> None:
    """Put back what a killed worker had claimed; a mail that was stored already is recognised by its bytes."""
    for entry in os.scandir(claims):
        if time.time() - entry.stat(follow_symlinks=False).st_mtime > _CLAIM_EXPIRES_SECONDS:
            try:
                Path(entry.path).rename(folder / entry.name)
            except FileNotFoundError:
                continue

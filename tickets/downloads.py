"""Files of messages on their way out: always as a download, never as something that acts."""

import mimetypes

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from tickets.file_scans import release
from tickets.models import Attachment, FormFile
from tickets.stored_files import read_file

PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
# Types that keep their name; everything else leaves as bytes that no program opens by itself.
DOWNLOAD_TYPES = PICTURE_TYPES | {"application/pdf", "text/plain", "text/csv", "application/json"}


def download(attachment: Attachment | FormFile) -> HttpResponse:
    """Return the file as a download; raises FileHeld with the reason for one that is held back, and Http404."""
    release(attachment.sha256)
    try:
        content = read_file(attachment.storage_key)
    except (FileNotFoundError, ValueError):
        raise Http404(_("The file is not in the storage any more.")) from None
    declared = attachment.content_type.partition(";")[0].strip().lower()
    kind = declared if declared in DOWNLOAD_TYPES else "application/octet-stream"
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = content_disposition_header(True, _file_name(attachment)) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


def _file_name(attachment: Attachment | FormFile) -> str:
    """The sender's name for the file, without anything that a file system or a header would read as more than a name."""
    kept = "".join(
        char if char.isprintable() and char not in '/\\"<>|:*?' else "_" for char in attachment.name
    )
    name = kept.strip(" .")[:120] or "attachment"
    if "." in name:
        return name
    return name + (mimetypes.guess_extension(attachment.content_type) or "")

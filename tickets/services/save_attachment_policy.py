"""Say which files people may attach."""

import re

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.models import Setting
from people.viewer import Viewer
from tickets.attachment_policy import HIGHEST_MEGABYTES, SETTING, AttachmentPolicy, attachment_policy
from tickets.events import ATTACHMENT_POLICY_SAVED

_ENDING = re.compile(r"[a-z0-9_+-]{1,12}")
MOST_FILES = 50


@transaction.atomic
def save_attachment_policy(
    *,
    megabytes_each: int,
    megabytes_together: int,
    most_files: int,
    blocked: str,
    by: Viewer,
    hold_unscanned: bool = True,
) -> AttachmentPolicy:
    """Save the rules; ``blocked`` are endings separated by spaces or commas. Raises ValidationError naming the field."""
    by.require("settings.manage")
    if not 1 <= megabytes_each <= HIGHEST_MEGABYTES:
        raise ValidationError({"megabytes_each": _("Between 1 and %d MB.") % HIGHEST_MEGABYTES})
    if not megabytes_each <= megabytes_together <= HIGHEST_MEGABYTES:
        raise ValidationError(
            {"megabytes_together": _("At least what one file may have, at most %d MB.") % HIGHEST_MEGABYTES}
        )
    if not 1 <= most_files <= MOST_FILES:
        raise ValidationError({"most_files": _("Between 1 and %d files.") % MOST_FILES})
    endings = [part.lstrip("*.").lower() for part in blocked.replace(",", " ").split()]
    wrong = [ending for ending in endings if not _ENDING.fullmatch(ending)]
    if wrong:
        raise ValidationError({"blocked": _("“%s” is no ending of a file name.") % wrong[0]})
    before = attachment_policy()
    policy = AttachmentPolicy(
        megabytes_each, megabytes_together, most_files, tuple(dict.fromkeys(endings)), hold_unscanned
    )
    values = {
        "megabytes_each": policy.megabytes_each,
        "megabytes_together": policy.megabytes_together,
        "files": policy.files,
        "blocked": list(policy.blocked),
        "hold_unscanned": policy.hold_unscanned,
    }
    Setting.objects.update_or_create(key=SETTING, defaults={"value": values})
    if policy != before:
        ATTACHMENT_POLICY_SAVED.record(by=by, subject_id=0, detail=values)
    return policy

"""Which files people may attach: a setting of the installation with safe values to begin with."""

from dataclasses import asdict, dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core.models import Setting

SETTING = "tickets.attachments"
MEGABYTE = 1024 * 1024
# What runs by a double click on some system, and what hides such files.
BLOCKED = (
    "ade adp apk app bat cab chm cmd com cpl dll dmg exe gadget hta ins iso isp jar js jse lnk mde msc msi msp mst "
    "ps1 reg scf scr sct shb sys vb vbe vbs vxd wsc wsf wsh"
)
HIGHEST_MEGABYTES = 100


@dataclass(frozen=True)
class AttachmentPolicy:
    """The rules. ``blocked`` are endings in lower case without the dot; sizes are in MB.

    ``hold_unscanned`` matters while a scanner is configured: whether a file waits for its verdict before it is handed out.
    """

    megabytes_each: int = 20
    megabytes_together: int = 25
    files: int = 10
    blocked: tuple[str, ...] = tuple(BLOCKED.split())
    hold_unscanned: bool = True

    def refusal(self, *, name: str, size: int, others: int = 0, others_size: int = 0) -> str:
        """Why a file may not join ``others`` files of ``others_size`` bytes; empty when it may."""
        ending = next((part for part in name.lower().split(".")[1:] if part.strip() in self.blocked), "")
        if ending:
            return _("%(name)s: files of the type .%(ending)s may not be sent.") % {
                "name": name,
                "ending": ending,
            }
        if size > self.megabytes_each * MEGABYTE:
            return _("%(name)s: a file may have %(size)d MB at most.") % {
                "name": name,
                "size": self.megabytes_each,
            }
        if others >= self.files:
            return _("%(name)s: a message takes %(count)d files at most.") % {
                "name": name,
                "count": self.files,
            }
        if size + others_size > self.megabytes_together * MEGABYTE:
            return _("%(name)s: the files of a message may have %(size)d MB together.") % {
                "name": name,
                "size": self.megabytes_together,
            }
        return ""

    def check(self, files: list[tuple[str, int]]) -> None:
        """Raise ValidationError({"files": …}) naming each of the (name, size) files that may not be sent."""
        refused, count, total = [], 0, 0
        for name, size in files:
            why = self.refusal(name=name, size=size, others=count, others_size=total)
            if why:
                refused.append(why)
            else:
                count, total = count + 1, total + size
        if refused:
            raise ValidationError({"files": refused})


def attachment_policy() -> AttachmentPolicy:
    """The rules of this installation."""
    setting = Setting.objects.filter(pk=SETTING).first()
    if setting is None:
        return AttachmentPolicy()
    values = {name: value for name, value in setting.value.items() if name in asdict(AttachmentPolicy())}
    return AttachmentPolicy(**{**values, "blocked": tuple(values.get("blocked", BLOCKED.split()))})

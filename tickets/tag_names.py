"""How tags are written: in lower case, without commas, one space between words."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LONGEST_TAG = 40


def tag_name(written: object) -> str:
    """Return the name of a tag as it is stored; raises ValidationError for one that cannot be."""
    name = " ".join(str(written or "").lower().split()).removeprefix("#").strip()
    if not isinstance(written, str) or not name:
        raise ValidationError({"tags": _("A tag is a word or a few.")})
    if "," in name or "\x00" in name:
        raise ValidationError({"tags": _("A tag has no comma.")})
    if len(name) > LONGEST_TAG:
        raise ValidationError({"tags": _("A tag has at most %d letters.") % LONGEST_TAG})
    return name


def tag_names(written: Iterable[object]) -> list[str]:
    """Return the names of tags as they are stored, each once; raises ValidationError."""
    return list(dict.fromkeys(tag_name(one) for one in written))

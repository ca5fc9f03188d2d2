"""Templates of providers as answers: their places, the words with values put in, and what must be right before one is sent."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from tickets.models import ChannelTemplate
from tickets.reply_routes import ReplyRoute

LONGEST_VALUE = 1_000
_PLACE = re.compile(r"\{\{\s*(\d{1,3})\s*\}\}")


def places_of(body: str) -> list[int]:
    """Return the numbers of the places for values, each once, ascending."""
    return sorted({int(number) for number in _PLACE.findall(body)})


def filled(body: str, values: Sequence[str]) -> str:
    """Return the words with the values in their places; a place without a value stays."""
    by_place = dict(zip(places_of(body), values, strict=False))
    return _PLACE.sub(lambda found: by_place.get(int(found[1]), found[0]), body)


def words_of_template(route: ReplyRoute | None, template: Mapping[str, Any], *, has_files: bool) -> str:
    """Return the words that a template sends, with its values; raises ValidationError where it cannot be sent this way."""
    if route is None or route.inbox is None or not route.channel.capabilities.templates:
        raise ValidationError({"template": _("This channel has no templates.")})
    if has_files:
        raise ValidationError({"files": _("A template takes no files.")})
    known = ChannelTemplate.objects.filter(
        inbox=route.inbox, name=template.get("name"), language=template.get("language"), is_usable=True
    ).first()
    if known is None:
        raise ValidationError({"template": _("There is no such template, or it is not approved.")})
    values = [str(one).strip() for one in template.get("values") or ()]
    if len(values) != len(places_of(known.body)) or not all(values):
        raise ValidationError({"template": _("Fill in every place of the template.")})
    # Providers refuse line breaks in values.
    if any(len(one) > LONGEST_VALUE or "\n" in one for one in values):
        raise ValidationError(
            {"template": _("A value is one line of at most %d characters.") % LONGEST_VALUE}
        )
    return filled(known.body, values)

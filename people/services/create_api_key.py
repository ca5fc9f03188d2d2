"""Create an API key."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from people.events import API_KEY_CREATED
from people.models import ApiKey
from people.models.api_key import digest_of
from people.roles import SCOPES
from people.viewer import Viewer

MOST_REQUESTS = 1_000_000


@transaction.atomic
def create_api_key(
    *,
    name: str,
    scopes: Sequence[str],
    by: Viewer,
    expires_at: datetime | None = None,
    requests_per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its secret, which is not stored. Without ``requests_per_minute`` it has as many as
    ``API_RATE`` gives. Raises ValidationError naming the field."""
    by.require("settings.manage")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        known = ", ".join(SCOPES)
        raise ValidationError({"scopes": _("Choose from: %s.") % known})
    if not name.strip():
        raise ValidationError({"name": _("A name is required.")})
    if requests_per_minute is not None and not 1 <= requests_per_minute <= MOST_REQUESTS:
        raise ValidationError({"requests_per_minute": _("Give a number from 1 to %d.") % MOST_REQUESTS})
    secret = ApiKey.new_secret()
    key = ApiKey.objects.create(
        name=name.strip(),
        hint=secret[:8],
        digest=digest_of(secret),
        scopes=sorted(set(scopes)),
        created_by_id=by.user_id,
        expires_at=expires_at,
        requests_per_minute=requests_per_minute,
    )
    API_KEY_CREATED.record(by=by, subject_id=key.pk, detail={"name": key.name, "scopes": key.scopes})
    return key, secret

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


@transaction.atomic
def create_api_key(
    *, name: str, scopes: Sequence[str], by: Viewer, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Create a key and return it with its secret, which is not stored. Raises ValidationError naming the field."""
    by.require("settings.manage")
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        known = ", ".join(SCOPES)
        raise ValidationError({"scopes": _("Choose from: %s.") % known})
    if not name.strip():
        raise ValidationError({"name": _("A name is required.")})
    secret = ApiKey.new_secret()
    key = ApiKey.objects.create(
        name=name.strip(),
        hint=secret[:8],
        digest=digest_of(secret),
        scopes=sorted(set(scopes)),
        created_by_id=by.user_id,
        expires_at=expires_at,
    )
    API_KEY_CREATED.record(by=by, subject_id=key.pk, detail={"name": key.name, "scopes": key.scopes})
    return key, secret

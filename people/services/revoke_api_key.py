"""Revoke an API key."""

from django.db import transaction
from django.utils import timezone

from people.events import API_KEY_REVOKED
from people.models import ApiKey
from people.viewer import Viewer


@transaction.atomic
def revoke_api_key(*, key: ApiKey, by: Viewer) -> ApiKey:
    """End a key at once; it stays in the list with its history. A revoked key stays as it is."""
    by.require("settings.manage")
    row = ApiKey.objects.select_for_update().get(pk=key.pk)
    if row.revoked_at is None:
        row.revoked_at = timezone.now()
        row.save(update_fields=["revoked_at"])
        API_KEY_REVOKED.record(by=by, subject_id=row.pk, detail={"name": row.name})
    return row

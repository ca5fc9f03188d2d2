"""API keys: hashed, scoped, expiring."""

import hashlib
import secrets
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from people.roles import SCOPES, Role
from people.viewer import Viewer

PREFIX = "cso_"


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a key; keys have 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKey(models.Model):
    """One key of an integration. The secret is shown once; only its digest and first letters are stored."""

    name = models.CharField(_("name"), max_length=80)
    hint = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(null=True)
    # None: as many as API_RATE gives.
    requests_per_minute = models.PositiveIntegerField(_("requests a minute"), null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def new_secret() -> str:
        """Return a fresh secret."""
        return PREFIX + secrets.token_urlsafe(32)

    @property
    def is_usable(self) -> bool:
        """Whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())

    def as_viewer(self) -> Viewer:
        """Return the key as viewer with what its scopes allow."""
        permissions: frozenset[str] = frozenset().union(
            *(SCOPES.get(scope, frozenset()) for scope in self.scopes)
        )
        return Viewer(
            kind="api_key",
            api_key_id=self.pk,
            role=Role.INTEGRATION,
            permissions=permissions if self.is_usable else frozenset(),
            source="api",
        )

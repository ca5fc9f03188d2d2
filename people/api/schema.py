"""How the API's schema describes who calls, and with which scopes."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from core.api.schema import ApiSchema
from people.api.permissions import needed_permissions, scopes_for


class ScopedSchema(ApiSchema):
    """Says for each operation which scopes of a key let it in, and which permission a person needs."""

    def get_auth(self) -> list[dict[str, Any]]:
        """Return the ways in: a key with one of the scopes, or the session of the product's own pages."""
        scopes = scopes_for(self.view, self.method)
        ways: list[dict[str, Any]] = []
        for way in super().get_auth():
            ways += [{"apiKey": [scope]} for scope in scopes] if scopes and "apiKey" in way else [way]
        return ways

    def get_extensions(self) -> dict[str, Any]:
        """Return the permissions of which a person needs one."""
        needed = needed_permissions(self.view, self.method, of_key=False)
        return {"x-permissions": list(needed)} if needed else {}

    def get_description(self) -> str:  # type: ignore[override]
        """Return what the handler says, and the scopes in words."""
        scopes = scopes_for(self.view, self.method)
        named = " or ".join(f"`{scope}`" for scope in scopes)
        return "\n\n".join(part for part in (super().get_description(), named and f"Scope: {named}.") if part)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """``Authorization: Bearer KEY``."""

    target_class = "people.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """The bearer scheme."""
        return {"type": "http", "scheme": "bearer", "description": "A key from Settings, API keys."}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The cookie of the product's own pages."""

    target_class = "people.api.authentication.ViewerSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """The cookie scheme."""
        from django.conf import settings

        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}

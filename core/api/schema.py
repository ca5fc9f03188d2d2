"""What holds for every operation of the API, so that no view has to say it: how refusals look and which may come."""

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from core.api.problems import CONTENT_TYPE
from core.api.reading import Listing, fields_parameter
from core.api.versions import Versioned

_REFUSALS = {
    "400": "The request is refused: `errors` names each field with the reasons.",
    "401": "No key, or one that is unknown, expired or revoked.",
    "403": "The key lacks the scope, or the person the permission.",
    "404": "There is no such row, or none that this key may see.",
    "406": "The answer is JSON, or a file.",
    "409": "The request contradicts the present state.",
    "412": "The row is not as `If-Match` names it: `version` is its present version.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "429": "Too many requests: `Retry-After` says when to go on.",
}
_ALWAYS = {"400", "401", "403", "406", "429"}
_WITH_BODY = {"409", "413", "415"}

_RATE_HEADERS = {
    "RateLimit-Limit": "Requests that the key has in a minute.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "Seconds until it has all of them again.",
}

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="At most 255 characters. Sent again within 48 hours, the first answer is given again.",
)
_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` of the row as you know it: refused with 412 when it was changed since. `*` is any.",
)
_ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=["200", "201"],
    description="The version of the row: what can be changed on it.",
)

PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "For programs: stays the same when sentences change."},
        "detail": {"type": "string"},
        "errors": {
            "type": "object",
            "description": "Field names with what is wrong with each.",
            "additionalProperties": {},
        },
    },
}


class ApiSchema(AutoSchema):
    """Adds what a view declares by what it is: the parameters of its list, its versions, that it takes an Idempotency-Key."""

    def get_override_parameters(self) -> list[Any]:
        """Return the parameters that follow from the view's declarations."""
        handler = getattr(self.view, self.method.lower(), None)
        told: list[Any] = []
        listing = getattr(self.view, "listing", None)
        if self.method == "GET" and isinstance(listing, Listing):
            told += listing.parameters()
        if isinstance(self.view, Versioned):
            if self.method == "GET":
                told += [fields_parameter(), _ETAG]
            elif self.method in {"PATCH", "PUT"}:
                told += [_IF_MATCH, _ETAG]
            elif self.method == "DELETE":
                told.append(_IF_MATCH)
        if getattr(handler, "takes_idempotency_key", False):
            told.append(IDEMPOTENCY_KEY)
        return told

    def is_deprecated(self) -> bool:
        """Whether the handler will go."""
        return getattr(getattr(self.view, self.method.lower(), None), "is_deprecated", False)


def _rate_headers(status: str) -> dict[str, Any]:
    told = dict(_RATE_HEADERS)
    if status == "429":
        told["Retry-After"] = "Seconds until the next request is let in."
    return {name: {"schema": {"type": "integer"}, "description": words} for name, words in told.items()}


def add_code_samples(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Give every operation a sample for curl and for Python, with the fields that its body must have.

    A post-processing hook of drf-spectacular.
    """
    components = result.get("components", {}).get("schemas", {})
    for path, operations in result.get("paths", {}).items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                body = _sample_body(operation, components)
                operation["x-codeSamples"] = [
                    {"lang": "Shell", "label": "curl", "source": _curl(method, path, operation, body)},
                    {"lang": "Python", "source": _python(method, path, operation, body)},
                ]
    return result


def _sample_body(operation: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    """What the smallest body looks like; None for an operation without one, or one that takes a file."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else _sample(content["schema"], components, required=True)


def _sample(schema: Mapping[str, Any], components: Mapping[str, Any], *, required: bool) -> Any:
    if "$ref" in schema:
        return _sample(components[schema["$ref"].rpartition("/")[2]], components, required=required)
    for name in ("allOf", "oneOf", "anyOf"):
        if schema.get(name):
            return _sample(schema[name][0], components, required=required)
    for name in ("example", "default"):
        if name in schema:
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = schema.get("required") or list(properties)[:1]
        return {
            name: _sample(properties[name], components, required=True)
            for name in wanted
            if name in properties
        }
    if kind == "array":
        return [_sample(schema.get("items", {}), components, required=True)]
    by_format = {"date": "2026-11-30", "date-time": "2026-11-30T09:00:00Z", "email": "jo@acme.example",
                 "decimal": "1200.00", "uri": "https://hooks.example.com/"}  # fmt: skip
    return {"integer": 1, "number": 1.0, "boolean": True}.get(
        kind, by_format.get(schema.get("format", ""), "…")
    )


def _address(path: str, operation: Mapping[str, Any]) -> str:
    for one in operation.get("parameters", ()):
        if one["in"] == "path":
            is_number = one.get("schema", {}).get("type") == "integer"
            path = path.replace(f"{{{one['name']}}}", "17" if is_number else one["name"].upper())
    needed = [
        f"{one['name']}=…"
        for one in operation.get("parameters", ())
        if one["in"] == "query" and one.get("required")
    ]
    return f"{settings.SITE_URL}{path}" + (f"?{'&'.join(needed)}" if needed else "")


def _curl(method: str, path: str, operation: Mapping[str, Any], body: Any) -> str:
    lines = [f'curl -sX {method.upper()} "{_address(path, operation)}"', '-H "Authorization: Bearer $KEY"']
    if body is not None:
        text = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
        lines += ['-H "Content-Type: application/json"', f"-d '{text}'"]
    elif "requestBody" in operation:
        lines.append('-F "file=@invoice.pdf"')
    return " \\\n  ".join(lines)


def _python(method: str, path: str, operation: Mapping[str, Any], body: Any) -> str:
    arguments = [f'    "{method.upper()}",', f'    "{_address(path, operation)}",',
                 '    headers={"Authorization": f"Bearer {KEY}"},']  # fmt: skip
    if body is not None:
        arguments.append(f"    json={body!r},")
    elif "requestBody" in operation:
        arguments.append('    files={"file": open("invoice.pdf", "rb")},')
    return "\n".join(
        ["import requests", "", "answer = requests.request(", *arguments, "    timeout=20,", ")"]
    )


def document_refusals(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Give every operation of a schema the refusals that it may answer with; those that a view describes itself keep its words.

    A post-processing hook of drf-spectacular.
    """
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    for path, operations in result.get("paths", {}).items():
        for method, operation in operations.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            wanted = set(_ALWAYS)
            if "{" in path:
                wanted.add("404")
            if method in {"post", "put", "patch", "delete"}:
                wanted |= _WITH_BODY if "requestBody" in operation else {"409"}
            if any(one["name"] == "If-Match" for one in operation.get("parameters", ())):
                wanted.add("412")
            for status in sorted(wanted | {code for code in operation["responses"] if code in _REFUSALS}):
                said = operation["responses"].setdefault(status, {"description": _REFUSALS[status]})
                said.setdefault(
                    "content", {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
                )
            operation["responses"] = dict(sorted(operation["responses"].items()))
            for status, answer in operation["responses"].items():
                if status < "300" or status == "429":
                    answer.setdefault("headers", {}).update(_rate_headers(status))
    return result

"""What holds for every operation of the API, so that no view has to say it: how refusals look and which may come."""

from typing import Any

from core.api.problems import CONTENT_TYPE

_REFUSALS = {
    "400": "The request is refused: `errors` names each field with the reasons.",
    "401": "No key, or one that is unknown, expired or revoked.",
    "403": "The key lacks the scope, or the person the permission.",
    "404": "There is no such row, or none that this key may see.",
    "409": "The request contradicts the present state.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "429": "Too many requests: `Retry-After` says when to go on.",
}
_ALWAYS = {"400", "401", "403", "429"}
_WITH_BODY = {"409", "413", "415"}

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
            for status in sorted(wanted | {code for code in operation["responses"] if code in _REFUSALS}):
                said = operation["responses"].setdefault(status, {"description": _REFUSALS[status]})
                said.setdefault(
                    "content", {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
                )
            operation["responses"] = dict(sorted(operation["responses"].items()))
    return result

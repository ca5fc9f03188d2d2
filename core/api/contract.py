"""The contract of the REST API in short: what each operation takes and answers, to compare two states of it.

``docs/api/contract.json`` is the contract that ``docs/api/changelog.md`` has told of; ``manage.py api_contract`` brings both up
to date, and a test refuses a change that they do not tell.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from drf_spectacular.generators import SchemaGenerator

_DEPTH = 6


def present_contract() -> dict[str, Any]:
    """Return the contract of this code, in a stable order: per operation its id, scopes, parameters, the fields that a body must
    have, the digest of the body, and per status the digest of the answer."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    components = schema.get("components", {}).get("schemas", {})
    contract = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            contract[f"{method.upper()} {path}"] = _operation(operation, components)
    return dict(sorted(contract.items()))


def digest_of(contract: Mapping[str, Any]) -> str:
    """Return what names a contract in the changelog."""
    text = json.dumps(contract, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return in words what differs: operations added, gone and changed."""
    lines = [f"added: {name}" for name in after if name not in before]
    lines += [f"gone: {name}" for name in before if name not in after]
    for name, now in after.items():
        if name in before and before[name] != now:
            parts = [part for part in now if before[name].get(part) != now[part]]
            lines.append(f"changed: {name} ({', '.join(parts)})")
    return lines


def _operation(operation: Mapping[str, Any], components: Mapping[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    shapes = {kind: _shape(one.get("schema", {}), components) for kind, one in body.items()}
    return {
        "id": operation["operationId"],
        "deprecated": operation.get("deprecated", False),
        "scopes": sorted(scope for way in operation.get("security", ()) for scope in way.get("apiKey", ())),
        "parameters": {
            f"{one['in']} {one['name']}{' *' if one.get('required') else ''}": _shape(
                one["schema"], components
            )
            for one in operation.get("parameters", ())
        },
        "needs": sorted({name for shape in shapes.values() for name in _needed(shape)}),
        "body": digest_of(shapes) if shapes else "",
        "answers": {status: _answer(one, components) for status, one in operation["responses"].items()},
    }


def _needed(shape: Any) -> list[str]:
    """The fields that a body must have."""
    names = shape if isinstance(shape, dict) else ()
    return [name.removesuffix(" *") for name in names if name.endswith(" *")]


def _answer(answer: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    shapes = {
        kind: _shape(one.get("schema", {}), components) for kind, one in answer.get("content", {}).items()
    }
    if set(shapes.values() if all(isinstance(one, str) for one in shapes.values()) else ()) == {"Problem"}:
        return "problem"
    return digest_of(shapes) if shapes else ""


def _shape(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int = 0) -> Any:
    """A schema without its words: types, fields (``*``: must be there), choices."""
    if depth > _DEPTH:
        return "…"
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "Problem" if name == "Problem" else _shape(components[name], components, depth + 1)
    for name in ("oneOf", "anyOf", "allOf"):
        if name in schema:
            return [_shape(one, components, depth + 1) for one in schema[name]]
    if "enum" in schema:
        return sorted(map(str, schema["enum"]))
    if "properties" in schema:
        needed = set(schema.get("required", ()))
        return {
            f"{name}{' *' if name in needed else ''}": _shape(one, components, depth + 1)
            for name, one in sorted(schema["properties"].items())
        }
    if "items" in schema:
        return [_shape(schema["items"], components, depth + 1)]
    kind = schema.get("type", "any")
    named = "|".join(sorted(kind)) if isinstance(kind, list) else kind
    # How large a number may be is the database's business.
    told = ("maxItems",) if "integer" in named else ("format", "maxLength", "maxItems")
    limits = [f"{name}={schema[name]}" for name in told if name in schema]
    return " ".join([named, *limits])

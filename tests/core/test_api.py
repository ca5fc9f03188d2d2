"""What holds for every address of the REST API."""

from collections.abc import Callable
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from people.roles import SCOPES

pytestmark = pytest.mark.django_db


def test_every_operation_says_how_it_refuses() -> None:
    schema = described()
    assert schema["openapi"].startswith("3.1")
    operations = [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 100
    for path, method, operation in operations:
        wanted = {"400", "401", "403", "429"} | ({"404"} if "{" in path else set())
        assert wanted <= set(operation["responses"]), (path, method)
        for status in wanted:
            assert "application/problem+json" in operation["responses"][status]["content"], (path, method)


def described() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema


@pytest.mark.parametrize("cursor", ["no cursor", "cD1hYmM=", "\u00f3"])
def test_a_cursor_of_somebody_elses_making_is_refused(api: Callable[..., APIClient], cursor: str) -> None:
    client = api(*SCOPES)
    schema = described()
    lists = [
        path
        for path, methods in schema["paths"].items()
        if "{" not in path
        and any(one["name"] == "cursor" for one in methods.get("get", {}).get("parameters", ()))
    ]
    assert "/api/v1/tickets/" in lists
    assert "/api/v1/accounts/" in lists
    for path in lists:
        asked = {"q": "refund"} if path.endswith("/search/") else {}
        answer = client.get(path, {**asked, "cursor": cursor})
        assert answer.status_code == 400, path
        assert "cursor" in answer.data["errors"], path


def test_null_characters_are_refused_wherever_they_stand(api: Callable[..., APIClient]) -> None:
    client = api(*SCOPES)
    for text in ('{"name": "a\\u0000"}', '{"where": {"all": ["\\ud800"]}}', '{"\\u0000": 1}'):
        answer = client.post("/api/v1/views/", text, content_type="application/json")
        assert answer.status_code == 400
        assert "null characters" in answer.data["detail"]
    assert client.get("/api/v1/tickets/", {"tag": "a\0b"}).status_code < 500

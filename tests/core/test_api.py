"""What holds for every address of the REST API."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.generators import SchemaGenerator
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from core.api.deprecation import deprecated
from customers.models import Account, Contact
from people.models import ApiKey
from people.roles import SCOPES
from tests.tickets.conftest import ticket, write

__all__ = ["ticket", "write"]

pytestmark = pytest.mark.django_db


def test_every_operation_says_how_it_refuses() -> None:
    schema = described()
    assert schema["openapi"].startswith("3.1")
    assert len(operations()) > 100
    for path, method, operation in operations():
        wanted = {"400", "401", "403", "429"} | ({"404"} if "{" in path else set())
        assert wanted <= set(operation["responses"]), (path, method)
        for status in wanted:
            assert "application/problem+json" in operation["responses"][status]["content"], (path, method)


# POSTs whose answers cannot be kept, because they hold a secret; a name is unique there, so nothing is made twice.
NOT_REMEMBERED = {"webhooks_create", "webhooks_rotate_secret"}
# Items carry an id of their own.
NOT_NEEDED = {"usage_batch", "tickets_upsert"}


def test_every_post_takes_an_idempotency_key() -> None:
    lacking = {
        operation["operationId"]
        for _path, method, operation in operations()
        if method == "post" and "Idempotency-Key" not in parameters(operation)
    }
    assert lacking <= NOT_REMEMBERED | NOT_NEEDED, lacking


def test_lists_refuse_parameters_that_they_do_not_tell_of(api: Callable[..., APIClient]) -> None:
    client = api(*SCOPES)
    for path, method, operation in operations():
        if method != "get" or "{" in path or path.endswith("/me/"):
            continue
        sent = {name: "1" for name in parameters(operation) if name in {"q", "kpi"}}
        for name in ("password", "csm__password", "account__csm__email"):
            answer = client.get(path, {**sent, name: "x"})
            assert (answer.status_code, list(answer.data["errors"])) == (400, [name]), path


def test_lists_give_the_fields_asked_for_and_no_others(api: Callable[..., APIClient], ticket: Any) -> None:
    client = api(*SCOPES)
    seen = 0
    for path, method, operation in operations():
        if method != "get" or "{" in path or "fields" not in parameters(operation):
            continue
        refused = client.get(path, {"fields": "id,secret"})
        assert (refused.status_code, list(refused.data["errors"])) == (400, ["fields"]), path
        name = "id" if "id," in str(refused.data["errors"]) else "reference"
        for row in client.get(path, {"fields": name}).data["results"]:
            assert list(row) == [name], path
            seen += 1
    assert seen
    assert set(client.get(f"/api/v1/tickets/{ticket.pk}/?fields=number,sla").data) == {"number", "sla"}


def test_fields_that_are_not_asked_for_cost_no_query(
    api: Callable[..., APIClient], write: Callable[..., Any], django_assert_max_num_queries: Any
) -> None:
    """Each field of a list costs the same for one ticket as for five."""
    client = api("tickets:read")
    shape = client.get("/api/v1/tickets/?fields=id").data
    assert shape["results"] == []

    def cost(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    write()
    names = client.get("/api/v1/tickets/").data["results"][0]
    one = {name: cost(f"/api/v1/tickets/?fields={name}") for name in names}
    for number in range(4):
        write(sender=f"p{number}@x{number}.example")
    many = {name: cost(f"/api/v1/tickets/?fields={name}") for name in names}
    assert many == one
    assert many["number"] < many["tags"] < cost("/api/v1/tickets/")


def test_pages_hold_every_row_once_in_both_directions(api: Callable[..., APIClient]) -> None:
    """Also where many rows have the same value."""
    Account.objects.bulk_create(Account(name=f"A{number % 3}", arr=number % 2) for number in range(23))
    client = api("accounts:read")
    for ordering in ("name", "-name", "arr", "-created_at", "id", "-id"):
        address: str | None = f"/api/v1/accounts/?limit=4&fields=id&ordering={ordering}"
        pages, last = [], ""
        while address:
            answer = client.get(address).data
            pages.append([row["id"] for row in answer["results"]])
            last, address = address, answer["next"]
        assert sorted(one for page in pages for one in page) == sorted(
            Account.objects.values_list("pk", flat=True)
        )
        back, address = [], last
        while address:
            answer = client.get(address).data
            back.insert(0, [row["id"] for row in answer["results"]])
            address = answer["previous"]
        assert back == pages, ordering
    assert client.get("/api/v1/accounts/?ordering=csm__password").status_code == 400
    assert client.get("/api/v1/accounts/?limit=many").status_code == 400


# What no key does: to propose a model and to decide about one.
FOR_PEOPLE = ("/propose/", "/approve/", "/reject/")


def test_scopes_are_told_and_enforced(api: Callable[..., APIClient]) -> None:
    """Each single scope is let in exactly where the schema says so."""
    clients = {scope: api(scope) for scope in SCOPES}
    checked = 0
    for path, method, operation in operations():
        told = {scope for way in operation["security"] for scope in way.get("apiKey", ())}
        address = re.sub(r"{[^}]*}", "999999", path)
        for scope, client in clients.items():
            if path.endswith("/me/"):
                continue
            answer = getattr(client, method)(address)
            if path.endswith(FOR_PEOPLE):
                assert not told, (method, path)
                assert answer.status_code in {401, 403}, (scope, method, path)
                continue
            assert told, (method, path)
            if scope not in told:
                assert answer.status_code == 403, (scope, method, path)
            else:
                assert answer.status_code != 401, (scope, method, path)
                # What a deeper permission refuses is refused by the door, too, so that the schema tells it.
                assert answer.status_code != 403, (scope, method, path, answer.data)
            checked += 1
    assert checked > 1000


def test_answers_tell_the_rate(api: Callable[..., APIClient], settings: Any, time_machine: Any) -> None:
    settings.API_RATE = "3/min"
    client, other = api("tickets:read"), api("tickets:read")
    key = ApiKey.objects.latest("pk")
    key.requests_per_minute = 50
    key.save()
    time_machine.move_to("2026-11-21T10:00:30Z", tick=False)
    answers = [client.get("/api/v1/tickets/") for _time in range(4)]
    wide = other.get("/api/v1/tickets/")
    time_machine.move_to("2026-11-21T10:01:00Z", tick=False)
    later = client.get("/api/v1/tickets/")
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer["RateLimit-Limit"] for answer in answers} == {"3"}
    assert (answers[3]["Retry-After"], answers[3]["RateLimit-Reset"]) == ("30", "30")
    assert (wide["RateLimit-Limit"], wide["RateLimit-Remaining"]) == ("50", "49")
    assert (later.status_code, later["RateLimit-Remaining"]) == (200, "2")


def test_a_change_of_what_was_changed_since_is_refused(
    api: Callable[..., APIClient], account: Account, contact: Contact, ticket: Any
) -> None:
    client = api(*SCOPES)
    tag = client.post("/api/v1/tags/", {"name": "outage"}).data
    for path, body in (
        (f"/api/v1/tickets/{ticket.pk}/", {"priority": "high"}),
        (f"/api/v1/accounts/{account.pk}/", {"seats": 5}),
        (f"/api/v1/contacts/{contact.pk}/", {"title": "CTO"}),
        (f"/api/v1/tags/{tag['id']}/", {"description": "Down"}),
    ):
        seen = client.get(path)["ETag"]
        changed = client.patch(path, body, headers={"If-Match": seen})
        assert changed.status_code == 200, path
        assert changed["ETag"] == client.get(path)["ETag"] != seen
        stale = client.patch(path, body, headers={"If-Match": seen})
        assert stale.status_code == 412, path
        assert (stale.data["code"], stale.data["version"]) == ("overtaken", changed["ETag"])
        assert client.patch(path, body, headers={"If-Match": "*"}).status_code == 200
        assert client.patch(path, body, headers={"If-Match": f'"x", {changed["ETag"]}'}).status_code == 200
    assert client.delete(path, headers={"If-Match": seen}).status_code == 412
    assert client.delete(path, headers={"If-Match": changed["ETag"]}).status_code == 204


def test_what_the_product_counts_makes_no_copy_old(api: Callable[..., APIClient], account: Account) -> None:
    client = api("accounts:write", "health:read")
    path = f"/api/v1/accounts/{account.pk}/"
    seen = client.get(path)["ETag"]
    Account.objects.update(health_score=12, open_tickets=4)
    assert client.get(path)["ETag"] == seen


def test_an_operation_that_will_go_says_so() -> None:
    class Going(APIView):
        permission_classes = ()
        authentication_classes = ()

        @deprecated(since=date(2026, 11, 1), sunset=date(2027, 5, 1), successor="/api/v1/tickets/")
        def get(self, request: Request) -> Response:
            if request.query_params:
                raise ValidationError({"x": ["no"]})
            return Response({})

    for query in ({}, {"x": "1"}):
        answer = Going.as_view()(APIRequestFactory().get("/", query))
        assert answer["Deprecation"] == "@1793491200"
        assert answer["Sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
        assert answer["Link"] == '</api/v1/tickets/>; rel="successor-version"'


@pytest.mark.parametrize("method", ["get", "post", "delete"])
@pytest.mark.parametrize("path", ["nothing/", "tickets/abc/", "tickets/1/nothing/"])
def test_an_address_that_there_is_not_is_refused_as_the_rest(client: Any, path: str, method: str) -> None:
    answer = getattr(client, method)(f"/api/v1/{path}")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert client.get(f"/api/v1/{path.rstrip('/')}").status_code == 301


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
    ]


def parameters(operation: dict[str, Any]) -> set[str]:
    return {one["name"] for one in operation.get("parameters", ())}


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

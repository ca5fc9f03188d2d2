"""Every page as every role: who may open it, what its headers say, and that looking changes nothing.

The pages are found in the URL table, so a new one is tested from the day it exists.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from people.models import User
from people.roles import PERMISSION_LABELS, PERMISSIONS, Role
from tests.conftest import make_user

# Pages without a login, each with the reason.
PUBLIC = {
    "start": "only redirects",
    "setup": "an empty installation has nobody who could log in",
    "login": "the login",
    "logout": "ends a session, harmless without one",
    "forgot-password": "for people who cannot log in",
    "set-password": "proved by its token",
    "healthz": "a probe",
    "readyz": "a probe",
    "schema": "describes the API, holds no data",
    "api-docs": "describes the API, holds no data",
    "unsubscribe": "proved by its token",
    "mail-topics": "proved by its token",
    "feedback": "proved by its token",
    "web-form": "for everybody",
    "web-form-fields": "for everybody",
    "web-form-thanks": "for everybody",
    "web-form-submit": "for everybody",
    "web-form-confirm": "proved by its token",
    "channel-hook": "proved by the provider's signature",
    "chat-widget": "leads to a script",
    "chat-config": "how a widget on a public page looks",
    "chat-start": "anybody may begin a chat, within limits",
    **{
        f"chat-{act}": "proved by the chat's token"
        for act in ("session", "message", "typing", "seen", "email", "end", "rating")
    },
    "chat-file": "proved by its token",
}
SAMPLES = {"int": "987654", "str": "sample", "slug": "sample", "uuid": "00000000-0000-4000-8000-000000000000"}
ROLES = [role for role in Role if role != Role.INTEGRATION]


def patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield (path of a sample address, pattern) of every route that is no REST route."""
    for entry in resolver.url_patterns:
        if str(entry.pattern).lstrip("^").startswith("api/v1"):
            continue
        if isinstance(entry, URLResolver):
            yield from patterns(entry, prefix + str(entry.pattern))
        else:
            yield sample_path(prefix, entry), entry


def sample_path(prefix: str, entry: URLPattern) -> str:
    """Return an address that the route takes, with ids that belong to nothing."""
    route = str(entry.pattern)
    if route.startswith("^"):
        by_regex = {
            "set-password": "password/reset/made-up-token/",
            "settings-person-action": "settings/people/987654/invite/",
        }
        return "/" + prefix + by_regex[entry.name or ""]
    for name, converter in entry.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            route = route.replace(written, SAMPLES.get(kind, "sample"))
    return "/" + prefix + route


PAGES = [(path, entry) for path, entry in patterns(get_resolver()) if entry.name not in PUBLIC]


def permission_of(entry: URLPattern) -> str | None:
    """Return the permission the page's guard asks for, "" for any login, None when it wears no guard."""
    return getattr(entry.callback, "page_permission", None)


@pytest.fixture
def people(db: None) -> dict[str, User]:
    """One person per role."""
    return {role: make_user(role, f"Person {role.label}") for role in ROLES}


def test_there_are_pages_and_each_sample_address_leads_to_its_own_page() -> None:
    assert len(PAGES) > 40
    for path, entry in PAGES:
        assert resolve(path).url_name == entry.name, path


def test_every_page_wears_the_guard_or_is_public_with_a_reason() -> None:
    assert [entry.name for _path, entry in PAGES if permission_of(entry) is None] == []


def test_every_permission_asked_for_exists_and_is_explained() -> None:
    asked = {permission_of(entry) or "" for _path, entry in PAGES} - {""}
    assert asked <= set(PERMISSION_LABELS)
    assert frozenset().union(*PERMISSIONS.values()) == set(PERMISSION_LABELS)


def test_a_stranger_is_sent_to_the_login_from_every_page(people: Any, client: Client) -> None:
    for path, _entry in PAGES:
        response = client.get(path)
        assert response.status_code in (302, 405), (path, response.status_code)
        if response.status_code == 302:
            assert response["Location"].startswith("/login/"), path
        if response.status_code == 405:
            posted = client.post(path)
            assert posted.status_code == 302, path
            assert posted["Location"].startswith("/login/"), path


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_what_its_permissions_say(people: dict[str, User], login: Any, role: str) -> None:
    browser = login(people[role])
    for path, entry in PAGES:
        permission = permission_of(entry)
        response = browser.get(path)
        if response.status_code == 405:
            response = browser.post(path)
            if people[role].session_epoch != User.objects.get(pk=people[role].pk).session_epoch:
                people[role].refresh_from_db()
                browser = login(people[role])
        allowed = not permission or permission in PERMISSIONS[role]
        if allowed:
            assert response.status_code in (200, 204, 302, 400, 404, 422), (path, response.status_code)
        else:
            assert response.status_code == 403, (path, response.status_code)


def test_looking_changes_nothing_and_every_page_has_a_strict_policy(
    people: dict[str, User], login: Any
) -> None:
    browser = login(people[Role.ADMIN])
    browser.get("/profile/")
    for path, _entry in PAGES:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = browser.get(path)
        writes = [
            query["sql"][:200]
            for query in queries
            if query["sql"].split(" ", 1)[0].upper() in {"INSERT", "UPDATE", "DELETE", "REPLACE"}
        ]
        assert writes == [], path
        if response.get("Content-Type", "").startswith("text/html") and response.content:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy, path
            assert "unsafe" not in policy, path
            assert response.headers["X-Content-Type-Options"] == "nosniff", path
            assert response.headers["X-Frame-Options"] == "DENY", path


def test_a_post_without_the_token_is_refused_everywhere(people: dict[str, User]) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(people[Role.ADMIN])
    for path, _entry in PAGES:
        assert browser.post(path).status_code in (403, 405), path


def test_errors_are_pages_for_people_and_problems_for_clients(people: dict[str, User], login: Any) -> None:
    browser = login(people[Role.AGENT])
    page = browser.get("/nothing/here/")
    assert page.status_code == 404
    assert "There is nothing at this address" in page.content.decode()
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    problem = browser.get("/api/v1/nothing/")
    assert problem.status_code == 404
    assert problem["Content-Type"] == "application/problem+json"
    refused = browser.get("/settings/people/")
    assert refused.status_code == 403
    assert "settings.manage" in refused.content.decode()


def test_a_failing_page_says_so_without_details(
    people: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(people[Role.ADMIN])
    monkeypatch.setattr("people.pages.settings_people.people_list", lambda _viewer: 1 / 0)
    response = browser.get("/settings/people/")
    assert response.status_code == 500
    assert "Something failed on our side" in response.content.decode()
    assert "ZeroDivisionError" not in response.content.decode()

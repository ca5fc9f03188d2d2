"""Fixtures of the whole suite: people, a customer, an inbox, REST clients, and the pump that delivers events."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from core.delivery import pump as deliver
from core.kept_rows import forget_all
from customers.models import Account, Contact, ContactIdentity
from ml.retrieval import forget_indexes
from people.models import ApiKey, Team, TeamMembership, User
from people.models.api_key import digest_of
from people.roles import Role
from people.viewer import Viewer
from tests.databases import django_db_setup
from tests.ml.fakes import WordEncoder
from tests.network import no_network
from tickets.models import Inbox

__all__ = ["django_db_setup", "no_network"]

# The workers of pytest-xdist are more than the cores: threads of OpenMP that wait for each other by turning burn them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def _plain_settings(settings: Any, tmp_path: Any) -> None:
    """Fast hashes, unhashed static names, files under a folder of the test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **django_settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MODEL_DIR = tmp_path / "models"
    settings.MAIL_DROP_DIR = tmp_path / "mail-drop"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    for folder in (settings.MEDIA_ROOT, settings.MODEL_DIR, settings.MAIL_DROP_DIR):
        folder.mkdir()


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Each test has a database of its own, which rows kept in the process know nothing of."""
    forget_all()
    forget_indexes()


@pytest.fixture(autouse=True)
def _word_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored for searching by meaning comes from words: no test waits for a transformer because of it."""
    monkeypatch.setattr("ml.services.store_vectors.sentence_encoder", WordEncoder)


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nudges go nowhere: tests deliver with ``pump``; delivery never depends on a nudge."""
    monkeypatch.setattr("core.nudge.send", lambda *_args, **_kwargs: None)


def make_user(role: str, name: str, **fields: Any) -> User:
    """Create a member of staff who is available."""
    email = f"{name.split()[0].lower()}.{role}@desk.example"
    return User.objects.create_user(
        email, PASSWORD, name=name, role=role, availability=User.Availability.AVAILABLE, **fields
    )


@pytest.fixture
def admin(db: None) -> User:
    """An administrator."""
    return make_user(Role.ADMIN, "Ada Boss")


@pytest.fixture
def lead_user(db: None) -> User:
    """A lead."""
    return make_user(Role.LEAD, "Lena Vogt")


@pytest.fixture
def team(db: None) -> Team:
    """A team that routing may choose."""
    return Team.objects.create(
        name="Billing", description="Invoices, charges, refunds, payment methods and plans."
    )


@pytest.fixture
def agent(team: Team) -> User:
    """An agent, member of the team."""
    user = make_user(Role.AGENT, "Priya Raman")
    TeamMembership.objects.create(team=team, user=user)
    return user


@pytest.fixture
def csm(db: None) -> User:
    """A customer success manager."""
    return make_user(Role.CSM, "Ines Carvalho")


@pytest.fixture
def analyst(db: None) -> User:
    """An analyst."""
    return make_user(Role.ANALYST, "Noor Haddad")


@pytest.fixture
def viewer(agent: User) -> Viewer:
    """The agent as viewer."""
    return agent.as_viewer()


@pytest.fixture
def account(csm: User) -> Account:
    """A customer with an owner and a renewal."""
    return Account.objects.create(
        name="Halden Logistics",
        domain="halden.example",
        tier=Account.Tier.ENTERPRISE,
        lifecycle=Account.Lifecycle.ADOPTING,
        arr=184000,
        seats=210,
        csm=csm,
        customer_since=timezone.now().date() - timedelta(days=400),
        renewal_on=timezone.now().date() + timedelta(days=48),
        timezone="Europe/Oslo",
    )


@pytest.fixture
def contact(account: Account) -> Contact:
    """A person at the customer."""
    person = Contact.objects.create(account=account, name="Mette Aas", title="IT manager", role="admin")
    ContactIdentity.objects.create(contact=person, kind="email", value="mette@halden.example")
    return person


@pytest.fixture
def inbox(team: Team) -> Inbox:
    """A mailbox."""
    return Inbox.objects.create(
        name="Support", channel="email", address="support@desk.example", from_name="Desk", default_team=team
    )


@pytest.fixture
def api(db: None) -> Callable[..., APIClient]:
    """Return a factory of REST clients: ``api("tickets:read", "tickets:write")``."""

    def client(*scopes: str) -> APIClient:
        secret = ApiKey.new_secret()
        ApiKey.objects.create(name="test", hint=secret[:8], digest=digest_of(secret), scopes=list(scopes))
        rest = APIClient()
        rest.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return rest

    return client


@pytest.fixture
def login() -> Callable[[User], Client]:
    """Return a factory of browsers logged in as somebody."""

    def browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return browser


@pytest.fixture
def pump(db: None) -> Callable[[], int]:
    """Return a function that delivers all events to all subscribers until nothing is left."""

    def run() -> int:
        total = 0
        while delivered := deliver("events") + deliver("ml"):
            total += delivered
        return total

    return run

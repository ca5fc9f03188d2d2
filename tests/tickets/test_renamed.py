"""A person or customer with many tickets is found by the new name on all of them, and the old name goes."""

from collections.abc import Callable

import pytest

from core.job_runner import run_jobs
from core.models import Job, SearchWord
from customers.models import Account, Contact
from customers.services.erase_contact import erase_contact
from customers.services.save_account import update_account
from customers.services.save_contact import update_contact
from people.models import User
from people.viewer import Viewer, system_viewer
from tickets.models import Ticket
from tickets.search import search_tickets
from tickets.services.receive_message import Received

pytestmark = pytest.mark.usefixtures("minds")
BY = system_viewer("test")
Pump = Callable[[], int]
Named = Callable[[str], list[int]]


@pytest.fixture
def many(write: Callable[..., Received], pump: Pump, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Five tickets, of which two are indexed at once and two by each slice of the job."""
    monkeypatch.setattr("tickets.services.index_names.AT_ONCE", 2)
    monkeypatch.setattr("tickets.jobs.index_names.BATCH", 2)
    ids = [write(subject=f"Question {number}").ticket.pk for number in range(5)]
    pump()
    return ids


@pytest.fixture
def named(viewer: Viewer) -> Callable[[str], list[int]]:
    """The tickets that a name finds."""
    return lambda word: sorted(one.row.id for one in search_tickets(viewer, word).tickets)


def test_a_renamed_contact_is_found_on_every_ticket(
    many: list[int], contact: Contact, pump: Pump, named: Named
) -> None:
    update_contact(contact=contact, by=BY, values={"name": "Mette Solberg"})
    pump()
    assert named("Solberg") == many[3:]
    run_jobs("batch")
    assert named("Solberg") == many
    assert Job.objects.get(kind="tickets.index_names").result == {"indexed": 3}


def test_a_second_name_during_the_first_job_wins_everywhere(
    many: list[int], contact: Contact, pump: Pump, named: Named
) -> None:
    for name in ("Mette Solberg", "Mette Lindqvist"):
        update_contact(contact=contact, by=BY, values={"name": name})
        pump()
    assert Job.objects.filter(kind="tickets.index_names").count() == 2
    run_jobs("batch")
    assert (named("Lindqvist"), named("Solberg")) == (many, [])


def test_a_renamed_customer_is_found_on_every_ticket(
    many: list[int], account: Account, pump: Pump, named: Named
) -> None:
    update_account(account=account, by=BY, values={"name": "Nordfjord Freight"})
    pump()
    run_jobs("batch")
    assert named("Nordfjord") == many


def test_an_erased_name_leaves_every_ticket_and_the_words(
    many: list[int], contact: Contact, admin: User, pump: Pump, named: Named
) -> None:
    erase_contact(contact=contact, confirmation=str(contact), by=admin.as_viewer())
    run_jobs("batch")
    pump()
    run_jobs("batch")
    assert named("Mette") == []
    assert not SearchWord.objects.filter(word__startswith="mette").exists()
    assert Ticket.objects.count() == 5

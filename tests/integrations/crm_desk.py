"""One installation beside a CRM: connect, let passes run, send what is due, compare."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.job_runner import run_jobs
from core.models import Job, Outbound
from core.outbox import send_due
from integrations.models import CrmCheck, CrmConnection, CrmLink, CrmRecord
from integrations.services.connect_crm import save_crm_connection
from integrations.services.save_crm_fields import Pair, save_crm_fields
from integrations.services.sync_crm import start_crm_check, start_crm_sync
from people.models import User
from people.viewer import system_viewer
from tests.integrations.crm_fakes import FakeCrm


@dataclass
class Desk:
    """What a test does with a connection."""

    fake: FakeCrm
    admin: User
    pump: Callable[[], int]
    connection: CrmConnection

    def map(self, *pairs: tuple[str, str, str, str]) -> None:
        """Replace the field map: (object, ours, theirs, owner)."""
        save_crm_fields(
            connection=self.connection, pairs=[Pair(*pair) for pair in pairs], by=self.admin.as_viewer()
        )

    def read(self) -> Job:
        """Let one pass run to its end or to where it has to wait."""
        self.pump()
        self.connection.refresh_from_db()
        job = start_crm_sync(connection=self.connection, by=system_viewer())
        run_jobs("batch")
        job.refresh_from_db()
        return job

    def send(self) -> int:
        """Send what is due."""
        return send_due()

    def sync(self) -> None:
        """Read, send."""
        self.read()
        self.send()

    def check(self) -> CrmCheck:
        """Compare both sides."""
        start_crm_check(connection=self.connection, by=system_viewer())
        run_jobs("batch")
        self.connection.refresh_from_db()
        return CrmCheck.objects.filter(connection=self.connection).latest("pk")

    def go_on(self) -> None:
        """Let time pass: whatever waits for a moment is due now."""
        CrmConnection.objects.update(paused_until=None)
        Job.objects.update(not_before=None)
        Outbound.objects.filter(state=Outbound.State.PENDING).update(not_before="2020-01-01T00:00:00Z")
        self.connection.refresh_from_db()

    def link(self, remote_id: str) -> CrmLink:
        """The link of a record of theirs."""
        return CrmLink.objects.get(connection=self.connection, remote_id=remote_id)

    def record(self, remote_id: str) -> CrmRecord:
        """The stored record."""
        return CrmRecord.objects.get(connection=self.connection, remote_id=remote_id)


def connect(fake: FakeCrm, admin: User, pump: Callable[[], int], system: str, **values: Any) -> Desk:
    """Connect with a fake."""
    credentials = values.pop("credentials", None) or (
        {"access_token": "good-token"}
        if system == "hubspot"
        else {"client_id": "id", "client_secret": "secret"}
    )
    connection = save_crm_connection(
        system=system,
        name=values.pop("name", system.title()),
        base_url=fake.url,
        credentials=credentials,
        by=admin.as_viewer(),
        **{"creates_missing": True, **values},
    )
    return Desk(fake, admin, pump, connection)

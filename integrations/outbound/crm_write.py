"""Writes fields that hold here to a CRM."""

from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext_noop

from core.models import Outbound
from core.outbox import PermanentFailure, Postponed, Sender, TemporaryFailure, Withheld
from integrations.crm.contract import CrmFailure, CursorLost, OutOfQuota, SignInRefused, Unreachable
from integrations.models import CrmConnection
from integrations.services.push_to_crm import CRM_WRITE_KIND, read_batch, write_batch

# While a person has to enter new credentials, batches look again now and then.
LOOK_AGAIN = timedelta(minutes=10)


class CrmWriteSender(Sender):
    """Sends one batch. Values are decided when it leaves; records that the CRM refuses are shown on the connection's page."""

    key = CRM_WRITE_KIND
    label: ClassVar[str] = gettext_noop("Fields for a CRM")

    def prepare(self, outbound: Outbound) -> Any:
        """Read the records there and return what is to be written."""
        connection = CrmConnection.objects.filter(pk=outbound.payload["connection"]).first()
        if connection is None or not connection.is_on:
            raise Withheld("the CRM was disconnected or switched off")
        versions = {int(pk): int(version) for pk, version in outbound.payload["links"]}
        try:
            return read_batch(connection=connection, kind=outbound.payload["object"], versions=versions)
        except OutOfQuota as error:
            raise Postponed(error.until, str(error)) from error
        except SignInRefused as error:
            raise Postponed(timezone.now() + LOOK_AGAIN, str(error)) from error
        except CrmFailure as error:
            raise _as_failure(error) from error

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Write the batch."""
        try:
            refused = write_batch(batch=prepared)
        except OutOfQuota as error:
            raise TemporaryFailure(str(error), retry_at=error.until) from error
        except CrmFailure as error:
            raise _as_failure(error) from error
        return f"{len(prepared.rows) - refused} of {len(prepared.rows)}"

    def arrived(self, outbound: Outbound) -> bool | None:
        """Sent again rather than asked about: it reads first, and writes only what is not there."""
        return False


def _as_failure(error: CrmFailure) -> Exception:
    if isinstance(error, Unreachable | SignInRefused | CursorLost):
        return TemporaryFailure(str(error))
    return PermanentFailure(str(error))

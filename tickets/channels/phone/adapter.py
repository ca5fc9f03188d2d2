"""The telephone as a channel: calls come in as news, what was missed becomes a ticket. Answers leave by other ways."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets import provider_http
from tickets.channel import (
    Arrival,
    Capabilities,
    Channel,
    Connection,
    HookAnswer,
    HookRequest,
    RemoteFile,
    Trial,
)
from tickets.channels.phone import cti, twilio_calls
from tickets.channels.phone.settings import PhoneForm
from tickets.incoming import IncomingFile
from tickets.twilio import LARGEST_FILE, clean_sid, fetch_media, try_account, verify_signature

SHORTEST_SECRET = 20


class PhoneChannel(Channel):
    """Calls."""

    key = "phone"
    label = gettext_lazy("Phone")
    icon = "phone"
    order = 60
    lead = gettext_lazy(
        "Calls that a telephone system tells of: screen pop, call log, missed calls as tickets."
    )
    capabilities: ClassVar[Capabilities] = Capabilities(
        longest_text=0,
        files=False,
        threading=gettext_lazy("Missed calls and messages of one number are one ticket, until that is over."),
    )
    settings = PhoneForm
    secrets = ("auth_token", "signing_secret")
    is_hooked = True
    documented_at = "https://www.twilio.com/docs/voice/twiml"
    guide = gettext_lazy("The page docs/channels/phone.md says step by step what to enter where.")

    def clean_settings(self, config: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """Each system needs its own proof of who calls us."""
        if config["system"] == "cti":
            if len(secrets.get("signing_secret", "")) < SHORTEST_SECRET:
                raise ValidationError(
                    {"signing_secret": _("At least %d characters are needed.") % SHORTEST_SECRET}
                )
            return config
        if not config.get("account_sid"):
            raise ValidationError({"account_sid": _("This is required.")})
        clean_sid("account_sid", str(config["account_sid"]), "AC")
        if not secrets.get("auth_token"):
            raise ValidationError({"auth_token": _("This is required.")})
        return config

    def try_connection(self, connection: Connection) -> Trial:
        """Ask Twilio for the account; another system cannot be asked."""
        if _is_twilio(connection):
            return Trial(*try_account(connection))
        return Trial(True, _("Ready. Another system cannot be asked: make a call, it appears under “Calls”."))

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """Check the signature of the system."""
        if _is_twilio(connection):
            verify_signature(connection, request)
        else:
            cti.verify_call(connection, request)

    def acknowledgement(self, connection: Connection, request: HookRequest) -> HookAnswer:
        """Tell Twilio what a call is to do."""
        if _is_twilio(connection):
            return HookAnswer(twilio_calls.instructions(connection, request), "text/xml")
        return HookAnswer()

    def delivery_id(self, request: HookRequest) -> str:
        """Standard Webhooks name each call; Twilio's are named by their step."""
        return request.headers.get("webhook-id", "") or twilio_calls.delivery_id(request)

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """Return the news of a call."""
        return twilio_calls.read_call(payload) if _is_twilio(connection) else cti.read_call(payload)

    def fetch_file(self, connection: Connection, file: RemoteFile) -> IncomingFile:
        """Fetch a recording."""
        if _is_twilio(connection):
            return fetch_media(connection, file)
        answer = provider_http.fetch(file.reference, most_bytes=LARGEST_FILE)
        kind = answer.headers.get("content-type", "").partition(";")[0].strip() or file.content_type
        return IncomingFile(file.name, answer.body, kind)


def _is_twilio(connection: Connection) -> bool:
    return connection.config.get("system") == "twilio"

"""Text messages through Twilio: signed calls, pictures, delivery states, the words by which people stop messages.

https://www.twilio.com/docs/messaging/guides/webhook-request has the fields of a message, https://www.twilio.com/docs/messaging/api/message-resource
sending, https://www.twilio.com/docs/messaging/guides/track-outbound-message-status the states.
"""

import mimetypes
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.identities import Identity
from customers.models import ConsentEvent
from customers.phone_numbers import e164
from tickets.channel import (
    Arrival,
    Capabilities,
    Channel,
    Connection,
    ConsentArrival,
    DeliveryArrival,
    HookAnswer,
    HookRequest,
    MessageArrival,
    OutgoingMessage,
    RemoteFile,
    Trial,
    Unreadable,
)
from tickets.channels.sms.settings import SmsForm
from tickets.incoming import IncomingFile
from tickets.twilio import ask_twilio, clean_sid, fetch_media, fields_of, try_account, verify_signature

# The words that Twilio itself obeys: it blocks the number whatever we do.
STOP_WORDS = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"})
START_WORDS = frozenset({"start", "unstop"})
# Counts after a stop; else it answers somebody's question.
YES = "yes"
_STATES = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "undelivered": "failed",
    "failed": "failed",
    "canceled": "failed",
}
MOST_MEDIA = 10


class SmsChannel(Channel):
    """Text messages to a number of ours."""

    key = "sms"
    label = gettext_lazy("SMS")
    icon = "device-mobile"
    order = 45
    lead = gettext_lazy("Text messages to a number at Twilio.")
    capabilities: ClassVar[Capabilities] = Capabilities(
        longest_text=1_600,
        # Twilio fetches pictures from a public address; files of tickets have none.
        files=False,
        states=frozenset({"sent", "delivered", "failed"}),
        threading=gettext_lazy("What one number writes is one ticket, until that is over."),
        starts=True,
    )
    settings = SmsForm
    secrets = ("auth_token",)
    is_hooked = True
    answers = True
    consent_channel = "sms"
    documented_at = "https://www.twilio.com/docs/messaging/guides/webhook-request"
    guide = gettext_lazy(
        "In Twilio's console, enter the address of this inbox at the number under “A message comes in”, as webhook with POST."
    )

    def clean_settings(self, config: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """Store the number in its one form; either it or a messaging service is needed."""
        typed = str(config.get("number") or "")
        number = e164(typed) if typed else ""
        if typed and not number:
            raise ValidationError(
                {"number": _("This is no telephone number. Begin it with + and the country code.")}
            )
        service = clean_sid("messaging_service_sid", str(config.get("messaging_service_sid") or ""), "MG")
        if not number and not service:
            raise ValidationError({"number": _("Enter a number, or a messaging service.")})
        return config | {"number": number, "messaging_service_sid": service}

    def try_connection(self, connection: Connection) -> Trial:
        """Ask for the account and its number."""
        return Trial(*try_account(connection, connection.config.get("number", "")))

    def verify(self, connection: Connection, request: HookRequest) -> None:
        """Check Twilio's signature."""
        verify_signature(connection, request)

    def acknowledgement(self, connection: Connection, request: HookRequest) -> HookAnswer:
        """Say nothing back to the customer."""
        return HookAnswer("<Response/>", "text/xml")

    def delivery_id(self, request: HookRequest) -> str:
        """A message has one id, and so has each state of an answer."""
        told = fields_of(request)
        sid = told.get("MessageSid", "")
        return f"{sid}:{told.get('MessageStatus', '')}" if sid else ""

    def read(self, connection: Connection, payload: HookRequest) -> Sequence[Arrival]:
        """Return a message, a word of consent, or what became of an answer."""
        told = fields_of(payload)
        sid = told.get("MessageSid", "")
        if not sid:
            raise Unreadable("MessageSid is missing")
        at = payload.received_at or timezone.now()
        if "MessageStatus" in told:
            state = _STATES.get(told["MessageStatus"])
            return [DeliveryArrival(sid, state, at, _error_words(told))] if state else []
        if not told.get("From"):
            raise Unreadable("From is missing")
        return list(_incoming(told, sid, at))

    def fetch_file(self, connection: Connection, file: RemoteFile) -> IncomingFile:
        """Fetch a picture from Twilio."""
        return fetch_media(connection, file)

    def send(self, connection: Connection, message: OutgoingMessage) -> str:
        """Send a text; the state of its delivery comes to the address of this inbox."""
        fields = {"To": message.thread_key, "Body": message.text, "StatusCallback": connection.hook_url}
        service = connection.config.get("messaging_service_sid")
        # From the number that the customer wrote to, where an account has several.
        own = message.thread_data.get("to") or connection.config.get("number", "")
        fields |= {"MessagingServiceSid": service} if service else {"From": own}
        return str(ask_twilio(connection, "/Messages.json", fields).get("sid", ""))


def _incoming(told: Mapping[str, str], sid: str, at: datetime) -> Sequence[Arrival]:
    number = e164(told["From"])
    # Short codes and names of companies are no numbers of people.
    sender = Identity("phone", number) if number else Identity("handle", f"sms:{told['From']}")
    thread_key = number or told["From"]
    text = told.get("Body", "")
    status = _consent(text, told.get("OptOutType", ""))
    arrivals: list[Arrival] = []
    if not status or text.strip().lower() == YES:
        arrivals.append(
            MessageArrival(
                thread_key=thread_key,
                message_id=sid,
                sender=sender,
                text=text,
                occurred_at=at,
                files=_media(told),
                thread_data={"to": e164(told.get("To", ""))},
            )
        )
    if status:
        arrivals.append(ConsentArrival(thread_key, sid, sender, status, text.strip(), at))
    return arrivals


def _consent(text: str, told_by_twilio: str) -> str:
    """Return what a message of a single word says about consent, empty when it is an ordinary message."""
    word = text.strip().rstrip(".!").lower()
    if told_by_twilio == "STOP" or word in STOP_WORDS:
        return str(ConsentEvent.Status.WITHDRAWN)
    if told_by_twilio == "START" or word in START_WORDS or word == YES:
        return str(ConsentEvent.Status.GRANTED)
    return ""


def _media(told: Mapping[str, str]) -> list[RemoteFile]:
    count = told.get("NumMedia", "0")
    files = []
    for index in range(min(int(count), MOST_MEDIA) if count.isdecimal() else 0):
        url, kind = told.get(f"MediaUrl{index}"), told.get(f"MediaContentType{index}", "")
        if url:
            ending = mimetypes.guess_extension(kind.partition(";")[0].strip()) or ""
            files.append(RemoteFile(url, f"media-{index + 1}{ending}", kind or "application/octet-stream"))
    return files


def _error_words(told: Mapping[str, str]) -> str:
    """Twilio names an error by a number; the numbers are explained in its documentation."""
    code = told.get("ErrorCode", "")
    known = {
        "30003": _("The handset cannot be reached."),
        "30004": _("The number or its network blocks our messages."),
        "30005": _("The number does not exist."),
        "30006": _("The number cannot take text messages."),
        "30007": _("The network took it for spam."),
        "21610": _("The customer has stopped messages."),
    }
    words = known.get(code, told.get("ErrorMessage", ""))
    return " ".join(part for part in (words, f"({code})" if code else "") if part)

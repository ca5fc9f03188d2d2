"""Whether a person wrote a mail. Automatic mail is never answered automatically; a bounce is no message at all.

Pure functions over ``ParsedMail``; the rules are RFC 3834, RFC 3464 and what loops in the field have taught.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tickets.channels.email.parsing import ParsedMail

_BULK_PRECEDENCE = frozenset(("bulk", "list", "junk", "auto_reply"))
_LIST_HEADERS = ("list-id", "list-unsubscribe", "list-post", "list-help")
_BOUNCE_LOCAL_PARTS = frozenset(("mailer-daemon", "postmaster", "mail-daemon", "maildaemon"))
_BOUNCE_SUBJECT = re.compile(
    r"(undeliver|delivery (status notification|failure|has failed)|returned mail|mail delivery (failed|system)"
    r"|failure notice|unzustellbar|nicht zugestellt|non remis|no se (ha podido|pudo) entregar)",
    re.IGNORECASE,
)
_ORIGINAL_ID_IN_TEXT = re.compile(
    r"^[> \t]*message-id:[ \t]*(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE
)
_AUTOMATIC_REPLY_SUBJECT = re.compile(
    r"^\s*(auto(mati\w*)?[- ]?(reply|response|antwort)|out of (the )?office|abwesenheit|r[eé]ponse automatique"
    r"|respuesta autom[aá]tica|risposta automatica|automatisch antwoord)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class MailKind:
    """What a mail is: ``person``, ``bounce``, ``auto_reply``, ``automatic`` or ``spam``; and why.

    ``reasons`` are the markers that decided, in stable words. ``automatic`` mail (alerts, newsletters, lists) may
    open a ticket but must never trigger an automatic answer; neither must ``auto_reply`` and ``bounce``.
    """

    kind: str
    reasons: tuple[str, ...]

    @property
    def may_be_answered(self) -> bool:
        """Whether an acknowledgement or any other automatic mail may go back to the sender."""
        return self.kind == "person"


@dataclass(frozen=True, slots=True)
class BounceReport:
    """A failed or delayed delivery: ids of the mails it may be about, and what went wrong.

    ``permanent`` is True for a 5.x.x status or a ``failed`` action, False for a delay.
    """

    original_message_ids: tuple[str, ...]
    recipients: tuple[str, ...]
    status: str
    diagnostic: str
    permanent: bool


def classify_mail(mail: ParsedMail, own_addresses: Collection[str] = ()) -> MailKind:
    """Decide the kind of a mail. ``own_addresses`` are the addresses of our inboxes in lower case: what comes from
    one of them (a form on the company's site, a copy of our own mail) must not be answered."""
    markers = _automatic_markers(mail)
    sender = mail.sender.address.lower() if mail.sender else ""
    if sender and sender in own_addresses:
        markers.append("from_own_address")
    if _is_bounce(mail, markers):
        return MailKind("bounce", tuple(markers))
    if _upstream_calls_spam(mail):
        return MailKind("spam", ("upstream_filter",))
    if _is_automatic_reply(mail, markers):
        return MailKind("auto_reply", tuple(markers))
    return MailKind("automatic" if markers else "person", tuple(markers))


def _automatic_markers(mail: ParsedMail) -> list[str]:
    """The markers of automatic mail. Outlook writes X-Auto-Response-Suppress into what people send, so that
    header counts only beside another marker."""
    signals = mail.signals
    markers: list[str] = []
    submitted = _first_word(signals.get("auto-submitted", ()))
    if submitted and submitted != "no":
        markers.append("auto_submitted")
    if any(value.strip() == "<>" for value in signals.get("return-path", ())):
        markers.append("null_return_path")
    if mail.content_type == "multipart/report":
        markers.append("report")
    for header in ("x-autoreply", "x-autorespond", "x-loop"):
        values = signals.get(header, ())
        if any(value.strip().lower() not in ("", "no", "false") for value in values):
            markers.append(header.replace("-", "_"))
    if _first_word(signals.get("precedence", ())) in _BULK_PRECEDENCE:
        markers.append("precedence")
    if any(header in signals for header in _LIST_HEADERS):
        markers.append("list")
    suppress = {
        word.strip().lower()
        for value in signals.get("x-auto-response-suppress", ())
        for word in value.split(",")
    }
    if markers and suppress & {"all", "autoreply"}:
        markers.append("x_auto_response_suppress")
    return markers


def _first_word(values: tuple[str, ...]) -> str:
    words = values[0].replace(";", " ").split() if values else []
    return words[0].lower() if words else ""


def _is_bounce(mail: ParsedMail, markers: list[str]) -> bool:
    if mail.content_type == "multipart/report" and mail.report_type in ("delivery-status", ""):
        return True
    if mail.delivery_reports or "x-failed-recipients" in mail.signals:
        return True
    local = mail.sender.address.partition("@")[0].lower() if mail.sender else ""
    from_system = local in _BOUNCE_LOCAL_PARTS or mail.sender is None
    return (from_system and "null_return_path" in markers) or (
        local in _BOUNCE_LOCAL_PARTS and _BOUNCE_SUBJECT.search(mail.subject) is not None
    )


def _is_automatic_reply(mail: ParsedMail, markers: list[str]) -> bool:
    """An answer that a machine gave to a mail: told apart from alerts, which are worth a ticket."""
    submitted = _first_word(mail.signals.get("auto-submitted", ()))
    if submitted == "auto-replied" or {"x_autoreply", "x_autorespond"} & set(markers):
        return True
    if _first_word(mail.signals.get("precedence", ())) == "auto_reply":
        return True
    answers = bool(mail.in_reply_to or mail.references) or "null_return_path" in markers
    return bool(markers) and answers and _AUTOMATIC_REPLY_SUBJECT.match(mail.subject) is not None


def _upstream_calls_spam(mail: ParsedMail) -> bool:
    """The verdict of a filter in front of us. A sender who forges it can only send himself away."""
    return _first_word(mail.signals.get("x-spam-flag", ())) == "yes" or _first_word(
        tuple(value.replace(",", " ") for value in mail.signals.get("x-spam-status", ()))
    ) in ("yes",)


def read_bounce(mail: ParsedMail) -> BounceReport:
    """What a bounce says. For reports that follow no standard the returned mail is looked for in the text."""
    failed = [one for one in mail.delivery_reports if one.action in ("failed", "")] or list(
        mail.delivery_reports
    )
    status = failed[0].status if failed else ""
    delayed = bool(failed) and all(
        one.action in ("delayed", "relayed", "delivered", "expanded") for one in failed
    )
    in_text = _ORIGINAL_ID_IN_TEXT.findall(mail.text[:200_000])[:5]
    ids = [*mail.bounced_message_ids, *in_text, *mail.in_reply_to, *mail.references[-1:]]
    return BounceReport(
        original_message_ids=tuple(dict.fromkeys(ids)),
        recipients=tuple(dict.fromkeys(one.recipient for one in failed if one.recipient)),
        status=status,
        diagnostic=next((one.diagnostic for one in failed if one.diagnostic), ""),
        permanent=not delayed and not status.startswith("4"),
    )

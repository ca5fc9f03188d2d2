"""What is kept of a mail besides its text, as ``Message.facts``, and what a page shows of it.

Keys, each absent when there is nothing to tell: ``sent_at`` (ISO 8601, by the sender's clock), ``authentication`` (server, spf,
dkim, dmarc, verdict), ``invitations`` (fields of ``Invitation``), ``forwarded_by`` (user, name, address).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from tickets.channels.email.authentication import trusted_result
from tickets.channels.email.parsing import ParsedMail
from tickets.models import Inbox


def facts_of(mail: ParsedMail, inbox: Inbox) -> dict[str, Any]:
    """The facts of a mail that came into ``inbox``; without the forwarder, whom only the directory of staff tells."""
    facts: dict[str, Any] = {}
    if mail.sent_at:
        facts["sent_at"] = mail.sent_at
    result = trusted_result(mail.authentication, str(inbox.config.get("authserv_id", "")))
    if result is not None:
        said = {name: getattr(result, name) for name in ("server", "spf", "dkim", "dmarc")}
        verdict = result.verdict_on(mail.sender.address if mail.sender else "")
        facts["authentication"] = {**said, "verdict": verdict}
    if mail.invitations:
        facts["invitations"] = [asdict(one) for one in mail.invitations]
    return facts


@dataclass(frozen=True)
class InvitationCard:
    """An invitation in words, in the reader's time zone and language."""

    heading: str
    title: str
    when: str
    place: str
    organiser: str
    attendees: int


def invitation_cards(facts: Mapping[str, Any]) -> Sequence[InvitationCard]:
    """The cards of a message."""
    return [_card(one) for one in facts.get("invitations") or ()]


def authentication_words(facts: Mapping[str, Any]) -> str:
    """What the receiving server found about the sender, in one line; "not checked" when none that we trust said anything."""
    found = facts.get("authentication")
    if not found:
        return _("Sender not checked")
    said = [f"{name.upper()} {found[name]}" for name in ("spf", "dkim", "dmarc") if found.get(name)]
    return f"{found.get('server', '')}: {', '.join(said) or _('nothing')}"


def is_doubtful(facts: Mapping[str, Any]) -> bool:
    """Whether the receiving server says that the mail is not from whom it claims."""
    return bool((facts.get("authentication") or {}).get("verdict") == "fail")


def is_proven(facts: Mapping[str, Any]) -> bool:
    """Whether the receiving server, one that the inbox names, found that the mail is from whom it claims."""
    return bool((facts.get("authentication") or {}).get("verdict") == "pass")


def _card(one: Mapping[str, Any]) -> InvitationCard:
    headings = {"CANCEL": _("Cancelled"), "REPLY": _("Answer to an invitation"), "PUBLISH": _("Event")}
    answers = {"ACCEPTED": _("Accepted"), "DECLINED": _("Declined"), "TENTATIVE": _("Accepted tentatively")}
    heading = answers.get(str(one.get("answer", ""))) or headings.get(
        str(one.get("method", "")), _("Invitation")
    )
    when = _span(str(one.get("starts", "")), str(one.get("ends", "")))
    organiser = " ".join(
        filter(
            None,
            (one.get("organiser"), f"<{one['organiser_address']}>" if one.get("organiser_address") else ""),
        )
    )
    return InvitationCard(
        heading=heading,
        title=str(one.get("title") or _("Without a title")),
        when=f"{when} · {_('repeats')}" if one.get("repeats") else when,
        place=str(one.get("place", "")),
        organiser=organiser,
        attendees=int(one.get("attendees") or 0),
    )


def _span(starts: str, ends: str) -> str:
    if "T" not in starts:
        return date_format(date.fromisoformat(starts), "DATE_FORMAT")
    first = _local(starts)
    words = date_format(first, "DATETIME_FORMAT")
    if "T" not in ends:
        return words
    last = _local(ends)
    return (
        f"{words} – {date_format(last, 'TIME_FORMAT' if last.date() == first.date() else 'DATETIME_FORMAT')}"
    )


def _local(moment: str) -> datetime:
    found = datetime.fromisoformat(moment)
    return timezone.localtime(found) if found.tzinfo is not None else found

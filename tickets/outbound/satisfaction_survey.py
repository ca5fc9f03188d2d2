"""Sends the question after a solution: asks again whether it may leave, then hands the mail over as answers are."""

from typing import Any, ClassVar

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Outbound
from core.outbox import PermanentFailure, Sender, Withheld
from people.viewer import system_viewer
from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.outgoing import OutgoingMail, build_mail
from tickets.channels.email.services.send_mail import ReadyMail, hand_over, has_arrived, make_ready
from tickets.channels.email.thread_tokens import reply_address
from tickets.events import SURVEY_SENT
from tickets.models import SatisfactionSurvey, Ticket
from tickets.outbound.email_answer import sender_of
from tickets.satisfaction import SCALE, SatisfactionRules, current_rules, feedback_url, token_of
from tickets.services.plan_survey import asked_lately, why_not

_OUTCOMES = {
    Outbound.State.SENT: SatisfactionSurvey.State.SENT,
    # It may have left, and who got it may answer.
    Outbound.State.UNCERTAIN: SatisfactionSurvey.State.SENT,
    Outbound.State.CANCELLED: SatisfactionSurvey.State.WITHHELD,
    Outbound.State.FAILED: SatisfactionSurvey.State.FAILED,
}


class SatisfactionSurveySender(Sender):
    """Delivers the survey ``payload["survey"]``."""

    key = "tickets.satisfaction_survey"
    label: ClassVar[str | Promise] = gettext_lazy("Satisfaction survey")

    def prepare(self, outbound: Outbound) -> ReadyMail:
        """Build the mail, unless something has happened since that speaks against asking."""
        survey = _survey(outbound)
        if survey is None or survey.state != SatisfactionSurvey.State.PLANNED:
            raise Withheld(_("the survey is no longer planned"))
        rules, now = current_rules(), timezone.now()
        refused = why_not(survey.episode, rules, now)
        if not refused and asked_lately(survey.contact_id, rules, now, but=survey):
            refused = _("the contact was asked lately")
        if refused:
            raise Withheld(refused)
        try:
            mail = _mail(survey, rules)
        except ValueError as error:
            raise PermanentFailure(str(error)) from error
        return make_ready(outbound, mail, inbox=survey.ticket.inbox)

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to the mail server in the same way as an agent's answer."""
        return hand_over(outbound, prepared)

    def arrived(self, outbound: Outbound) -> bool | None:
        """Whether the mail is in the file outbox, where it has gone there."""
        survey = _survey(outbound)
        return None if survey is None else has_arrived(_message_id(survey), inbox=survey.ticket.inbox)

    def settled(self, outbound: Outbound) -> None:
        """Write the outcome on the survey."""
        survey = _survey(outbound)
        if survey is None or survey.state != SatisfactionSurvey.State.PLANNED:
            return
        survey.state = _OUTCOMES[Outbound.State(outbound.state)]
        survey.reason = outbound.last_error[:200]
        left = survey.state == SatisfactionSurvey.State.SENT
        survey.sent_at = timezone.now() if left else None
        survey.save(update_fields=["state", "reason", "sent_at"])
        if left:
            SURVEY_SENT.record(
                by=system_viewer("outbox"),
                subject_id=survey.ticket_id,
                ticket_id=survey.ticket_id,
                account_id=survey.ticket.account_id,
                detail={"survey": survey.pk, "episode": survey.episode_id, "contact": survey.contact_id},
            )


def _survey(outbound: Outbound) -> SatisfactionSurvey | None:
    rows = SatisfactionSurvey.objects.select_related(
        "contact", "episode__ticket__contact", "episode__ticket__account", "ticket__inbox"
    )
    return rows.filter(pk=outbound.payload["survey"]).first()


def _mail(survey: SatisfactionSurvey, rules: SatisfactionRules) -> EmailMessage:
    """The mail in plain text and HTML. Raises ValueError when a name or address would break a header."""
    ticket: Ticket = survey.ticket
    sender = sender_of(ticket.inbox)
    inbox = ticket.inbox
    tagged = inbox is not None and inbox.address.lower() == sender.address.lower()
    context = {
        "question": rules.asked(),
        "subject": ticket.subject,
        "name": survey.contact.name,
        "sender": sender.name,
        "faces": [
            {"word": word, "face": face, "url": feedback_url(survey, score)}
            for score, word, _icon, face in reversed(SCALE)
        ],
    }
    mail = build_mail(
        OutgoingMail(
            message_id=_message_id(survey),
            sender=sender,
            to=[MailAddress(survey.contact.name, survey.contact.email)],
            subject=f"{rules.asked()} ({ticket.subject})"[:200],
            text=render_to_string("tickets/mail/satisfaction.txt", context),
            sent_at=timezone.now(),
            reply_to=reply_address(sender.address, ticket.reference) if tagged else "",
            automatic="auto-generated",
        )
    )
    # In place of the twin of the text: faces to click.
    mail.alternatives = []
    mail.attach_alternative(render_to_string("tickets/mail/satisfaction.html", context), "text/html")
    return mail


def _message_id(survey: SatisfactionSurvey) -> str:
    """The one Message-ID that the survey ever has: a repeat after a crash is recognised as the same mail."""
    domain = sender_of(survey.ticket.inbox).address.rpartition("@")[2]
    tail = "".join(one for one in token_of(survey).rpartition(".")[2].lower() if one.isalnum())[:16]
    return f"<csops.survey.{survey.pk}.{tail}@{domain}>"

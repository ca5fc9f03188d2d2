"""Sends the mail that asks whether who sent a form has the address. The link is made when the mail leaves: no token is stored.

Neither words of the sender nor anything of the submission is in it, so that nobody can have us write to others for him.
"""

from typing import Any, ClassVar

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Outbound
from core.outbox import PermanentFailure, Sender, Withheld
from tickets.channels.email.header_values import MailAddress
from tickets.channels.email.outgoing import OutgoingMail, build_mail
from tickets.channels.email.services.send_mail import hand_over, make_ready
from tickets.channels.web.form import WebForm, web_form
from tickets.channels.web.form_tokens import link_token
from tickets.models import FormSubmission
from tickets.outbound.email_answer import sender_of


class FormConfirmationSender(Sender):
    """Delivers the confirmation of ``payload["submission"]``."""

    key = "tickets.form_confirmation"
    label: ClassVar[str | Promise] = gettext_lazy("Confirmation of a web form")

    def prepare(self, outbound: Outbound) -> Any:
        """Build the mail; nothing leaves when the submission waits no more."""
        submission = _submission(outbound)
        if submission is None or submission.state != FormSubmission.State.WAITING:
            raise Withheld(_("the form does not wait for a confirmation any more"))
        if submission.expires_at <= timezone.now() or not submission.values:
            raise Withheld(_("the time to confirm is over"))
        form = web_form(submission.inbox)
        try:
            with translation.override(form.language):
                mail = _mail(submission, form)
        except ValueError as error:
            raise PermanentFailure(str(error)) from error
        return make_ready(outbound, mail, inbox=form.inbox)

    def send(self, outbound: Outbound, prepared: Any) -> str:
        """Hand the mail to the mail server in the same way as an agent's answer."""
        return hand_over(outbound, prepared)

    def arrived(self, outbound: Outbound) -> bool | None:
        """After a crash it is sent again: a second link does no harm, none would lose the message."""
        return False

    def settled(self, outbound: Outbound) -> None:
        """Show beside the submission why its mail did not leave."""
        if outbound.state == Outbound.State.FAILED:
            FormSubmission.objects.filter(pk=outbound.payload["submission"]).update(
                error=outbound.last_error[:500]
            )


def confirmation_url(submission: FormSubmission) -> str:
    """Return the address of the link."""
    path = reverse("web-form-confirm", args=[submission.inbox.hook_key, link_token(submission)])
    return f"{str(settings.SITE_URL).rstrip('/')}{path}"


def _submission(outbound: Outbound) -> FormSubmission | None:
    rows = FormSubmission.objects.select_related("inbox")
    return rows.filter(pk=outbound.payload["submission"]).first()


def _mail(submission: FormSubmission, form: WebForm) -> Any:
    sender = sender_of(form.inbox)
    domain = sender.address.rpartition("@")[2]
    context = {
        "form": form,
        "language": form.language,
        "url": confirmation_url(submission),
        "until": date_format(timezone.localtime(submission.expires_at), "DATE_FORMAT"),
    }
    return build_mail(
        OutgoingMail(
            message_id=f"<csops.form.{submission.pk}.{submission.mails}@{domain}>",
            sender=sender,
            to=[MailAddress("", submission.values["email"])],
            subject=_("Please confirm your message to %s") % form.company,
            text=render_to_string("tickets/mail/form_confirmation.txt", context),
            html=render_to_string("tickets/mail/form_confirmation.html", context),
            sent_at=timezone.now(),
            automatic="auto-generated",
        )
    )

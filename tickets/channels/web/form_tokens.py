"""What a form carries instead of a cookie: when it was drawn, and for which inbox, signed."""

from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.utils import timezone
from django.utils.translation import gettext as _

from tickets.models import FormSubmission, Inbox

SHORTEST_SECONDS = 2.0
LONGEST_SECONDS = 86_400.0
_FORM = "tickets.web_form"
_LINK = "tickets.web_form.confirm"


def form_token(inbox: Inbox) -> str:
    """Return the token of a form that is drawn now."""
    moment = int(timezone.now().timestamp() * 1000)
    return Signer(salt=_FORM, sep=".").sign(f"{inbox.hook_key}.{moment}")


def check_form_token(token: object, inbox: Inbox) -> None:
    """Raise ValidationError({"token": …}) unless the form was drawn for this inbox, and neither just now nor over a day ago."""
    again = ValidationError(
        {"token": _("This page was open for too long, or is not from here. Please send it again.")}
    )
    if not isinstance(token, str) or len(token) > 200:
        raise again
    try:
        key, _sep, moment = Signer(salt=_FORM, sep=".").unsign(token).rpartition(".")
    except BadSignature:
        raise again from None
    if key != str(inbox.hook_key) or not moment.isdecimal():
        raise again
    age = timezone.now().timestamp() - int(moment) / 1000
    if age > LONGEST_SECONDS:
        raise again
    if age < SHORTEST_SECONDS:
        raise ValidationError({"token": _("That was very fast for a person. Please send it again.")})


def link_token(submission: FormSubmission) -> str:
    """Return the token of the link that confirms an address, in letters that survive every mail program."""
    return Signer(salt=_LINK, sep=".").sign(submission.nonce)


def submission_of(token: str) -> FormSubmission | None:
    """Return the submission of a link, None for anything that we did not sign."""
    try:
        nonce = Signer(salt=_LINK, sep=".").unsign(token)
    except BadSignature:
        return None
    return FormSubmission.objects.select_related("inbox__default_team").filter(nonce=nonce).first()

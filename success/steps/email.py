"""E-mail: plan an outreach mail to one contact of the account. Whether it leaves is decided by the gate at that moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Account, Contact
from people.viewer import system_viewer
from success.models import Enrolment
from success.registry import PlaybookStep, StepOutcome
from success.services.plan_outreach import plan_outreach
from success.topics import TOPICS
from success.variables import NAMES, check_variables

ROLES = Contact._meta.get_field("role").choices or []


class EmailForm(forms.Form):
    """Whom to write, and what."""

    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Write to the first of"),
        choices=ROLES,
        widget=forms.CheckboxSelectMultiple,
        initial=["champion", "admin", "sponsor"],
        help_text=gettext_lazy(
            "In the order of the list: the first contact with one of these roles who has not left."
        ),
    )
    topic = forms.ChoiceField(
        label=gettext_lazy("Topic"),
        choices=TOPICS,
        initial="success",
        help_text=gettext_lazy("The contact must have agreed to mails on it."),
    )
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=150, validators=[check_variables])
    body = forms.CharField(
        label=gettext_lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 9}),
        max_length=8000,
        validators=[check_variables],
        help_text=gettext_lazy("Variables: %(names)s. The link to unsubscribe is added.")
        % {"names": " ".join("{{" + name + "}}" for name in NAMES)},
    )
    expires_days = forms.IntegerField(
        label=gettext_lazy("Give up after (days)"),
        min_value=1,
        max_value=30,
        initial=7,
        help_text=gettext_lazy("A mail that the gate holds back for longer is not sent any more."),
    )


class Email(PlaybookStep):
    """Writes to one contact."""

    key = "email"
    label = gettext_lazy("Send an e-mail")
    icon = "mail"
    form = EmailForm

    def run(self, enrolment: Enrolment, config: Mapping[str, Any], index: int, now: datetime) -> StepOutcome:
        """Plan the mail, or say that nobody can be written to."""
        contact = pick_contact(enrolment.account, config["roles"])
        if contact is None:
            return StepOutcome(_("No contact with a fitting role and an address."))
        if enrolment.contact_id is None:
            enrolment.contact = contact
        plan_outreach(
            enrolment=enrolment,
            contact=contact,
            step_key=f"step-{index}",
            topic=config["topic"],
            subject=config["subject"],
            body=config["body"],
            expires_at=now + timedelta(days=int(config["expires_days"])),
            now=now,
            by=system_viewer("playbook"),
        )
        return StepOutcome(_("Planned a mail to %(name)s.") % {"name": contact.name or contact.email})

    def summary(self, config: Mapping[str, Any]) -> str:
        """Return the subject."""
        return _("E-mail: %(subject)s") % {"subject": config["subject"]}


def pick_contact(account: Account, roles: list[str]) -> Contact | None:
    """Return the contact with the first of ``roles`` who has an address, has not left and was not merged."""
    people = (
        Contact.objects.filter(account=account, role__in=roles, left_at=None, merged_into=None)
        .prefetch_related("identities")
        .order_by("pk")
    )
    ranked = sorted(people, key=lambda person: roles.index(person.role))
    return next((person for person in ranked if person.email), None)

"""People at the account: stakeholders beside the overview, everybody on a tab."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Account, ConsentEvent, Contact
from customers.registry import AccountPanel
from customers.selectors import contacts_of
from customers.stakeholders import stakeholders_of
from people.viewer import Viewer

_ROLE_ORDER = {"sponsor": 0, "buyer": 1, "champion": 2, "admin": 3, "user": 4, "": 5}
SHOWN = 6


class Stakeholders(AccountPanel):
    """Those with a say, the most important first."""

    key = "stakeholders"
    label = gettext_lazy("Stakeholders")
    place = "side"
    order = 30
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return people with role, last seen and mood; and which important role nobody has."""
        present = [contact for contact in contacts_of(account, viewer) if contact.left_at is None]
        present.sort(key=lambda contact: (_ROLE_ORDER.get(contact.role, 5), str(contact).lower(), contact.pk))
        roles = {contact.role for contact in present}
        absent = [
            word
            for role, word in (("sponsor", _("no sponsor")), ("champion", _("no champion")))
            if role not in roles
        ]
        return {
            "people": [person_row(contact) for contact in present[:SHOWN]],
            "more": max(0, len(present) - SHOWN),
            "people_url": reverse("account-tab", args=[account.pk, "people"]),
            "more_text": ", ".join(absent) if present else "",
        }


class PeopleTab(AccountPanel):
    """Everybody at the account, with addresses and consent."""

    key = "people"
    label = gettext_lazy("People")
    place = "tab"
    order = 30
    permission = "customers.view"
    lazy = False

    def context(self, viewer: Viewer, account: Account) -> dict[str, object]:
        """Return contacts and what they said about mail from us."""
        contacts = list(contacts_of(account, viewer))
        consent = latest_consent(contacts)
        rows = [
            {"contact": contact, "consent": consent.get(contact.pk), "role": contact.get_role_display()}
            for contact in contacts
        ]
        return {
            "rows": rows,
            "map": stakeholders_of(account, viewer),
            "stances": [label for _key, label in Contact._meta.get_field("stance").flatchoices],
            "may_edit": viewer.can("customers.edit"),
        }


def person_row(contact: Contact) -> dict[str, Any]:
    """Return a contact as ``ui/stakeholder_row.html`` draws it."""
    words = [contact.title, contact.get_role_display()]
    return {
        "name": str(contact),
        "role": ", ".join(str(word) for word in words if word) or contact.email,
        "url": reverse("contact", args=[contact.pk]),
        "sentiment": contact.sentiment_label,
        "at": contact.last_seen_at,
    }


def latest_consent(contacts: list[Contact]) -> dict[int, ConsentEvent]:
    """Return what holds for success mail, by contact, in one query; nothing for those who never said anything."""
    rows = ConsentEvent.objects.filter(contact__in=contacts, channel="email", topic="success").order_by("pk")
    return {row.contact_id: row for row in rows}

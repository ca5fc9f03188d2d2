"""Learn people from ``identify``: those it names by address, and their user ids."""

from collections.abc import Sequence

from customers.events import CONTACT_CREATED
from customers.models import Contact, ContactIdentity
from customers.usage_items import Item
from customers.usage_places import Places
from people.viewer import Viewer


def learn_people(items: Sequence[Item], places: Places, by: Viewer) -> None:
    """Add the people whom placed ``identify`` items name by an unknown address, and tie user ids to known addresses.

    In the caller's transaction; raises IntegrityError when somebody else added one of them at the same moment.
    """
    identified = {item.email: item for item in items if item.email}
    unknown = {
        email: item for email, item in sorted(identified.items()) if ("email", email) not in places.contacts
    }
    if unknown:
        created = Contact.objects.bulk_create(
            [Contact(account_id=item.account_id, name=item.person) for item in unknown.values()]
        )
        for (email, item), contact in zip(unknown.items(), created, strict=True):
            places.contacts["email", email] = contact
            item.contact_id = contact.pk
        CONTACT_CREATED.record_many(
            by=by,
            rows=[
                {"subject_id": contact.pk, "account_id": contact.account_id, "detail": {"name": contact.name}}
                for contact in created
            ],
        )
        # Conflicts are not ignored here: they would leave a contact without its address.
        ContactIdentity.objects.bulk_create(
            [
                ContactIdentity(contact=places.contacts["email", email], kind="email", value=email)
                for email in unknown
            ]
        )
    ties = {
        item.user_key: places.contacts["email", email]
        for email, item in identified.items()
        if item.user_key and item.user_key != email and ("user", item.user_key) not in places.contacts
    }
    if ties:
        rows = [
            ContactIdentity(contact=contact, kind="user", value=key) for key, contact in sorted(ties.items())
        ]
        ContactIdentity.objects.bulk_create(rows, ignore_conflicts=True)
        places.contacts |= {("user", key): contact for key, contact in ties.items()}

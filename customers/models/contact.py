"""Contacts: people at customers, and the addresses and handles they are known by."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account
from people.viewer import Viewer


class ContactQuerySet(models.QuerySet["Contact"]):
    """Reads of contacts."""

    def visible_to(self, viewer: Viewer) -> "ContactQuerySet":
        """Return the contacts a viewer may see: all for those who may look at customers, else none."""
        return self if viewer.can("customers.view") else self.none()


class Contact(models.Model):
    """A person. A merged contact points at the one that took it over and keeps its rows."""

    account = models.ForeignKey(Account, models.SET_NULL, null=True, blank=True, related_name="contacts")
    external_id = models.CharField(_("external id"), max_length=120, null=True, blank=True, unique=True)
    name = models.CharField(_("name"), max_length=160, blank=True)
    title = models.CharField(_("title"), max_length=120, blank=True)
    role = models.CharField(
        _("role"),
        max_length=16,
        blank=True,
        choices=[
            ("sponsor", _("Executive sponsor")),
            ("buyer", _("Economic buyer")),
            ("champion", _("Champion")),
            ("admin", _("Administrator")),
            ("user", _("User")),
        ],
    )
    influence = models.PositiveSmallIntegerField(
        _("influence"),
        null=True,
        blank=True,
        choices=[(1, _("Low")), (2, _("Medium")), (3, _("High"))],
    )
    stance = models.CharField(
        _("stance"),
        max_length=10,
        default="unknown",
        choices=[
            ("promoter", _("Promoter")),
            ("neutral", _("Neutral")),
            ("detractor", _("Detractor")),
            ("unknown", _("Unknown")),
        ],
    )
    timezone = models.CharField(_("time zone"), max_length=64, blank=True)
    language = models.CharField(_("language"), max_length=16, blank=True)
    is_verified = models.BooleanField(default=True)
    # Values by the key of a ``TraitDefinition``.
    traits = models.JSONField(default=dict, blank=True)
    left_at = models.DateTimeField(null=True)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    last_seen_at = models.DateTimeField(null=True)
    sentiment_label = models.CharField(max_length=10, blank=True)
    # Since when nothing is known about the person any more; the row stays for the statistics of its tickets.
    erased_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager["Contact"]] = models.Manager.from_queryset(ContactQuerySet)()

    def __str__(self) -> str:
        if self.erased_at is not None:
            return gettext("Erased person")
        return self.name or self.email

    @property
    def person(self) -> "Contact":
        """The contact that speaks for this person: itself, or who took it over in the end. A query for each merge."""
        found: Contact = self
        while found.merged_into is not None:
            found = found.merged_into
        return found

    @property
    def email(self) -> str:
        """The first e-mail address, empty when there is none; of a merged contact that of who took it over. Prefetch
        ``identities`` in lists."""
        own = next((identity.value for identity in self.identities.all() if identity.kind == "email"), "")
        return own if own or self.merged_into_id is None else self.person.email


class ContactIdentity(models.Model):
    """An address or handle; each belongs to one contact. Values are normalised (addresses in lower case)."""

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="identities")
    kind = models.CharField(
        max_length=12,
        choices=[
            ("email", _("E-mail")),
            ("phone", _("Phone")),
            ("handle", _("Handle")),
            ("user", _("User id")),
        ],
    )
    value = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "value"], name="one_contact_per_identity")
        ]

    @property
    def network(self) -> str:
        """The key of the channel that a handle is of ("telegram"), empty for what every channel understands."""
        return self.value.partition(":")[0] if self.kind == "handle" and ":" in self.value else ""

    @property
    def shown(self) -> str:
        """The address as people read it, without the name of its network."""
        return self.value.partition(":")[2] if self.network else self.value


class ContactMerge(models.Model):
    """A merge that can be taken back: ``source`` points at ``target``, ``identity_ids`` are the rows that moved."""

    source = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    target = models.ForeignKey(Contact, models.CASCADE, related_name="+")
    identity_ids = models.JSONField(default=list)
    merged_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["source"], condition=models.Q(undone_at=None), name="one_open_merge_per_contact"
            ),
        ]

"""What colleagues write down about an account: notes and meetings."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from customers.models.account import Account
from customers.models.contact import Contact
from people.viewer import Viewer


class AccountNoteQuerySet(models.QuerySet["AccountNote"]):
    """Reads of notes."""

    def visible_to(self, viewer: Viewer) -> "AccountNoteQuerySet":
        """Return the notes a viewer may read."""
        return self if viewer.can("customers.view") else self.none()


class AccountNote(models.Model):
    """A text about an account; pinned ones stand on its overview."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(_("note"))
    is_pinned = models.BooleanField(_("pinned"), default=False)
    created_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["AccountNote"]] = models.Manager.from_queryset(AccountNoteQuerySet)()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "-id"], name="account_note_newest")]


class MeetingQuerySet(models.QuerySet["Meeting"]):
    """Reads of meetings."""

    def visible_to(self, viewer: Viewer) -> "MeetingQuerySet":
        """Return the meetings a viewer may read."""
        return self if viewer.can("customers.view") else self.none()


class Meeting(models.Model):
    """A meeting with people of an account, planned or past; ``outcome`` is what came of it."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="meetings")
    title = models.CharField(_("title"), max_length=160)
    starts_at = models.DateTimeField(_("when"))
    contacts = models.ManyToManyField(
        Contact, related_name="meetings", blank=True, verbose_name=_("from them")
    )
    staff = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="+", blank=True, verbose_name=_("from us")
    )
    outcome = models.TextField(_("outcome"), blank=True)
    next_step = models.CharField(_("next step"), max_length=200, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Meeting"]] = models.Manager.from_queryset(MeetingQuerySet)()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["account", "-starts_at"], name="meeting_newest")]

"""What an installation says about its own tickets: types, tags and custom fields."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from people.models import Skill


class TicketType(models.Model):
    """A kind of request (question, incident, …). ``checklist`` lists the steps that a new ticket of the type starts with;
    ``required_skills`` are what its tickets need in teams that go by skills."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    description = models.CharField(_("description"), max_length=200, blank=True)
    checklist = models.JSONField(_("checklist"), default=list, blank=True)
    required_skills = models.ManyToManyField(Skill, related_name="+", blank=True, verbose_name=_("skills"))
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering: ClassVar = ["position", "name"]

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    """A word that people put on tickets; in lower case, without commas.

    ``applies_itself``: the model may put it on tickets without a person, as long as its precision is measured to be high enough.
    """

    name = models.CharField(_("name"), max_length=40, unique=True)
    description = models.CharField(_("description"), max_length=200, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    applies_itself = models.BooleanField(_("applied by itself"), default=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class CustomField(models.Model):
    """A field of our own on tickets.

    ``types`` empty means every type. ``condition`` (see ``tickets.conditions``) tells on which tickets it is shown, empty
    on all. ``options`` lists the choices in their order. A field that is ``required_on_resolve`` and shown must have a value
    before its ticket can be resolved.
    """

    class Kind(models.TextChoices):
        """What a field holds."""

        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        CHOICE = "choice", _("Choice")
        MULTI = "multi", _("Several choices")
        DATE = "date", _("Date")
        BOOL = "bool", _("Yes or no")
        REFERENCE = "reference", _("Reference")

    class Reference(models.TextChoices):
        """What a reference points to."""

        ACCOUNT = "account", _("Customer")
        CONTACT = "contact", _("Contact")
        USER = "user", _("Colleague")
        TICKET = "ticket", _("Ticket")

    key = models.SlugField(_("key"), max_length=40, unique=True)
    label = models.CharField(_("label"), max_length=60)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    help_text = models.CharField(_("help"), max_length=200, blank=True)
    options = models.JSONField(_("choices"), default=list, blank=True)
    reference = models.CharField(_("refers to"), max_length=10, choices=Reference.choices, blank=True)
    types = models.ManyToManyField(TicketType, related_name="+", blank=True, verbose_name=_("types"))
    condition = models.JSONField(_("shown when"), default=dict, blank=True)
    required_on_resolve = models.BooleanField(_("required to resolve"), default=False)
    position = models.PositiveSmallIntegerField(_("order"), default=0)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering: ClassVar = ["position", "pk"]

    def __str__(self) -> str:
        return self.label

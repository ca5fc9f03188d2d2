"""What an installation notes about its customers besides what everybody notes: the definitions; the values are on the rows."""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class TraitDefinition(models.Model):
    """A trait of accounts or of contacts. Values are in the ``traits`` of the row under ``key``.

    Key, target and kind stay what they are; ``choices`` are texts in their order. One that is not active is not shown and
    not taken any more, its values stay.
    """

    class Target(models.TextChoices):
        """Whose trait it is."""

        ACCOUNT = "account", _("Customers")
        CONTACT = "contact", _("Contacts")

    class Kind(models.TextChoices):
        """What a value is; in JSON a text, a number, an ISO date, true or false, one of the choices."""

        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        DATE = "date", _("Date")
        BOOL = "bool", _("Yes or no")
        CHOICE = "choice", _("Choice")

    target = models.CharField(_("of"), max_length=10, choices=Target.choices)
    key = models.CharField(
        _("key"),
        max_length=40,
        validators=[RegexValidator(r"^[a-z][a-z0-9_]*$", _("Small letters, digits and _, a letter first."))],
    )
    label = models.CharField(_("label"), max_length=60)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    help_text = models.CharField(_("help"), max_length=200, blank=True)
    choices = models.JSONField(_("choices"), default=list, blank=True)
    is_active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering: ClassVar = ["target", "label", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["target", "key"], name="one_trait_per_key"),
        ]

    def __str__(self) -> str:
        return self.label

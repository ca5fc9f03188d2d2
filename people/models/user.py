"""The staff user: e-mail login, role, availability, working hours and capacity."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from core.models import Calendar
from people.roles import PERMISSIONS, Role
from people.viewer import Viewer


class UserManager(BaseUserManager["User"]):
    """Creates users; addresses are stored in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password none can be used to log in until it is set by a link."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find by address, ignoring case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """One member of staff."""

    class Availability(models.TextChoices):
        """Whether new tickets may be given to the person."""

        AVAILABLE = "available", _("Available")
        BUSY = "busy", _("Busy")
        AWAY = "away", _("Away")

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=120)
    role = models.CharField(_("role"), max_length=16, choices=Role.choices, default=Role.AGENT)
    is_active = models.BooleanField(_("active"), default=True)
    availability = models.CharField(
        _("availability"), max_length=12, choices=Availability.choices, default=Availability.AWAY
    )
    availability_changed_at = models.DateTimeField(null=True, blank=True)
    capacity = models.PositiveSmallIntegerField(
        _("capacity"), default=20, help_text=_("Open tickets the person takes at the most.")
    )
    # Copy of the end of the present absence, so that pages need not look for it.
    absent_until = models.DateTimeField(null=True, editable=False)
    timezone = models.CharField(_("time zone"), max_length=64, default="UTC")
    working_hours = models.ForeignKey(
        Calendar, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("working hours")
    )
    preferences = models.JSONField(default=dict, blank=True)
    session_epoch = models.PositiveIntegerField(default=0)
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering: ClassVar = ["name", "pk"]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        """Store addresses in lower case; the integration role is for API keys only."""
        super().clean()
        self.email = self.email.lower()
        if self.role == Role.INTEGRATION:
            raise ValidationError({"role": _("The integration role belongs to API keys.")})

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What every session of the person carries: a new password, role or epoch ends the sessions made before."""
        value = f"{self.password}|{self.role}|{self.is_active}|{self.session_epoch}"
        return salted_hmac("people.session", value, secret=secret, algorithm="sha256").hexdigest()

    def as_viewer(self, source: str = "page") -> Viewer:
        """Return the person as viewer; an inactive person may do nothing."""
        return Viewer(
            kind="staff",
            user_id=self.pk,
            role=self.role,
            permissions=PERMISSIONS[self.role] if self.is_active else frozenset(),
            team_ids=frozenset(self.memberships.values_list("team_id", flat=True)),
            source=source,
        )

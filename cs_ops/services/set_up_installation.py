"""The first run: an owner, a first team and a first inbox; closed for ever afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from core.models import Setting
from people.events import INSTALLATION_READY
from people.models import User
from people.roles import Role
from people.services.save_team import save_team
from tickets.services.save_inbox import save_inbox

SETTING = "installed"


class AlreadySetUp(Exception):
    """Somebody has been here before."""


def is_set_up() -> bool:
    """Whether the installation has an owner, or any other person."""
    return Setting.objects.filter(key=SETTING).exists() or User.objects.exists()


@transaction.atomic
def set_up_installation(
    *,
    name: str,
    email: str,
    password: str,
    timezone: str,
    team_name: str,
    team_description: str,
    inbox_name: str,
    inbox_address: str,
) -> User:
    """Create owner, team and inbox together and return the owner.

    Whoever writes the setting first wins; everybody else gets AlreadySetUp, also when they come at the same moment.
    Raises ValidationError naming the field, and then nothing was written.
    """
    _setting, first = Setting.objects.get_or_create(key=SETTING, defaults={"value": True})
    if not first or User.objects.exists():
        raise AlreadySetUp
    owner = User(
        name=name.strip(),
        email=email.strip().lower(),
        role=Role.ADMIN,
        timezone=timezone,
        availability=User.Availability.AVAILABLE,
    )
    try:
        validate_password(password, owner)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error
    owner.set_password(password)
    owner.full_clean(exclude=["password"])
    owner.save()
    viewer = owner.as_viewer()
    INSTALLATION_READY.record(by=viewer, subject_id=owner.pk, detail={"email": owner.email})
    with _fields_named("team_"):
        team = save_team(
            name=team_name,
            description=team_description,
            is_private=False,
            strategy="balanced",
            members=[owner],
            by=viewer,
        )
    with _fields_named("inbox_"):
        save_inbox(
            name=inbox_name,
            settings={"address": inbox_address, "from_name": team_name},
            default_team=team,
            by=viewer,
        )
    return owner


@contextmanager
def _fields_named(prefix: str) -> Iterator[None]:
    """Let the refusals of another service name the fields of this one: ``name`` becomes ``inbox_name``."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError(
            {f"{prefix}{field}": messages for field, messages in error.message_dict.items()}
        ) from error

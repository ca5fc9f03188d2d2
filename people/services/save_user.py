"""Invite, change, deactivate and reactivate people. Somebody who can administer always remains."""

import secrets
from collections.abc import Collection
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from core.changes import apply_changes
from core.models import Calendar
from core.outbox import enqueue_outbound
from people.events import (
    SESSIONS_ENDED,
    USER_CHANGED,
    USER_CREATED,
    USER_DEACTIVATED,
    USER_INVITED,
    USER_REACTIVATED,
)
from people.models import Team, TeamMembership, User
from people.roles import Role
from people.time_zones import zone_names
from people.viewer import Viewer


@transaction.atomic
def invite_user(*, email: str, name: str, role: str, teams: Collection[Team], by: Viewer) -> User:
    """Add a person and mail a link to choose a password. Raises ValidationError naming the field."""
    by.require("settings.manage")
    user = User(email=email.strip().lower(), name=name.strip(), role=role)
    user.set_unusable_password()
    user.full_clean(exclude=["password"])
    user.save()
    _set_teams(user, teams)
    USER_CREATED.record(
        by=by,
        subject_id=user.pk,
        detail={"email": user.email, "role": role, "teams": [team.pk for team in teams]},
    )
    send_invitation(user=user, by=by)
    return user


@transaction.atomic
def send_invitation(*, user: User, by: Viewer) -> None:
    """Mail a fresh link to somebody who has never chosen a password. Raises ValidationError for others."""
    by.require("settings.manage")
    if user.has_usable_password() or not user.is_active:
        raise ValidationError(_("Only active people without a password are invited."))
    enqueue_outbound(
        kind="account_mail",
        idempotency_key=f"account-mail:invite:{secrets.token_hex(12)}",
        payload={"user": user.pk, "purpose": "invite"},
    )
    USER_INVITED.record(by=by, subject_id=user.pk)


@transaction.atomic
def save_user(
    *,
    user: User,
    name: str,
    role: str,
    teams: Collection[Team],
    capacity: int,
    timezone: str,
    working_hours: Calendar | None,
    by: Viewer,
) -> User:
    """Change a person. A changed role ends the person's sessions. Raises ValidationError naming the field."""
    by.require("settings.manage")
    admins = _locked_admins()
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.role == Role.ADMIN and role != Role.ADMIN:
        _keep_an_admin(row, admins, "role")
    if timezone not in zone_names():
        raise ValidationError({"timezone": _("This time zone is not known.")})
    changes: dict[str, Any] = apply_changes(
        row, name=name.strip(), role=role, capacity=capacity, timezone=timezone, working_hours=working_hours
    )
    row.full_clean(exclude=["password"])
    row.save()
    before = sorted(row.memberships.values_list("team_id", flat=True))
    after = sorted(team.pk for team in teams)
    if before != after:
        _set_teams(row, teams)
        changes["teams"] = [before, after]
    if changes:
        USER_CHANGED.record(by=by, subject_id=row.pk, detail=changes)
    return row


@transaction.atomic
def deactivate_user(*, user: User, by: Viewer) -> User:
    """Take a person's access away at once; their work stays under their name. Raises ValidationError."""
    by.require("settings.manage")
    admins = _locked_admins()
    row = User.objects.select_for_update().get(pk=user.pk)
    if row.pk == by.user_id:
        raise ValidationError(_("You cannot deactivate yourself."))
    if not row.is_active:
        return row
    if row.role == Role.ADMIN:
        _keep_an_admin(row, admins)
    row.is_active = False
    row.availability = User.Availability.AWAY
    row.session_epoch += 1
    row.save(update_fields=["is_active", "availability", "session_epoch"])
    USER_DEACTIVATED.record(by=by, subject_id=row.pk)
    return row


@transaction.atomic
def reactivate_user(*, user: User, by: Viewer) -> User:
    """Give a deactivated person the access back."""
    by.require("settings.manage")
    row = User.objects.select_for_update().get(pk=user.pk)
    if not row.is_active:
        row.is_active = True
        row.save(update_fields=["is_active"])
        USER_REACTIVATED.record(by=by, subject_id=row.pk)
    return row


@transaction.atomic
def end_sessions(*, user: User, by: Viewer) -> User:
    """Log a person out everywhere: oneself, or anybody with ``settings.manage``."""
    if by.user_id != user.pk and not by.can("settings.manage"):
        raise PermissionDenied(_("You may only end your own sessions."))
    row = User.objects.select_for_update().get(pk=user.pk)
    row.session_epoch += 1
    row.save(update_fields=["session_epoch"])
    SESSIONS_ENDED.record(by=by, subject_id=row.pk)
    return row


def _set_teams(user: User, teams: Collection[Team]) -> None:
    user.memberships.exclude(team__in=teams).delete()
    TeamMembership.objects.bulk_create(
        [TeamMembership(user=user, team=team) for team in teams], ignore_conflicts=True
    )


def _locked_admins() -> list[User]:
    """Return the active administrators, locked in one order before any other person, so that two edits cannot cross."""
    return list(User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True).order_by("pk"))


def _keep_an_admin(user: User, admins: list[User], field: str = "__all__") -> None:
    """Raise ValidationError unless another administrator who can log in remains."""
    if user.is_active and not any(admin.pk != user.pk and admin.has_usable_password() for admin in admins):
        raise ValidationError(
            {field: _("This is the last administrator who can log in. Make somebody else one first.")}
        )

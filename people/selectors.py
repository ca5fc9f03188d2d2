"""Reads of people's pages."""

from collections.abc import Iterable

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from core.models import Calendar
from people.models import Absence, ApiKey, Skill, Team, User
from people.roles import PERMISSION_LABELS, PERMISSIONS, Role
from people.viewer import Viewer


def people_list(viewer: Viewer) -> QuerySet[User]:
    """Return all staff with their teams, active ones first; none without ``people.view``."""
    if not viewer.can("people.view"):
        return User.objects.none()
    return User.objects.prefetch_related("memberships__team").order_by("-is_active", "name", "pk")


def people_who_may(permission: str) -> list[int]:
    """Return the ids of the active people whose role holds a permission. One query."""
    roles = [role for role, may in PERMISSIONS.items() if permission in may]
    return list(User.objects.filter(role__in=roles, is_active=True).values_list("pk", flat=True))


def is_invited(user: User) -> bool:
    """Whether the person has been invited and has not chosen a password yet."""
    return user.password.startswith(UNUSABLE_PASSWORD_PREFIX)


def team_list(viewer: Viewer) -> QuerySet[Team]:
    """Return all teams with ``member_count``; none without ``people.view``."""
    if not viewer.can("people.view"):
        return Team.objects.none()
    active = Count("memberships", filter=Q(memberships__user__is_active=True))
    return Team.objects.annotate(member_count=active).order_by("-is_active", "name")


def skill_list(viewer: Viewer) -> QuerySet[Skill]:
    """Return all skills with ``holder_count``; none without ``people.view``."""
    if not viewer.can("people.view"):
        return Skill.objects.none()
    active = Count("holders", filter=Q(holders__user__is_active=True))
    return Skill.objects.annotate(holder_count=active).order_by("-is_active", "name")


def absence_list(viewer: Viewer) -> QuerySet[Absence]:
    """Return the absences that are not over, the next first: everybody's for who plans them and for API keys that may see
    colleagues, else one's own."""
    planned = Absence.objects.filter(cancelled_at=None, ends_at__gt=timezone.now())
    planned = planned.select_related("user", "deputy").order_by("starts_at", "pk")
    is_integration = viewer.kind == "api_key" and viewer.can("people.view")
    if is_integration or viewer.can("people.schedule"):
        return planned
    return planned.filter(user_id=viewer.user_id or 0)


def calendar_list(viewer: Viewer) -> QuerySet[Calendar]:
    """Return all calendars; none without ``settings.manage``."""
    return Calendar.objects.order_by("name") if viewer.can("settings.manage") else Calendar.objects.none()


def api_key_list(viewer: Viewer) -> QuerySet[ApiKey]:
    """Return all keys, newest first; none without ``settings.manage``."""
    keys = ApiKey.objects.select_related("created_by")
    return keys if viewer.can("settings.manage") else keys.none()


def role_matrix() -> list[tuple[str, list[tuple[str, list[bool]]]]]:
    """Return (area, [(permission in words, held per staff role)]) in the order of the roles."""
    roles = staff_roles()
    areas: dict[str, list[tuple[str, list[bool]]]] = {}
    for permission, label in PERMISSION_LABELS.items():
        row = (str(label), [permission in PERMISSIONS[role] for role in roles])
        areas.setdefault(permission.partition(".")[0], []).append(row)
    return list(areas.items())


def staff_roles() -> Iterable[Role]:
    """Return the roles a person can have."""
    return [role for role in Role if role != Role.INTEGRATION]

"""Links that set a password: signed, for one purpose, one person and one use, for a limited time.

The token carries no secret of ours and nothing is stored: it is bound to the person's password, address and last login, so
using it, or changing any of them, makes it worthless.
"""

from datetime import timedelta
from typing import Literal

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from people.models import User

Purpose = Literal["invite", "reset"]
LIFETIMES: dict[str, timedelta] = {"invite": timedelta(hours=24), "reset": timedelta(hours=1)}


def link_token(user: User, purpose: Purpose) -> str:
    """Return a fresh token."""
    return signing.dumps({"user": user.pk, "print": _fingerprint(user, purpose)}, salt=_salt(purpose))


def link_url(user: User, purpose: Purpose) -> str:
    """Return the absolute link to mail; its host is SITE_URL, never a header of some request."""
    return f"{settings.SITE_URL}{reverse('set-password', args=[purpose, link_token(user, purpose)])}"


def user_of_token(token: str, purpose: str) -> User | None:
    """Return the active person the token is for, or None when it is forged, expired, used or for another purpose."""
    if purpose not in LIFETIMES:
        return None
    try:
        data = signing.loads(token, salt=_salt(purpose), max_age=LIFETIMES[purpose])
        user = User.objects.get(pk=data["user"], is_active=True)
    except (signing.BadSignature, User.DoesNotExist, KeyError, TypeError, ValueError):
        return None
    return user if constant_time_compare(data.get("print", ""), _fingerprint(user, purpose)) else None


def _salt(purpose: str) -> str:
    return f"people.account-link.{purpose}"


def _fingerprint(user: User, purpose: str) -> str:
    """Return what must not have changed since the link was made."""
    last_login = user.last_login.isoformat() if user.last_login else ""
    value = f"{user.pk}|{user.password}|{user.email}|{last_login}|{user.session_epoch}"
    return salted_hmac(_salt(purpose), value, algorithm="sha256").hexdigest()

"""Check a login: pause guessers, compare the password, record what happened."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import authenticate
from django.db import transaction

from people.events import LOGGED_IN, LOGIN_REFUSED
from people.login_pauses import Attempt, count_attempt, forgive_attempt, paused_until
from people.models import User
from people.services.set_availability import set_availability
from people.viewer import Viewer

MOST_PASSWORD_CHARACTERS = 256


@dataclass(frozen=True)
class LoginOutcome:
    """The person, or None; then how many tries are left before a pause, and until when a pause lasts."""

    user: User | None
    tries_left: int = 0
    paused_until: datetime | None = None


def log_in(*, email: str, password: str, address: str, known_device: bool = False) -> LoginOutcome:
    """Check a login from network ``address``; the answer and its cost are the same whether the person exists.

    During a pause the password is not looked at. The caller starts the session.
    """
    email = email.strip().lower()
    attempt = Attempt(email=email, address=address, known_device=known_device)
    if (until := paused_until(attempt)) is not None:
        return LoginOutcome(None, paused_until=until)
    tries_left, until = count_attempt(attempt)
    found = authenticate(username=email, password=password[:MOST_PASSWORD_CHARACTERS])
    user_id = User.objects.filter(email=email).values_list("pk", flat=True).first()
    if not isinstance(found, User):
        with transaction.atomic():
            stranger = Viewer(kind="anonymous")
            LOGIN_REFUSED.record(
                by=stranger, subject_id=user_id or 0, detail={"email": email, "address": address}
            )
        return LoginOutcome(None, tries_left, until)
    forgive_attempt(attempt)
    viewer = found.as_viewer()
    with transaction.atomic():
        LOGGED_IN.record(by=viewer, subject_id=found.pk, detail={"address": address})
        if chosen := found.preferences.get("availability_at_login"):
            set_availability(user=found, availability=chosen, by=viewer)
    return LoginOutcome(found)

"""Ask for a link that sets a new password."""

from django.db import transaction
from django.utils import timezone

from core.outbox import enqueue_outbound
from people.events import PASSWORD_LINK_REQUESTED
from people.login_pauses import may_ask_for_link
from people.models import User
from people.viewer import Viewer

SECONDS_BETWEEN_MAILS = 300


def request_password_link(*, email: str, address: str) -> None:
    """Mail a link to the person with this login; for anybody else do the same work and mail nothing.

    One mail per person and SECONDS_BETWEEN_MAILS at the most; an ``address`` that asks too often is not listened to.
    Returns nothing, so that no caller can tell whether the person exists.
    """
    if not may_ask_for_link(address):
        return
    email = email.strip().lower()
    user_id = User.objects.filter(email=email, is_active=True).values_list("pk", flat=True).first()
    moment = int(timezone.now().timestamp()) // SECONDS_BETWEEN_MAILS
    with transaction.atomic():
        PASSWORD_LINK_REQUESTED.record(
            by=Viewer(kind="anonymous"), subject_id=user_id or 0, detail={"email": email, "address": address}
        )
        enqueue_outbound(
            kind="account_mail",
            idempotency_key=f"account-mail:reset:{user_id or 0}:{moment}",
            payload={"user": user_id, "purpose": "reset"},
        )

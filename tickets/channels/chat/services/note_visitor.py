"""Signs of life of a visitor: there, typing, has seen. They come often, so they record no event."""

from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.models import Outbound
from core.outbox import cancel_outbound
from tickets.channel import DeliveryArrival
from tickets.channels.chat.services.add_entry import lock_session
from tickets.channels.chat.services.deliver_answer import fallback_key, provider_id_of
from tickets.channels.chat.services.start_chat import shown_url
from tickets.message_text import one_line, storable
from tickets.models import ChatEntry, ChatSession
from tickets.services.note_provider_message import note_delivery

# A sign of typing younger than this is not written again.
FRESH = timedelta(seconds=2)


def note_online(*, session_ids: Collection[int]) -> None:
    """Note that these visitors have their page open."""
    ChatSession.objects.filter(pk__in=session_ids).update(last_seen_at=timezone.now())


def note_typing(*, session: ChatSession) -> None:
    """Note that the visitor is writing."""
    now = timezone.now()
    if session.typing_at is None or now - session.typing_at > FRESH:
        ChatSession.objects.filter(pk=session.pk).update(typing_at=now, last_seen_at=now)


def note_page(*, session: ChatSession, url: str, title: str) -> None:
    """Note which page the visitor is on."""
    page, name = shown_url(url), one_line(storable(title), 200)
    if (page, name) != (session.page_url, session.page_title):
        ChatSession.objects.filter(pk=session.pk).update(page_url=page, page_title=name)


@transaction.atomic
def note_seen(*, session: ChatSession, number: int) -> None:
    """Note that the visitor has had everything up to ``number`` before the eyes: those answers are read, and need no mail."""
    if number <= session.seen_number:
        return
    locked = lock_session(session.pk)
    before, locked.seen_number = locked.seen_number, min(number, locked.last_number)
    if locked.seen_number <= before:
        return
    now = timezone.now()
    locked.last_seen_at = now
    locked.save(update_fields=["seen_number", "last_seen_at"])
    answers = ChatEntry.objects.filter(
        session=locked, kind=ChatEntry.Kind.AGENT, number__gt=before, number__lte=locked.seen_number
    )
    keys = []
    for answer in answers:
        note_delivery(inbox=session.inbox, news=DeliveryArrival(provider_id_of(locked, answer), "read", now))
        keys.append(fallback_key(answer))
    waiting = Outbound.objects.filter(idempotency_key__in=keys, state=Outbound.State.PENDING)
    for row in waiting:
        cancel_outbound(outbound=row, reason=_("the visitor has seen the answer"))

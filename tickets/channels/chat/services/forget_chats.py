"""Forget chats in which nobody ever wrote."""

from datetime import timedelta

from django.utils import timezone

from tickets.models import ChatSession

UNUSED_DAYS = 1


def forget_unused_chats() -> int:
    """Delete sessions without a message whose visitor has been gone for a day; returns how many."""
    gone = ChatSession.objects.filter(
        ticket=None, last_seen_at__lt=timezone.now() - timedelta(days=UNUSED_DAYS)
    )
    return gone.delete()[0]

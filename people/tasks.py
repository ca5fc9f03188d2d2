"""Celery entries of people."""

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from people.login_pauses import forget_old_pauses


@shared_task(name="people.forget_old_logins")
def forget_old_logins() -> None:
    """Delete expired sessions and counters of failed logins that no rule looks at any more."""
    forget_old_pauses()
    Session.objects.filter(expire_date__lt=timezone.now()).delete()

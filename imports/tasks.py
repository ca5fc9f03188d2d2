"""Celery entries of imports."""

from celery import shared_task

from imports.services.forget_old import forget_old


@shared_task(name="imports.forget_old")
def forget_old_imports() -> None:
    """Delete uploads, texts of rows and archives whose time is over."""
    forget_old()

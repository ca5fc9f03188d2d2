"""What happens before the programs start: database, first content, first models, static files, an empty broker."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import DatabaseError, connection
from kombu import Connection as BrokerConnection
from kombu.exceptions import OperationalError as BrokerError

from cs_ops.launch.preflight import CannotStart

BROKER_SECONDS = 5


def reach_services() -> None:
    """Raise CannotStart when the configured database or broker does not answer."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise CannotStart(
            f"The database does not answer ({reason}); start it, or unset DATABASE_URL to use SQLite"
        ) from None
    if uses_filesystem_broker():
        return
    try:
        with BrokerConnection(settings.CELERY_BROKER_URL, connect_timeout=BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    except (BrokerError, OSError) as error:
        raise CannotStart(
            f"The message broker does not answer ({error}); start it, or unset CELERY_BROKER_URL to use files"
        ) from None


def uses_filesystem_broker() -> bool:
    """Whether messages travel through a folder of this machine."""
    return str(settings.CELERY_BROKER_URL).startswith("filesystem")


def migrate() -> None:
    """Bring the database to the current schema."""
    call_command("migrate", interactive=False, verbosity=0)


def is_empty() -> bool:
    """Whether nobody has an account yet: a first start."""
    return not get_user_model()._default_manager.exists()


def seed_demo() -> None:
    """Fill an empty database with the demo world; its progress goes to stderr."""
    call_command("seed_demo", stdout=io.StringIO())


def lacks_models() -> bool:
    """Whether no trained model has ever been in service; one that was rolled back is not put back by a restart."""
    return not apps.get_model("ml", "AliasChange")._default_manager.exists()


def train_models() -> None:
    """Train and promote the first version of every model; its progress goes to stderr."""
    call_command("train_models", stdout=io.StringIO())


def collect_static() -> None:
    """Copy the built assets to STATIC_ROOT under hashed names."""
    call_command("collectstatic", interactive=False, verbosity=0)


def empty_broker() -> None:
    """Throw away what an earlier run left in the filesystem broker: messages are nudges, the rows hold the work."""
    if not uses_filesystem_broker():
        return
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    for key in ("data_folder_in", "data_folder_out", "processed_folder", "control_folder"):
        folder = Path(options[key])
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)

"""Which rows an archive of the whole installation holds, and how a row is written as one line of JSON.

Everything is in it but what ``LEFT_OUT`` names with the reason, and columns whose name says that they are secret. A new table is
in the archive from the day it exists.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import models
from django.utils.duration import duration_string

APPS = (
    "core", "people", "ml", "customers", "knowledge", "tickets", "portal", "health", "success", "quality", "security",
    "insights", "integrations", "imports",
)  # fmt: skip
LEFT_OUT = {
    "core.Heartbeat": "tells of this machine",
    "core.IdempotencyRecord": "answers of requests, kept for two days",
    "core.Job": "work of this installation",
    "core.JobLog": "work of this installation",
    "core.Outbound": "must never be sent a second time",
    "core.SearchDocument": "made again from the texts",
    "core.SearchWord": "made again from the texts",
    "core.SubscriberPosition": "everything in the archive has been delivered",
    "core.DeadLetter": "work of this installation",
    "people.ApiKey": "a secret",
    "people.LoginPause": "tells of this machine",
    "ml.AliasChange": "tells of models whose files stay where they are; a new installation begins its own history",
    "ml.SubjectVector": "made again from the texts",
    "ml.ModelAlias": "the models' files stay where they are; training makes new ones",
    "customers.AdoptionRange": "work that is still to be done",
    "customers.ContactExport": "files that only who asked for them may fetch",
    "customers.DirtyUsageDay": "work that is still to be done",
    "customers.FeatureAdoption": "measured again",
    "customers.UsageMonth": "measured again",
    "tickets.TicketExport": "files that only who asked for them may fetch",
    "tickets.SimilarTickets": "found again",
    "tickets.TicketForecast": "made again",
    "tickets.ViewCount": "counted again",
    "tickets.CountedTicket": "counted again",
    "tickets.BulkAct": "work of this installation",
    "tickets.BulkItem": "work of this installation",
    "tickets.Mailbox": "needs a secret; connect it anew, mails known already are not taken twice",
    "tickets.MailboxMail": "belongs to a mailbox",
    "tickets.Presence": "who looks at what now",
    "tickets.AnswerUndo": "lasts for seconds",
    "tickets.Draft": "a scheduled one must not leave from two places",
    "health.ScoreDue": "work that is still to be done",
    "integrations.WebhookEndpoint": "signs with a secret; set it up anew",
    "integrations.WebhookDelivery": "belongs to a webhook",
    "imports.Import": "work of this installation",
    "imports.ImportRow": "work of this installation",
    "imports.Archive": "files that only who asked for them may fetch",
}
_SECRET = re.compile(r"hook_key|password|secret|sealed|token|api_key|credential|private_key")
# Named alike, and no secret.
_PLAIN = frozenset(("core.EventBlock.sealed_at", "people.Team.unattended_minutes"))
_SEALED = re.compile(r"gAAAAA[A-Za-z0-9_=-]{90,}")


def archived_tables() -> list[type[models.Model]]:
    """Return the tables of an archive by their names."""
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in APPS and model._meta.label not in LEFT_OUT and not model._meta.proxy
    ]
    return sorted(found, key=lambda model: model._meta.label)


def archived_columns(model: type[models.Model]) -> list["models.Field[Any, Any]"]:
    """Return the columns that are written, in their order: without secret and generated ones."""
    return [
        field
        for field in model._meta.concrete_fields
        if not field.generated
        and (f"{model._meta.label}.{field.name}" in _PLAIN or not _SECRET.search(field.name))
    ]


def line_of(model: type[models.Model], values: Mapping[str, Any]) -> bytes:
    """Return a row, given as its values by column, as one line."""
    told = {
        field.attname: _without_secrets(values[field.attname])
        if isinstance(field, models.JSONField)
        else values[field.attname]
        for field in archived_columns(model)
    }
    text = json.dumps(told, default=_told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "replace") + b"\n"


def values_of(model: type[models.Model], line: bytes) -> dict[str, Any]:
    """Return the values of a line by column, as the model has them; what the line does not say has its default.

    Raises ValueError for a line that is none, KeyError for a column that this version does not know.
    """
    told = json.loads(line)
    fields = {field.attname: field for field in archived_columns(model)}
    unknown = set(told) - set(fields)
    if unknown:
        raise KeyError(f"{model._meta.label}.{min(unknown)}")
    found = {}
    for field in model._meta.concrete_fields:
        if field.generated:
            continue
        if field.attname not in told:
            found[field.attname] = field.get_default()
        elif isinstance(field, models.JSONField):
            found[field.attname] = told[field.attname]
        else:
            found[field.attname] = field.to_python(told[field.attname])
    return found


def _told(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, timedelta):
        return duration_string(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no form in an archive")


def _without_secrets(value: Any) -> Any:
    """A JSON value without what is sealed in it, and without what its names call secret."""
    if isinstance(value, dict):
        return {
            key: None if _SECRET.search(key.lower()) else _without_secrets(one) for key, one in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(one) for one in value]
    return None if isinstance(value, str) and _SEALED.fullmatch(value) else value

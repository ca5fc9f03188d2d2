"""Read an archive of everything back into an empty installation: the same rows with the same ids, in one transaction.

Nothing is delivered or sent again. Passwords are not in an archive: people choose new ones by the link for a forgotten password,
the first administrator by ``manage.py`` (docs/how-to/migrate.md).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.utils.translation import gettext as _

from core.bulk_rows import insert_rows, prepared
from core.kept_rows import forget_all
from core.models import Event
from core.search.sources import index_missing
from core.services.fast_forward import fast_forward
from customers.models import Account, Contact
from imports.archive_tables import archived_tables, values_of
from imports.events import ARCHIVE_RESTORED
from imports.services.make_archive import FORMAT
from imports.sources import Member, Refused, SourceFiles
from people.models import User
from people.viewer import Viewer
from tickets.models import Ticket
from tickets.services.count_views import recount_everything
from tickets.stored_files import store_file

LARGEST_PART = 1024 * 1024 * 1024
Report = Callable[[str], None]


def restore_archive(*, path: Path, by: Viewer, report: Report = lambda _text: None) -> dict[str, Any]:
    """Restore the folder or TAR or ZIP file; returns counts. Raises ValidationError, with nothing changed, for an installation
    that is in use and for an archive that is damaged or of another version."""
    by.require("settings.manage")
    if any(model.objects.exists() for model in (User, Account, Contact, Ticket, Event)):
        raise ValidationError(
            _("This installation is in use. Restore into an empty one, right after “migrate”.")
        )
    try:
        with SourceFiles([{"name": path.name, "path": str(path)}]) as source:
            members = {member.name: member for member in source.members()}
            manifest = _manifest(members)
            report(_("rows"))
            with transaction.atomic():
                rows = _restore_rows(members, manifest)
                mended = _mend()
                _reset_sequences()
                counted = {
                    label: number
                    for label, number in rows.items()
                    if number != manifest["counts"].get(label, 0)
                }
                if counted:
                    raise ValidationError(_("The archive is not whole: %s.") % ", ".join(sorted(counted)))
            report(_("files"))
            files = _restore_files(members)
    except Refused as error:
        raise ValidationError(str(error)) from error
    forget_all()
    fast_forward()
    report(_("search index and counters"))
    while index_missing():
        pass
    recount_everything()
    done = {"rows": sum(rows.values()), "files": files, "mended": sum(mended.values())}
    with transaction.atomic():
        ARCHIVE_RESTORED.record(by=by, subject_id=0, detail={**done, "mended": mended})
    return done


def _manifest(members: dict[str, Member]) -> dict[str, Any]:
    if "manifest.json" not in members:
        raise ValidationError(_("There is no manifest.json in it: this is no archive."))
    try:
        manifest: dict[str, Any] = json.loads(members["manifest.json"].read(LARGEST_PART))
    except ValueError as error:
        raise ValidationError(_("The manifest cannot be read.")) from error
    if manifest.get("product") != "cs-ops" or manifest.get("format") != FORMAT:
        raise ValidationError(_("The archive is of another version of the product."))
    return manifest


def _restore_rows(members: dict[str, Member], manifest: dict[str, Any]) -> dict[str, int]:
    tables = {model._meta.label: model for model in archived_tables()}
    parts: dict[str, list[str]] = defaultdict(list)
    for name in sorted(manifest["sha256"]):
        parts[name.split("/")[1]].append(name)
    unknown = sorted(label for label in parts if label not in tables)
    if unknown:
        raise ValidationError(_("The archive holds “%s”, which this version does not know.") % unknown[0])
    # What the migrations have put there is in the archive, too. Constraints are looked at when the transaction ends.
    with connection.cursor() as cursor:
        for model in tables.values():
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")  # noqa: S608 - names of models
    return {
        label: _insert(model, _lines(members, manifest, parts.get(label, [])))
        for label, model in tables.items()
    }


def _lines(members: dict[str, Member], manifest: dict[str, Any], names: list[str]) -> Iterator[bytes]:
    for name in names:
        if name not in members:
            raise ValidationError(_("“%s” is missing in the archive.") % name)
        content = members[name].read(LARGEST_PART)
        if hashlib.sha256(content).hexdigest() != manifest["sha256"][name]:
            raise ValidationError(_("“%s” was changed or is damaged.") % name)
        yield from content.splitlines(keepends=True)


def _insert(model: type[models.Model], lines: Iterator[bytes]) -> int:
    columns = [field.attname for field in model._meta.concrete_fields if not field.generated]

    def rows() -> Iterator[list[Any]]:
        for line in lines:
            try:
                values = values_of(model, line)
            except KeyError as error:
                raise ValidationError(
                    _("The archive holds “%s”, which this version does not know.") % error.args[0]
                ) from error
            except (ValueError, TypeError) as error:
                raise ValidationError(_("A row of %s cannot be read.") % model._meta.label) from error
            if model is User:
                values["password"] = make_password(None)
            yield [prepared(model, name, values[name]) for name in columns]

    return insert_rows(model, columns, rows())


def _mend() -> dict[str, int]:
    """Empty references to what is not in the archive; rows that cannot be without go. Returns how many by column."""
    mended: dict[str, int] = {}
    again = True
    while again:
        again = False
        for model in archived_tables():
            for field in model._meta.concrete_fields:
                if not field.is_relation or field.related_model is None:
                    continue
                target: Any = field.related_model
                rows = model._base_manager.exclude(**{field.attname: None}).exclude(
                    **{f"{field.attname}__in": target._base_manager.values("pk")}
                )
                # Written past the managers and the models: of events, too, nothing but what dangles.
                number = rows.update(**{field.attname: None}) if field.null else rows._raw_delete(rows.db)
                if number:
                    again = again or not field.null
                    mended[f"{model._meta.label}.{field.name}"] = number
    return mended


def _reset_sequences() -> None:
    statements = connection.ops.sequence_reset_sql(no_style(), archived_tables())
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _restore_files(members: dict[str, Member]) -> int:
    done = 0
    for name, member in members.items():
        if name.startswith("files/"):
            content = member.read(LARGEST_PART)
            sha256, key = store_file(content)
            if name != f"files/{key}":
                raise ValidationError(_("“%s” was changed or is damaged.") % name)
            done += len(sha256) > 0
    return done

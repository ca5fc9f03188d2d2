"""The verdict on each stored content, and the terms of each version of an SLA policy; fills both for what is there."""

from urllib.parse import urlsplit

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

SLICE = 1000


def fill_stored_files(apps, schema_editor):
    StoredFile = apps.get_model("tickets", "StoredFile")
    now = django.utils.timezone.now()

    def note(found):
        StoredFile.objects.bulk_create(
            [
                StoredFile(sha256=sha256, size=size, scan_after=now, created_at=now)
                for sha256, size in found.items()
            ],
            ignore_conflicts=True,
        )

    for name in ("Attachment", "MailLedger"):
        rows = apps.get_model("tickets", name).objects.exclude(storage_key="").order_by("pk")
        found = {}
        for sha256, size in rows.values_list("sha256", "size").iterator(chunk_size=SLICE):
            found[sha256] = size
            if len(found) == SLICE:
                note(found)
                found = {}
        note(found)
    drafts = apps.get_model("tickets", "Draft").objects.exclude(files=[]).values_list("files", flat=True)
    note({entry["sha256"]: entry["size"] for files in drafts for entry in files})


def fill_versions(apps, schema_editor):
    SLAPolicy = apps.get_model("tickets", "SLAPolicy")
    Version = apps.get_model("tickets", "SLAPolicyVersion")
    Event = apps.get_model("core", "Event")
    User = apps.get_model(settings.AUTH_USER_MODEL)
    for policy in SLAPolicy.objects.select_related("calendar").prefetch_related("targets", "steps__person"):
        saved = (
            Event.objects.filter(
                subject_kind="sla_policy", subject_id=policy.pk, verb="tickets.sla_policy_saved"
            )
            .order_by("-pk")
            .first()
        )
        # An event keeps the number of a person who may be gone.
        by_staff = saved is not None and saved.actor_kind == "staff"
        saved_by = User.objects.filter(pk=saved.actor_id).first() if by_staff else None
        calendar = policy.calendar
        terms = {
            "name": policy.name,
            "position": policy.position,
            "condition": policy.condition,
            "calendar": None
            if calendar is None
            else {"id": calendar.pk, "name": calendar.name, "timezone": calendar.timezone},
            "is_active": policy.is_active,
            "targets": {
                one.priority: [one.first_response_seconds, one.next_response_seconds, one.resolution_seconds]
                for one in policy.targets.all()
            },
            "steps": [
                {
                    "promise": step.promise,
                    "timing": step.timing,
                    "amount": step.amount,
                    "action": step.action,
                    "recipient": step.recipient,
                    "person": step.person.name if step.person else "",
                    "host": urlsplit(step.url).hostname or "",
                }
                for step in sorted(policy.steps.all(), key=lambda step: (step.position, step.pk))
            ],
        }
        Version.objects.create(
            policy=policy,
            version=policy.version,
            terms=terms,
            saved_at=saved.occurred_at if saved else django.utils.timezone.now(),
            saved_by=saved_by,
        )


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0005_bulk_results_and_type_skills"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="StoredFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(max_length=64, unique=True)),
                ("size", models.PositiveBigIntegerField()),
                (
                    "scan",
                    models.CharField(
                        choices=[
                            ("not_scanned", "Not scanned"),
                            ("clean", "Clean"),
                            ("infected", "Blocked"),
                            ("failed", "Could not be scanned"),
                        ],
                        default="not_scanned",
                        max_length=12,
                    ),
                ),
                ("signature", models.CharField(blank=True, max_length=200)),
                ("scan_error", models.CharField(blank=True, max_length=300)),
                ("scanned_at", models.DateTimeField(null=True)),
                ("scanned_by", models.CharField(blank=True, max_length=120)),
                ("scan_after", models.DateTimeField(default=django.utils.timezone.now, null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("leased_until", models.DateTimeField(null=True)),
                ("lease_token", models.CharField(blank=True, max_length=32)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("scan_after__isnull", False)),
                        fields=["-id"],
                        name="stored_file_due",
                    ),
                    models.Index(fields=["scan", "-scanned_at"], name="stored_file_scan"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SLAPolicyVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("terms", models.JSONField(default=dict)),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "policy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="tickets.slapolicy",
                    ),
                ),
                (
                    "saved_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-version"],
                "constraints": [
                    models.UniqueConstraint(fields=("policy", "version"), name="one_row_per_policy_version")
                ],
            },
        ),
        migrations.RunPython(fill_stored_files, migrations.RunPython.noop),
        migrations.RunPython(fill_versions, migrations.RunPython.noop),
    ]

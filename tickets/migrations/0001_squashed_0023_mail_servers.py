"""The tables of the desk as the 23 migrations made them that this one stands for: what a new installation runs.

What those moved from column to column is theirs: an installation that has some of them runs the rest of them instead.
"""

import datetime

import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tickets.models.export
import tickets.models.inbox
import tickets.models.lists
import tickets.models.sla
import tickets.models.ticket
from core.create_models import CreateModels


class Migration(migrations.Migration):
    replaces = [
        ("tickets", "0001_initial"),
        ("tickets", "0002_policy_conditions"),
        ("tickets", "0003_desk"),
        ("tickets", "0004_desk_rows"),
        ("tickets", "0005_bulk_results_and_type_skills"),
        ("tickets", "0006_stored_files_and_policy_versions"),
        ("tickets", "0007_ticket_exports"),
        ("tickets", "0008_writers_of_scheduled_answers"),
        ("tickets", "0009_attachment_sha256"),
        ("tickets", "0010_fewer_indexes"),
        ("tickets", "0011_draft_save_number"),
        ("tickets", "0012_mailboxes"),
        ("tickets", "0013_order_of_scans"),
        ("tickets", "0014_channels"),
        ("tickets", "0015_web_forms"),
        ("tickets", "0016_channel_templates"),
        ("tickets", "0017_ticket_sla_off"),
        ("tickets", "0018_chats"),
        ("tickets", "0019_worked_minutes"),
        ("tickets", "0020_macro_channels"),
        ("tickets", "0021_calls"),
        ("tickets", "0022_message_facts"),
        ("tickets", "0023_mail_servers"),
    ]

    initial = True

    dependencies = [
        ("core", "0004_search_text"),
        ("customers", "0004_contact_external_id"),
        ("people", "0003_requests_per_minute"),
    ]

    operations = [
        CreateModels(
            models=[
                migrations.CreateModel(
                    name="BulkAct",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "reference",
                            models.CharField(
                                default=tickets.models.lists._new_reference, max_length=16, unique=True
                            ),
                        ),
                        ("act", models.CharField(max_length=16)),
                        ("value", models.JSONField(default=dict)),
                        ("words", models.CharField(max_length=200)),
                        ("api_key", models.BigIntegerField(null=True)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("running", "Running"),
                                    ("done", "Done"),
                                    ("cancelled", "Cancelled"),
                                ],
                                default="running",
                                max_length=10,
                            ),
                        ),
                        ("total", models.PositiveIntegerField(default=0)),
                        (
                            "undo_state",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("running", "Running"),
                                    ("done", "Done"),
                                    ("cancelled", "Cancelled"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("created_at", models.DateTimeField()),
                        ("finished_at", models.DateTimeField(null=True)),
                        (
                            "job",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="core.job",
                            ),
                        ),
                        (
                            "undo_job",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="core.job",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["user", "-created_at"], name="bulk_act_user"),
                            models.Index(
                                condition=models.Q(
                                    ("state", "running"), ("undo_state", "running"), _connector="OR"
                                ),
                                fields=["created_at"],
                                name="bulk_act_running",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Category",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                        ("description", models.TextField(blank=True, verbose_name="description")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        (
                            "team",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="people.team",
                                verbose_name="team",
                            ),
                        ),
                        (
                            "required_skills",
                            models.ManyToManyField(
                                blank=True, related_name="+", to="people.skill", verbose_name="skills"
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "categories",
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="EscalationRule",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                        ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                        ("condition", models.JSONField(blank=True, default=dict, verbose_name="condition")),
                        (
                            "repeat_count",
                            models.PositiveSmallIntegerField(
                                blank=True, null=True, verbose_name="tickets of the contact"
                            ),
                        ),
                        (
                            "repeat_days",
                            models.PositiveSmallIntegerField(default=30, verbose_name="within days"),
                        ),
                        ("level", models.PositiveSmallIntegerField(default=1, verbose_name="level")),
                        (
                            "owner_kind",
                            models.CharField(
                                choices=[
                                    ("assignee", "the assignee"),
                                    ("lead", "the leads of the team"),
                                    ("person", "a person"),
                                    ("team", "a team"),
                                ],
                                default="lead",
                                max_length=8,
                                verbose_name="owner",
                            ),
                        ),
                        ("notify", models.BooleanField(default=True, verbose_name="notify the owner")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        (
                            "owner",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "owner_team",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="people.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="FormCount",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("key", models.CharField(max_length=64)),
                        ("begins_at", models.DateTimeField(db_index=True)),
                        ("count", models.PositiveIntegerField(default=0)),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("key", "begins_at"), name="one_form_count_per_stretch"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Inbox",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                        ("channel", models.CharField(default="email", max_length=32, verbose_name="channel")),
                        (
                            "address",
                            models.EmailField(
                                blank=True,
                                help_text="Answers are sent from this address.",
                                max_length=254,
                                verbose_name="address",
                            ),
                        ),
                        (
                            "from_name",
                            models.CharField(blank=True, max_length=80, verbose_name="sender name"),
                        ),
                        ("signature", models.TextField(blank=True, verbose_name="signature")),
                        ("config", models.JSONField(blank=True, default=dict)),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "default_team",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="people.team",
                                verbose_name="default team",
                            ),
                        ),
                        (
                            "hook_key",
                            models.CharField(
                                default=tickets.models.inbox.new_hook_key,
                                editable=False,
                                max_length=40,
                                null=True,
                                unique=True,
                            ),
                        ),
                        ("sealed_secrets", models.TextField(blank=True, editable=False)),
                    ],
                    options={
                        "verbose_name_plural": "inboxes",
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="ListColumns",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("view", models.CharField(max_length=32)),
                        ("columns", models.JSONField(default=list)),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("user", "view"), name="one_choice_of_columns_per_view"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Macro",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[("canned", "Canned reply"), ("macro", "Macro")],
                                default="canned",
                                max_length=8,
                                verbose_name="kind",
                            ),
                        ),
                        ("name", models.CharField(max_length=80, verbose_name="name")),
                        ("folder", models.CharField(blank=True, max_length=60, verbose_name="folder")),
                        ("shortcut", models.CharField(blank=True, max_length=32, verbose_name="shortcut")),
                        (
                            "scope",
                            models.CharField(
                                choices=[
                                    ("personal", "Only me"),
                                    ("team", "A team"),
                                    ("everyone", "Everyone"),
                                ],
                                default="personal",
                                max_length=8,
                                verbose_name="for",
                            ),
                        ),
                        ("reply", models.TextField(blank=True, verbose_name="reply")),
                        ("note", models.TextField(blank=True, verbose_name="private note")),
                        ("sends", models.BooleanField(default=False, verbose_name="sends the reply")),
                        ("actions", models.JSONField(blank=True, default=list, verbose_name="actions")),
                        (
                            "condition",
                            models.JSONField(blank=True, default=dict, verbose_name="offered when"),
                        ),
                        ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        ("use_count", models.PositiveIntegerField(default=0)),
                        ("last_used_at", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "owner",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="people.team",
                            ),
                        ),
                        ("channels", models.JSONField(blank=True, default=list, verbose_name="channels")),
                    ],
                    options={
                        "ordering": ["position", "folder", "name", "pk"],
                        "indexes": [models.Index(fields=["scope", "team", "owner"], name="macro_scope")],
                    },
                ),
                migrations.CreateModel(
                    name="ProviderApp",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                        (
                            "provider",
                            models.CharField(
                                choices=[
                                    ("microsoft", "Microsoft 365"),
                                    ("google", "Google"),
                                    ("other", "Another provider (OAuth 2)"),
                                ],
                                max_length=12,
                                verbose_name="provider",
                            ),
                        ),
                        ("client_id", models.CharField(max_length=255, verbose_name="client ID")),
                        ("sealed_secret", models.TextField(blank=True, editable=False)),
                        ("tenant", models.CharField(blank=True, max_length=100, verbose_name="tenant")),
                        (
                            "authorise_url",
                            models.CharField(
                                blank=True, max_length=500, verbose_name="address for signing in"
                            ),
                        ),
                        (
                            "token_url",
                            models.CharField(blank=True, max_length=500, verbose_name="address for tokens"),
                        ),
                        ("scope", models.CharField(blank=True, max_length=500, verbose_name="scopes")),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="SavedView",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=60, verbose_name="name")),
                        ("icon", models.CharField(default="bookmark", max_length=40, verbose_name="icon")),
                        (
                            "scope",
                            models.CharField(
                                choices=[
                                    ("personal", "Only me"),
                                    ("team", "A team"),
                                    ("everyone", "Everyone"),
                                ],
                                default="personal",
                                max_length=8,
                                verbose_name="for",
                            ),
                        ),
                        ("condition", models.JSONField(default=dict, verbose_name="condition")),
                        ("columns", models.JSONField(default=list, verbose_name="columns")),
                        ("sort", models.CharField(default="sla", max_length=12, verbose_name="order")),
                        ("position", models.PositiveSmallIntegerField(default=0)),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        ("revision", models.PositiveIntegerField(default=1)),
                        ("counted_revision", models.PositiveIntegerField(default=0)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("updated_at", models.DateTimeField(auto_now=True)),
                        (
                            "owner",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="people.team",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SendingPause",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("server", models.CharField(max_length=520)),
                        ("domain", models.CharField(blank=True, max_length=253)),
                        ("failures", models.PositiveIntegerField(default=0)),
                        ("since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("until", models.DateTimeField()),
                        ("error", models.CharField(blank=True, max_length=300)),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("server", "domain"), name="one_pause_per_domain")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SLAPolicy",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                        ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        (
                            "calendar",
                            models.ForeignKey(
                                blank=True,
                                help_text="Without a calendar the clock never stops.",
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="core.calendar",
                                verbose_name="calendar",
                            ),
                        ),
                        ("condition", models.JSONField(blank=True, default=dict, verbose_name="condition")),
                        ("version", models.PositiveIntegerField(default=1)),
                    ],
                    options={
                        "verbose_name_plural": "SLA policies",
                        "ordering": ["position", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Status",
                    fields=[
                        ("key", models.CharField(max_length=24, primary_key=True, serialize=False)),
                        ("name", models.CharField(max_length=60, verbose_name="name")),
                        (
                            "category",
                            models.CharField(
                                choices=[
                                    ("new", "New"),
                                    ("open", "Open"),
                                    ("waiting", "Waiting on customer"),
                                    ("on_hold", "On hold"),
                                    ("resolved", "Resolved"),
                                    ("closed", "Closed"),
                                ],
                                max_length=12,
                                verbose_name="category",
                            ),
                        ),
                        (
                            "customer_label",
                            models.CharField(max_length=60, verbose_name="label for customers"),
                        ),
                        ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        (
                            "pauses_sla",
                            models.BooleanField(default=False, verbose_name="pauses the SLA clock"),
                        ),
                    ],
                    options={
                        "ordering": ["position"],
                    },
                ),
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
                            models.Index(fields=["scan", "-scanned_at"], name="stored_file_scan"),
                            models.Index(
                                condition=models.Q(("scan_after__isnull", False)),
                                fields=["attempts", "-id"],
                                name="stored_file_next",
                            ),
                            models.Index(
                                condition=models.Q(("leased_until__isnull", False)),
                                fields=["leased_until"],
                                name="stored_file_leased",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Tag",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=40, unique=True, verbose_name="name")),
                        (
                            "description",
                            models.CharField(blank=True, max_length=200, verbose_name="description"),
                        ),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                    ],
                    options={
                        "ordering": ["name"],
                    },
                ),
                migrations.CreateModel(
                    name="TeamQueue",
                    fields=[
                        (
                            "team",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="+",
                                serialize=False,
                                to="people.team",
                            ),
                        ),
                        (
                            "last_user",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="TicketExport",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "reference",
                            models.CharField(
                                default=tickets.models.export._new_reference, max_length=24, unique=True
                            ),
                        ),
                        ("actor_kind", models.CharField(max_length=16)),
                        ("actor_id", models.BigIntegerField()),
                        ("rights", models.JSONField(default=dict)),
                        ("view", models.CharField(blank=True, max_length=32)),
                        ("name", models.CharField(max_length=120)),
                        ("condition", models.JSONField(default=dict)),
                        ("filters", models.JSONField(default=dict)),
                        ("columns", models.JSONField(default=list)),
                        (
                            "format",
                            models.CharField(choices=[("csv", "CSV"), ("xlsx", "Excel file")], max_length=8),
                        ),
                        ("timezone", models.CharField(default="UTC", max_length=64)),
                        ("total", models.PositiveIntegerField(default=0)),
                        ("count", models.PositiveIntegerField(default=0)),
                        ("size", models.PositiveBigIntegerField(default=0)),
                        ("storage_key", models.CharField(blank=True, max_length=120)),
                        ("requested_at", models.DateTimeField()),
                        ("ready_at", models.DateTimeField(null=True)),
                        ("expires_at", models.DateTimeField()),
                        ("cleared_at", models.DateTimeField(null=True)),
                        (
                            "job",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="core.job",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["actor_kind", "actor_id", "-id"], name="ticket_export_own"),
                            models.Index(
                                condition=models.Q(("cleared_at__isnull", True)),
                                fields=["expires_at"],
                                name="ticket_export_over",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TicketNumber",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("last", models.BigIntegerField(default=4000)),
                    ],
                ),
                migrations.CreateModel(
                    name="TicketType",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=60, unique=True, verbose_name="name")),
                        (
                            "description",
                            models.CharField(blank=True, max_length=200, verbose_name="description"),
                        ),
                        ("checklist", models.JSONField(blank=True, default=list, verbose_name="checklist")),
                        ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        (
                            "required_skills",
                            models.ManyToManyField(
                                blank=True, related_name="+", to="people.skill", verbose_name="skills"
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "name"],
                    },
                ),
                migrations.CreateModel(
                    name="ViewCount",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("view", models.CharField(max_length=32)),
                        ("team", models.BigIntegerField(default=0)),
                        ("assignee", models.BigIntegerField(default=0)),
                        ("person", models.BigIntegerField(default=0)),
                        ("count", models.IntegerField(default=0)),
                        ("counted_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("view", "team", "assignee", "person"), name="one_count_per_bucket"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChannelHealth",
                    fields=[
                        (
                            "inbox",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="health",
                                serialize=False,
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("new", "Not used yet"),
                                    ("ok", "Works"),
                                    ("refused", "Credentials refused"),
                                    ("unreachable", "Not reachable"),
                                ],
                                default="new",
                                max_length=12,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("error", models.CharField(blank=True, max_length=300)),
                        ("failures", models.PositiveIntegerField(default=0)),
                        (
                            "alarm",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("refused", "the provider refuses the credentials"),
                                    ("unreachable", "the provider cannot be reached"),
                                    ("silent", "nothing has come in for unusually long"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("checked_at", models.DateTimeField(null=True)),
                        ("refused_calls", models.PositiveIntegerField(default=0)),
                        ("refused_at", models.DateTimeField(null=True)),
                        ("last_in_at", models.DateTimeField(null=True)),
                        ("last_out_at", models.DateTimeField(null=True)),
                    ],
                ),
                migrations.CreateModel(
                    name="ChannelTemplate",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=512)),
                        ("language", models.CharField(max_length=16)),
                        ("body", models.TextField()),
                        ("category", models.CharField(blank=True, max_length=40)),
                        ("state", models.CharField(blank=True, max_length=40)),
                        ("is_usable", models.BooleanField(default=True)),
                        ("fetched_at", models.DateTimeField()),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="templates",
                                to="tickets.inbox",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["name", "language"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("inbox", "name", "language"), name="one_template_per_language"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChannelTraffic",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("hour", models.DateTimeField()),
                        ("received", models.PositiveIntegerField(default=0)),
                        ("sent", models.PositiveIntegerField(default=0)),
                        ("failed", models.PositiveIntegerField(default=0)),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("inbox", "hour"), name="one_traffic_row_per_hour")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="CustomField",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("key", models.SlugField(max_length=40, unique=True, verbose_name="key")),
                        ("label", models.CharField(max_length=60, verbose_name="label")),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("text", "Text"),
                                    ("number", "Number"),
                                    ("choice", "Choice"),
                                    ("multi", "Several choices"),
                                    ("date", "Date"),
                                    ("bool", "Yes or no"),
                                    ("reference", "Reference"),
                                ],
                                max_length=10,
                                verbose_name="kind",
                            ),
                        ),
                        ("help_text", models.CharField(blank=True, max_length=200, verbose_name="help")),
                        ("options", models.JSONField(blank=True, default=list, verbose_name="choices")),
                        (
                            "reference",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("account", "Customer"),
                                    ("contact", "Contact"),
                                    ("user", "Colleague"),
                                    ("ticket", "Ticket"),
                                ],
                                max_length=10,
                                verbose_name="refers to",
                            ),
                        ),
                        ("condition", models.JSONField(blank=True, default=dict, verbose_name="shown when")),
                        (
                            "required_on_resolve",
                            models.BooleanField(default=False, verbose_name="required to resolve"),
                        ),
                        ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                        ("is_active", models.BooleanField(default=True, verbose_name="active")),
                        (
                            "types",
                            models.ManyToManyField(
                                blank=True, related_name="+", to="tickets.tickettype", verbose_name="types"
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="MailAccount",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("address", models.CharField(max_length=254, verbose_name="user name")),
                        ("sealed_access_token", models.TextField(blank=True, editable=False)),
                        ("sealed_refresh_token", models.TextField(editable=False)),
                        ("expires_at", models.DateTimeField()),
                        (
                            "state",
                            models.CharField(
                                choices=[("ok", "Signed in"), ("expired", "Sign-in expired")],
                                default="ok",
                                max_length=8,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("error", models.CharField(blank=True, max_length=300)),
                        ("renewed_at", models.DateTimeField(blank=True, null=True)),
                        ("leased_until", models.DateTimeField(blank=True, null=True)),
                        ("lease_token", models.CharField(blank=True, max_length=32)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "connected_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "app",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="accounts",
                                to="tickets.providerapp",
                                verbose_name="provider",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["address"],
                        "constraints": [
                            models.UniqueConstraint(fields=("app", "address"), name="one_account_per_address")
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
                            models.UniqueConstraint(
                                fields=("policy", "version"), name="one_row_per_policy_version"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SLAStep",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("position", models.PositiveSmallIntegerField(default=0)),
                        ("promise", models.CharField(blank=True, max_length=16)),
                        (
                            "timing",
                            models.CharField(
                                choices=[
                                    ("share", "% of the time used"),
                                    ("before", "minutes before the deadline"),
                                    ("after", "minutes after the deadline"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("amount", models.PositiveIntegerField()),
                        (
                            "action",
                            models.CharField(
                                choices=[
                                    ("warn", "Warn"),
                                    ("raise", "Raise the priority"),
                                    ("reassign", "Give to a person"),
                                    ("return", "Return to the team"),
                                    ("webhook", "Call a webhook"),
                                ],
                                max_length=8,
                            ),
                        ),
                        (
                            "recipient",
                            models.CharField(
                                choices=[
                                    ("owner", "the assignee, else the team"),
                                    ("team", "the team"),
                                    ("lead", "the leads of the team"),
                                    ("person", "a person"),
                                ],
                                default="owner",
                                max_length=8,
                            ),
                        ),
                        ("url", models.CharField(blank=True, max_length=500)),
                        (
                            "signing_token",
                            models.CharField(default=tickets.models.sla.new_signing_token, max_length=32),
                        ),
                        ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "person",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "policy",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="steps",
                                to="tickets.slapolicy",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="SLATarget",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("priority", models.CharField(max_length=8)),
                        ("first_response_seconds", models.PositiveIntegerField(null=True)),
                        ("resolution_seconds", models.PositiveIntegerField(null=True)),
                        (
                            "policy",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="targets",
                                to="tickets.slapolicy",
                            ),
                        ),
                        ("next_response_seconds", models.PositiveIntegerField(null=True)),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("policy", "priority"), name="one_target_per_priority"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Mailbox",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("host", models.CharField(max_length=253, verbose_name="server")),
                        ("port", models.PositiveIntegerField(default=993, verbose_name="port")),
                        (
                            "security",
                            models.CharField(
                                choices=[
                                    ("tls", "TLS from the start (IMAP 993, POP3 995, SMTP 465)"),
                                    ("starttls", "STARTTLS (IMAP 143, POP3 110, SMTP 587)"),
                                    ("none", "None (this machine only)"),
                                ],
                                default="tls",
                                max_length=8,
                                verbose_name="encryption",
                            ),
                        ),
                        ("username", models.CharField(max_length=254, verbose_name="user name")),
                        ("sealed_password", models.TextField(blank=True, editable=False)),
                        ("folder", models.CharField(default="INBOX", max_length=200, verbose_name="folder")),
                        (
                            "take_existing",
                            models.BooleanField(
                                default=False, verbose_name="take in the mails that are there already"
                            ),
                        ),
                        ("uidvalidity", models.BigIntegerField(blank=True, null=True)),
                        ("first_uid", models.BigIntegerField(default=1)),
                        ("last_uid", models.BigIntegerField(default=0)),
                        ("skip_before", models.DateTimeField(blank=True, null=True)),
                        ("connected_at", models.DateTimeField(blank=True, null=True)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("new", "Not looked at yet"),
                                    ("ok", "Connected"),
                                    ("wrong_password", "Wrong password"),
                                    ("sign_in_expired", "Sign-in expired"),
                                    ("folder_missing", "Folder missing"),
                                    ("unreachable", "Not reachable"),
                                    ("paused", "Paused"),
                                ],
                                default="new",
                                max_length=16,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("error", models.CharField(blank=True, max_length=300)),
                        ("failures", models.PositiveIntegerField(default=0)),
                        (
                            "alarm",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("wrong_password", "the server refuses the password"),
                                    ("sign_in_expired", "the provider takes its sign-in no more"),
                                    ("folder_missing", "its folder is missing"),
                                    ("unreachable", "the server cannot be reached"),
                                    ("silent", "no mail has come for unusually long"),
                                    ("missing", "mails on the server are missing here"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("next_look_at", models.DateTimeField(default=django.utils.timezone.now)),
                        ("last_success_at", models.DateTimeField(blank=True, null=True)),
                        ("last_mail_at", models.DateTimeField(blank=True, null=True)),
                        ("leased_until", models.DateTimeField(blank=True, null=True)),
                        ("lease_token", models.CharField(blank=True, max_length=32)),
                        ("stuck_uid", models.BigIntegerField(default=0)),
                        ("stuck_count", models.PositiveSmallIntegerField(default=0)),
                        ("reconciled_at", models.DateTimeField(blank=True, null=True)),
                        ("server_count", models.PositiveIntegerField(default=0)),
                        ("missing_count", models.PositiveIntegerField(default=0)),
                        ("missing", models.JSONField(blank=True, default=list)),
                        ("fetch_missing", models.BooleanField(default=False)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "inbox",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="mailboxes",
                                to="tickets.inbox",
                                verbose_name="inbox",
                            ),
                        ),
                        (
                            "delete_after_days",
                            models.PositiveSmallIntegerField(
                                blank=True, null=True, verbose_name="delete after"
                            ),
                        ),
                        (
                            "protocol",
                            models.CharField(
                                choices=[("imap", "IMAP"), ("pop3", "POP3")],
                                default="imap",
                                max_length=4,
                                verbose_name="protocol",
                            ),
                        ),
                        (
                            "account",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="mailboxes",
                                to="tickets.mailaccount",
                                verbose_name="sign-in",
                            ),
                        ),
                    ],
                    options={
                        "verbose_name_plural": "mailboxes",
                        "ordering": ["pk"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("host", "username", "folder"),
                                name="one_mailbox_per_folder",
                                violation_error_message="This folder is read already.",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="OutgoingServer",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("host", models.CharField(max_length=253, verbose_name="server")),
                        ("port", models.PositiveIntegerField(default=587, verbose_name="port")),
                        (
                            "security",
                            models.CharField(
                                choices=[
                                    ("tls", "TLS from the start (IMAP 993, POP3 995, SMTP 465)"),
                                    ("starttls", "STARTTLS (IMAP 143, POP3 110, SMTP 587)"),
                                    ("none", "None (this machine only)"),
                                ],
                                default="starttls",
                                max_length=8,
                                verbose_name="encryption",
                            ),
                        ),
                        ("username", models.CharField(blank=True, max_length=254, verbose_name="user name")),
                        ("sealed_password", models.TextField(blank=True, editable=False)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("new", "Not used yet"),
                                    ("ok", "Works"),
                                    ("wrong_password", "Wrong password"),
                                    ("sign_in_expired", "Sign-in expired"),
                                    ("unreachable", "Not reachable"),
                                ],
                                default="new",
                                max_length=16,
                            ),
                        ),
                        ("state_since", models.DateTimeField(default=django.utils.timezone.now)),
                        ("error", models.CharField(blank=True, max_length=300)),
                        (
                            "alarm",
                            models.CharField(
                                blank=True,
                                choices=[
                                    (
                                        "wrong_password",
                                        "the server refuses the password, and no answer leaves",
                                    ),
                                    (
                                        "sign_in_expired",
                                        "the provider takes its sign-in no more, and no answer leaves",
                                    ),
                                    ("unreachable", "the server cannot be reached, and no answer leaves"),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("last_sent_at", models.DateTimeField(blank=True, null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "account",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="outgoing",
                                to="tickets.mailaccount",
                                verbose_name="sign-in",
                            ),
                        ),
                        (
                            "inbox",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="outgoing",
                                to="tickets.inbox",
                                verbose_name="inbox",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="Ticket",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("number", models.BigIntegerField(unique=True)),
                        (
                            "reference",
                            models.CharField(default=tickets.models.ticket.new_reference, max_length=12),
                        ),
                        ("subject", models.CharField(max_length=300)),
                        ("channel", models.CharField(max_length=32)),
                        (
                            "priority",
                            models.CharField(
                                choices=[
                                    ("low", "Low"),
                                    ("normal", "Normal"),
                                    ("high", "High"),
                                    ("urgent", "Urgent"),
                                ],
                                default="normal",
                                max_length=8,
                            ),
                        ),
                        ("priority_rank", models.PositiveSmallIntegerField(default=1)),
                        ("assigned_reason", models.CharField(blank=True, max_length=120)),
                        (
                            "routing_state",
                            models.CharField(
                                choices=[
                                    ("pending", "Being routed"),
                                    ("routed", "Routed"),
                                    ("triage", "Needs triage"),
                                    ("manual", "Routed by hand"),
                                ],
                                default="pending",
                                max_length=8,
                            ),
                        ),
                        ("language", models.CharField(blank=True, max_length=16)),
                        ("version", models.PositiveIntegerField(default=1)),
                        ("created_at", models.DateTimeField()),
                        ("updated_at", models.DateTimeField()),
                        ("last_message_at", models.DateTimeField()),
                        ("last_message_preview", models.CharField(blank=True, max_length=160)),
                        ("last_message_inbound", models.BooleanField(default=True)),
                        ("waiting_since", models.DateTimeField(null=True)),
                        ("unread", models.BooleanField(default=True)),
                        ("first_responded_at", models.DateTimeField(null=True)),
                        ("resolved_at", models.DateTimeField(null=True)),
                        ("closed_at", models.DateTimeField(null=True)),
                        ("sentiment_label", models.CharField(blank=True, max_length=10)),
                        ("sentiment_probability", models.FloatField(null=True)),
                        ("sentiment_score", models.FloatField(null=True)),
                        ("first_response_due_at", models.DateTimeField(null=True)),
                        ("resolution_due_at", models.DateTimeField(null=True)),
                        ("next_due_at", models.DateTimeField(null=True)),
                        ("first_response_breached_at", models.DateTimeField(null=True)),
                        ("resolution_breached_at", models.DateTimeField(null=True)),
                        (
                            "account",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="tickets",
                                to="customers.account",
                            ),
                        ),
                        (
                            "assignee",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "category",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.category",
                            ),
                        ),
                        (
                            "contact",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="tickets",
                                to="customers.contact",
                            ),
                        ),
                        (
                            "follow_up_of",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="follow_ups",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "sla_policy",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.slapolicy",
                            ),
                        ),
                        (
                            "status",
                            models.ForeignKey(
                                db_index=False,
                                default="new",
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.status",
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="people.team",
                            ),
                        ),
                        (
                            "due_order",
                            models.GeneratedField(
                                db_persist=True,
                                expression=django.db.models.functions.comparison.Coalesce(
                                    "next_due_at",
                                    models.Value(datetime.datetime(9999, 12, 31, 0, 0, tzinfo=datetime.UTC)),
                                ),
                                output_field=models.DateTimeField(),
                            ),
                        ),
                        (
                            "merged_into",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="merged_tickets",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "snoozed_by",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        ("escalation_level", models.PositiveSmallIntegerField(default=0)),
                        ("inbound_count", models.PositiveIntegerField(default=0)),
                        ("merged_count", models.PositiveSmallIntegerField(default=0)),
                        ("next_response_breached_at", models.DateTimeField(null=True)),
                        ("next_response_due_at", models.DateTimeField(null=True)),
                        ("outbound_count", models.PositiveIntegerField(default=0)),
                        ("reopen_count", models.PositiveIntegerField(default=0)),
                        ("satisfaction", models.PositiveSmallIntegerField(null=True)),
                        ("sla_policy_version", models.PositiveIntegerField(default=0)),
                        ("sla_step_at", models.DateTimeField(null=True)),
                        ("snoozed_until", models.DateTimeField(null=True)),
                        (
                            "status_category",
                            models.CharField(
                                choices=[
                                    ("new", "New"),
                                    ("open", "Open"),
                                    ("waiting", "Waiting on customer"),
                                    ("on_hold", "On hold"),
                                    ("resolved", "Resolved"),
                                    ("closed", "Closed"),
                                ],
                                default="new",
                                max_length=12,
                            ),
                        ),
                        ("value_at_risk", models.FloatField(default=0.0)),
                        (
                            "tags",
                            models.ManyToManyField(
                                related_name="+", through="tickets.TicketTag", to="tickets.tag"
                            ),
                        ),
                        (
                            "type",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.tickettype",
                            ),
                        ),
                        ("sla_off", models.BooleanField(db_default=False, default=False)),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["account", "-created_at"], name="ticket_account"),
                            models.Index(
                                condition=models.Q(
                                    ("status_category__in", ["new", "open", "waiting", "on_hold"])
                                ),
                                fields=["due_order", "id"],
                                name="ticket_living_due",
                            ),
                            models.Index(
                                condition=models.Q(
                                    ("status_category__in", ["new", "open", "waiting", "on_hold"])
                                ),
                                fields=["-last_message_at", "-id"],
                                name="ticket_living_recent",
                            ),
                            models.Index(
                                condition=models.Q(
                                    ("status_category__in", ["new", "open", "waiting", "on_hold"])
                                ),
                                fields=["created_at", "id"],
                                name="ticket_living_age",
                            ),
                            models.Index(
                                condition=models.Q(
                                    ("status_category__in", ["new", "open", "waiting", "on_hold"])
                                ),
                                fields=["waiting_since", "id"],
                                name="ticket_living_waiting",
                            ),
                            models.Index(
                                condition=models.Q(
                                    ("status_category__in", ["new", "open", "waiting", "on_hold"])
                                ),
                                fields=["-value_at_risk", "-id"],
                                name="ticket_living_value",
                            ),
                            models.Index(
                                condition=models.Q(
                                    ("status_category__in", ["new", "open", "waiting", "on_hold"])
                                ),
                                fields=["-priority_rank", "due_order", "id"],
                                name="ticket_living_priority",
                            ),
                            models.Index(
                                condition=models.Q(
                                    ("status_category__in", ["new", "open", "waiting", "on_hold"])
                                ),
                                fields=["assignee", "due_order", "id"],
                                name="ticket_living_mine",
                            ),
                            models.Index(
                                condition=models.Q(
                                    ("status_category__in", ["new", "open", "waiting", "on_hold"])
                                ),
                                fields=["team", "due_order", "id"],
                                name="ticket_living_team",
                            ),
                            models.Index(
                                fields=["status_category", "-last_message_at", "-id"],
                                name="ticket_category_recent",
                            ),
                            models.Index(
                                fields=["status_category", "due_order", "id"], name="ticket_category_due"
                            ),
                            models.Index(
                                condition=models.Q(("snoozed_until__isnull", False)),
                                fields=["snoozed_until"],
                                name="ticket_snoozed",
                            ),
                            models.Index(fields=["-updated_at", "-id"], name="ticket_updated"),
                            models.Index(
                                condition=models.Q(("sla_step_at__isnull", False)),
                                fields=["sla_step_at"],
                                name="ticket_sla_step",
                            ),
                            models.Index(
                                condition=models.Q(("merged_into__isnull", False)),
                                fields=["merged_into"],
                                name="ticket_merged_into",
                            ),
                            models.Index(
                                condition=models.Q(("follow_up_of__isnull", False)),
                                fields=["follow_up_of"],
                                name="ticket_follow_up_of",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(fields=("reference",), name="one_ticket_per_reference")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="BulkItem",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting"),
                                    ("done", "Done"),
                                    ("same", "Was so already"),
                                    ("refused", "Refused"),
                                    ("failed", "Failed"),
                                    ("undone", "Taken back"),
                                    ("kept", "Not taken back"),
                                    ("undo_failed", "Could not be taken back"),
                                ],
                                default="waiting",
                                max_length=11,
                            ),
                        ),
                        ("before", models.JSONField(default=dict)),
                        ("reason", models.CharField(blank=True, max_length=300)),
                        (
                            "act",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="items",
                                to="tickets.bulkact",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                        ("after", models.JSONField(default=dict)),
                    ],
                    options={
                        "indexes": [models.Index(fields=["act", "state", "id"], name="bulk_item_state")],
                        "constraints": [
                            models.UniqueConstraint(fields=("act", "ticket"), name="one_item_per_ticket")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Call",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("provider_id", models.CharField(blank=True, max_length=100)),
                        (
                            "direction",
                            models.CharField(
                                choices=[("inbound", "From the customer"), ("outbound", "To the customer")],
                                max_length=8,
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("ringing", "Ringing"),
                                    ("answered", "Talking"),
                                    ("ended", "Ended"),
                                    ("missed", "Missed"),
                                    ("voicemail", "Voicemail"),
                                ],
                                default="ringing",
                                max_length=9,
                            ),
                        ),
                        ("number", models.CharField(blank=True, max_length=64)),
                        ("line", models.CharField(blank=True, max_length=64)),
                        ("caller_name", models.CharField(blank=True, max_length=160)),
                        ("rung", models.JSONField(default=list)),
                        ("started_at", models.DateTimeField()),
                        ("answered_at", models.DateTimeField(null=True)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("duration_seconds", models.PositiveIntegerField(null=True)),
                        ("recording_key", models.CharField(blank=True, max_length=80)),
                        ("recording_sha256", models.CharField(blank=True, max_length=64)),
                        ("recording_type", models.CharField(blank=True, max_length=120)),
                        ("recording_size", models.PositiveBigIntegerField(null=True)),
                        ("transcript", models.TextField(blank=True)),
                        ("note", models.TextField(blank=True)),
                        (
                            "outcome",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Not said"),
                                    ("solved", "Solved"),
                                    ("follow_up", "Needs a follow-up"),
                                    ("call_back", "To be called back"),
                                    ("not_reached", "Not reached"),
                                    ("wrong_number", "Wrong number"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("wrapped_at", models.DateTimeField(null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "agent",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "contact",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="customers.contact",
                            ),
                        ),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["-started_at", "-id"], name="call_recent"),
                            models.Index(fields=["contact", "-started_at"], name="call_contact"),
                            models.Index(
                                condition=models.Q(("ticket__isnull", False)),
                                fields=["ticket"],
                                name="call_ticket",
                            ),
                            models.Index(
                                condition=models.Q(("wrapped_at", None)),
                                fields=["-started_at"],
                                name="call_on_screen",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("provider_id", ""), _negated=True),
                                fields=("inbox", "provider_id"),
                                name="one_call_per_provider_id",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="CarbonCopy",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        ("removed_at", models.DateTimeField(null=True)),
                        (
                            "added_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "contact",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="carbon_copies",
                                to="customers.contact",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="carbon_copies",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("ticket", "contact"), name="one_copy_per_contact")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChannelPayload",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("delivery_id", models.CharField(max_length=100)),
                        ("method", models.CharField(default="POST", max_length=8)),
                        ("query", models.TextField(blank=True)),
                        ("headers", models.JSONField(default=dict)),
                        ("content_type", models.CharField(blank=True, max_length=200)),
                        ("body", models.BinaryField()),
                        ("received_at", models.DateTimeField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("received", "Waiting"),
                                    ("processed", "Taken in"),
                                    ("ignored", "Nothing to do"),
                                    ("failed", "Failed"),
                                ],
                                default="received",
                                max_length=10,
                            ),
                        ),
                        ("result", models.CharField(blank=True, max_length=300)),
                        ("error", models.CharField(blank=True, max_length=500)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("next_try_at", models.DateTimeField(null=True)),
                        ("leased_until", models.DateTimeField(null=True)),
                        ("processed_at", models.DateTimeField(null=True)),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                condition=models.Q(("state", "received")),
                                fields=["next_try_at", "id"],
                                name="payload_waiting",
                            ),
                            models.Index(fields=["inbox", "-id"], name="payload_inbox"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("inbox", "delivery_id"), name="one_payload_per_delivery"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChannelThread",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("key", models.CharField(max_length=255)),
                        ("data", models.JSONField(default=dict)),
                        ("last_inbound_at", models.DateTimeField(null=True)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "contact",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="customers.contact",
                            ),
                        ),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                        ("delivered_until", models.DateTimeField(null=True)),
                        ("read_until", models.DateTimeField(null=True)),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("inbox", "key"), name="one_thread_per_key")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChatSession",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("key", models.CharField(max_length=32, unique=True)),
                        ("token_digest", models.CharField(max_length=64)),
                        (
                            "state",
                            models.CharField(
                                choices=[("open", "Open"), ("ended", "Ended")], default="open", max_length=8
                            ),
                        ),
                        ("name", models.CharField(blank=True, max_length=160)),
                        ("email", models.CharField(blank=True, max_length=254)),
                        ("user_id", models.CharField(blank=True, max_length=150)),
                        ("consent_text", models.TextField(blank=True)),
                        ("consented_at", models.DateTimeField(null=True)),
                        ("page_url", models.CharField(blank=True, max_length=1000)),
                        ("page_title", models.CharField(blank=True, max_length=200)),
                        ("language", models.CharField(blank=True, max_length=16)),
                        ("browser", models.CharField(blank=True, max_length=300)),
                        ("address_digest", models.CharField(max_length=64)),
                        ("last_number", models.PositiveIntegerField(default=0)),
                        ("seen_number", models.PositiveIntegerField(default=0)),
                        ("last_seen_at", models.DateTimeField()),
                        ("typing_at", models.DateTimeField(null=True)),
                        ("created_at", models.DateTimeField()),
                        ("ended_at", models.DateTimeField(null=True)),
                        (
                            "agent",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "inbox",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                fields=["address_digest", "-created_at"], name="chat_session_address"
                            ),
                            models.Index(
                                condition=models.Q(("ticket", None)),
                                fields=["last_seen_at"],
                                name="chat_session_unused",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ChecklistItem",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("text", models.CharField(max_length=200)),
                        ("position", models.PositiveSmallIntegerField(default=0)),
                        ("done_at", models.DateTimeField(null=True)),
                        (
                            "done_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="checklist",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "from_type",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.tickettype",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["position", "pk"],
                    },
                ),
                migrations.CreateModel(
                    name="CountedTicket",
                    fields=[
                        (
                            "ticket",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                primary_key=True,
                                related_name="+",
                                serialize=False,
                                to="tickets.ticket",
                            ),
                        ),
                        ("buckets", models.JSONField(default=list)),
                        ("version", models.PositiveIntegerField(default=0)),
                        ("unread", models.BooleanField(default=False)),
                        ("due_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                condition=models.Q(("due_at__isnull", False)),
                                fields=["due_at"],
                                name="counted_ticket_due",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Draft",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[("reply", "Reply"), ("note", "Private note")], max_length=5
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[("draft", "Draft"), ("scheduled", "Scheduled"), ("held", "On hold")],
                                default="draft",
                                max_length=9,
                            ),
                        ),
                        ("body", models.TextField(blank=True)),
                        ("cc", models.JSONField(null=True)),
                        ("files", models.JSONField(default=list)),
                        ("version", models.PositiveIntegerField(default=1)),
                        ("overtaken", models.TextField(blank=True)),
                        ("token", models.CharField(blank=True, max_length=64)),
                        ("status_after", models.CharField(blank=True, max_length=24)),
                        ("send_at", models.DateTimeField(null=True)),
                        ("hold_if_customer_writes", models.BooleanField(default=True)),
                        ("seen_message_id", models.BigIntegerField(null=True)),
                        (
                            "held_because",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("customer_wrote", "The customer wrote first."),
                                    ("closed", "The ticket was closed."),
                                    ("merged", "The ticket was merged into another one."),
                                    ("writer", "Its writer may not answer any more."),
                                    ("refused", "It could not be sent."),
                                    ("failed", "Sending it failed."),
                                ],
                                max_length=16,
                            ),
                        ),
                        ("held_detail", models.CharField(blank=True, max_length=300)),
                        ("created_at", models.DateTimeField()),
                        ("updated_at", models.DateTimeField()),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="drafts",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "api_key",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="people.apikey",
                            ),
                        ),
                        ("save_number", models.BigIntegerField(default=0)),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["user", "ticket"], name="draft_user"),
                            models.Index(
                                condition=models.Q(("state", "draft"), _negated=True),
                                fields=["send_at"],
                                name="draft_leaving",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("state", "draft")),
                                fields=("ticket", "user", "kind"),
                                name="one_draft_per_person_and_kind",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Episode",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("number", models.PositiveSmallIntegerField()),
                        ("opened_at", models.DateTimeField()),
                        ("opened_slot", models.PositiveIntegerField()),
                        ("first_inbound_at", models.DateTimeField(null=True)),
                        ("first_response_at", models.DateTimeField(null=True)),
                        ("resolved_at", models.DateTimeField(null=True)),
                        ("resolved_slot", models.PositiveIntegerField(null=True)),
                        ("channel", models.CharField(max_length=32)),
                        ("priority", models.CharField(max_length=8)),
                        ("replies", models.PositiveIntegerField(default=0)),
                        ("inbound_count", models.PositiveIntegerField(default=0)),
                        ("reopened", models.BooleanField(default=False)),
                        ("one_touch", models.BooleanField(default=False)),
                        ("is_counted", models.BooleanField(default=True)),
                        ("first_response_seconds", models.PositiveBigIntegerField(null=True)),
                        ("first_response_business_seconds", models.PositiveBigIntegerField(null=True)),
                        ("resolution_seconds", models.PositiveBigIntegerField(null=True)),
                        ("resolution_business_seconds", models.PositiveBigIntegerField(null=True)),
                        ("first_response_met", models.BooleanField(null=True)),
                        ("first_response_decided_at", models.DateTimeField(null=True)),
                        ("next_response_met", models.BooleanField(null=True)),
                        ("next_response_decided_at", models.DateTimeField(null=True)),
                        ("resolution_met", models.BooleanField(null=True)),
                        ("resolution_decided_at", models.DateTimeField(null=True)),
                        (
                            "account",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="customers.account",
                            ),
                        ),
                        (
                            "assignee",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "category",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.category",
                            ),
                        ),
                        (
                            "resolved_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "team",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="people.team",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="episodes",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "type",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.tickettype",
                            ),
                        ),
                        ("worked_minutes", models.PositiveIntegerField(default=0)),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["opened_at"], name="episode_opened"),
                            models.Index(
                                condition=models.Q(("resolved_at__isnull", False)),
                                fields=["resolved_at"],
                                name="episode_resolved",
                            ),
                            models.Index(
                                condition=models.Q(("resolved_at__isnull", True)),
                                fields=["opened_at"],
                                name="episode_open",
                            ),
                            models.Index(
                                condition=models.Q(("first_response_decided_at__isnull", False)),
                                fields=["first_response_decided_at"],
                                name="episode_first_decided",
                            ),
                            models.Index(
                                condition=models.Q(("next_response_decided_at__isnull", False)),
                                fields=["next_response_decided_at"],
                                name="episode_next_decided",
                            ),
                            models.Index(
                                condition=models.Q(("resolution_decided_at__isnull", False)),
                                fields=["resolution_decided_at"],
                                name="episode_resolution_decided",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("ticket", "number"), name="one_episode_per_number"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Escalation",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("level", models.PositiveSmallIntegerField()),
                        ("reason", models.CharField(max_length=300)),
                        ("opened_at", models.DateTimeField()),
                        ("acknowledged_at", models.DateTimeField(null=True)),
                        ("ended_at", models.DateTimeField(null=True)),
                        (
                            "end_kind",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("raised", "went to another level"),
                                    ("lowered", "de-escalated"),
                                    ("resolved", "the ticket was resolved"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("end_reason", models.CharField(blank=True, max_length=300)),
                        (
                            "acknowledged_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "ended_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "opened_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "owner",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "owner_team",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="people.team",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="escalations",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "rule",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.escalationrule",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-pk"],
                        "indexes": [
                            models.Index(
                                condition=models.Q(("ended_at", None)),
                                fields=["-level", "opened_at"],
                                name="escalation_open",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("ended_at", None)),
                                fields=("ticket",),
                                name="one_open_escalation",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FieldValue",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("text", models.CharField(blank=True, max_length=500)),
                        ("number", models.DecimalField(decimal_places=6, max_digits=20, null=True)),
                        ("date", models.DateField(null=True)),
                        ("boolean", models.BooleanField(null=True)),
                        (
                            "field",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.customfield",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="field_values",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["field", "text", "ticket"], name="field_value_text"),
                            models.Index(
                                condition=models.Q(("number__isnull", False)),
                                fields=["field", "number"],
                                name="field_value_number",
                            ),
                            models.Index(
                                condition=models.Q(("date__isnull", False)),
                                fields=["field", "date"],
                                name="field_value_date",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("ticket", "field", "text"), name="one_value_per_field"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Follower",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="followers",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("user", "ticket"), name="one_follower_per_ticket")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FormSubmission",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("waiting", "Waiting for confirmation"),
                                    ("confirmed", "Ticket follows"),
                                    ("done", "Ticket opened"),
                                    ("failed", "Failed"),
                                    ("expired", "Never confirmed"),
                                    ("refused", "Refused"),
                                    ("spam", "Spam"),
                                ],
                                max_length=10,
                            ),
                        ),
                        (
                            "proof",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Not proven"),
                                    ("link", "Confirmed by the link in our mail"),
                                    ("earlier", "Confirmed by an earlier submission"),
                                    ("staff", "Let in by a colleague"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("values", models.JSONField(default=dict)),
                        ("digest", models.CharField(max_length=64)),
                        ("address_digest", models.CharField(max_length=64)),
                        ("nonce", models.CharField(max_length=40, unique=True)),
                        ("mails", models.PositiveSmallIntegerField(default=0)),
                        ("received_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                        ("confirmed_at", models.DateTimeField(null=True)),
                        ("ended_at", models.DateTimeField(null=True)),
                        ("error", models.CharField(blank=True, max_length=500)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("next_try_at", models.DateTimeField(null=True)),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["inbox", "-id"], name="form_submission_inbox"),
                            models.Index(fields=["digest", "-received_at"], name="form_submission_digest"),
                            models.Index(fields=["address_digest"], name="form_submission_address"),
                            models.Index(
                                condition=models.Q(("state", "confirmed")),
                                fields=["next_try_at", "id"],
                                name="form_submission_due",
                            ),
                            models.Index(
                                condition=models.Q(("state__in", ["waiting", "refused", "spam"])),
                                fields=["expires_at"],
                                name="form_submission_end",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Message",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("inbound", "From the customer"),
                                    ("outbound", "Answer"),
                                    ("note", "Private note"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("channel", models.CharField(max_length=32)),
                        ("subject", models.CharField(blank=True, max_length=300)),
                        ("body_text", models.TextField(blank=True)),
                        ("body_html", models.TextField(blank=True)),
                        ("quote_offsets", models.JSONField(default=list)),
                        ("recipients", models.JSONField(default=dict)),
                        ("external_id", models.CharField(blank=True, max_length=255)),
                        ("is_automatic", models.BooleanField(default=False)),
                        (
                            "delivery",
                            models.CharField(
                                blank=True,
                                choices=[
                                    ("", "Not sent"),
                                    ("queued", "Queued"),
                                    ("sent", "Sent"),
                                    ("delivered", "Delivered"),
                                    ("read", "Read"),
                                    ("failed", "Failed"),
                                    ("uncertain", "Uncertain"),
                                    ("bounced", "Bounced"),
                                ],
                                default="",
                                max_length=10,
                            ),
                        ),
                        ("delivery_detail", models.CharField(blank=True, max_length=300)),
                        ("delivered_at", models.DateTimeField(null=True)),
                        ("sentiment_label", models.CharField(blank=True, max_length=10)),
                        ("sentiment_probability", models.FloatField(null=True)),
                        ("sentiment_score", models.FloatField(null=True)),
                        ("created_at", models.DateTimeField()),
                        ("recorded_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "author",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "contact",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="customers.contact",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="messages",
                                to="tickets.ticket",
                            ),
                        ),
                        ("leaves_at", models.DateTimeField(null=True)),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        ("template", models.JSONField(null=True)),
                        ("facts", models.JSONField(blank=True, default=dict)),
                        ("next_try_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["ticket", "created_at", "id"], name="message_thread"),
                            models.Index(
                                condition=models.Q(
                                    ("kind", "inbound"), models.Q(("sentiment_label", ""), _negated=True)
                                ),
                                fields=["created_at", "sentiment_label"],
                                name="message_mood",
                            ),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("external_id", ""), _negated=True),
                                fields=("channel", "external_id"),
                                name="one_message_per_external_id",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="MessageAlias",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("message_id", models.CharField(max_length=255, unique=True)),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Presence",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("viewing", "is looking at this"),
                                    ("replying", "is replying"),
                                    ("noting", "is writing a note"),
                                ],
                                default="viewing",
                                max_length=8,
                            ),
                        ),
                        ("seen_at", models.DateTimeField()),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "indexes": [models.Index(fields=["seen_at"], name="presence_seen")],
                        "constraints": [
                            models.UniqueConstraint(fields=("ticket", "user"), name="one_presence_per_person")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SLAStepRun",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("promise", models.CharField(max_length=16)),
                        ("due_at", models.DateTimeField()),
                        ("episode_at", models.DateTimeField()),
                        ("ran_at", models.DateTimeField()),
                        ("outcome", models.CharField(blank=True, max_length=120)),
                        (
                            "step",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="runs",
                                to="tickets.slastep",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="sla_step_runs",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("ticket", "step", "promise", "due_at"),
                                name="one_run_per_step_and_deadline",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TicketLink",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("related", "Related"),
                                    ("parent", "Parent"),
                                    ("duplicate", "Duplicate"),
                                    ("split", "Split"),
                                ],
                                max_length=10,
                            ),
                        ),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "created_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "from_ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="links_out",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "to_ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="links_in",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("from_ticket", "to_ticket", "kind"), name="one_link_of_a_kind"
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("kind", "parent")),
                                fields=("to_ticket",),
                                name="one_parent_per_ticket",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(("from_ticket", models.F("to_ticket")), _negated=True),
                                name="no_link_to_itself",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TicketMerge",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("before", models.JSONField(default=dict)),
                        ("merged_at", models.DateTimeField()),
                        ("undone_at", models.DateTimeField(null=True)),
                        (
                            "merged_by",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                        (
                            "source",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="merges",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "target",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                condition=models.Q(("undone_at", None)),
                                fields=("source",),
                                name="one_open_merge_per_ticket",
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TicketTag",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        (
                            "tag",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.tag",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="ticket_tags",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(fields=("tag", "ticket"), name="one_tag_per_ticket")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="TimeEntry",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("minutes", models.PositiveIntegerField()),
                        ("note", models.CharField(blank=True, max_length=200)),
                        ("worked_on", models.DateField()),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="time_entries",
                                to="tickets.ticket",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["-worked_on", "-pk"],
                    },
                ),
                migrations.CreateModel(
                    name="AnswerUndo",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("changed", models.JSONField(default=dict)),
                        ("files", models.JSONField(default=list)),
                        (
                            "message",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="undo",
                                to="tickets.message",
                            ),
                        ),
                    ],
                ),
                migrations.CreateModel(
                    name="Attachment",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=255)),
                        ("content_type", models.CharField(max_length=120)),
                        ("content_id", models.CharField(blank=True, max_length=255)),
                        ("is_inline", models.BooleanField(default=False)),
                        ("size", models.PositiveBigIntegerField()),
                        ("sha256", models.CharField(max_length=64)),
                        ("storage_key", models.CharField(max_length=80)),
                        ("created_at", models.DateTimeField(auto_now_add=True)),
                        (
                            "message",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="attachments",
                                to="tickets.message",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [models.Index(fields=["sha256"], name="attachment_sha256")],
                    },
                ),
                migrations.CreateModel(
                    name="ChatEntry",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("number", models.PositiveIntegerField()),
                        ("key", models.CharField(max_length=80)),
                        (
                            "kind",
                            models.CharField(
                                choices=[
                                    ("visitor", "Visitor"),
                                    ("agent", "Agent"),
                                    ("joined", "Somebody joined"),
                                    ("resolved", "Resolved"),
                                    ("ended", "Ended"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("name", models.CharField(blank=True, max_length=160)),
                        ("created_at", models.DateTimeField()),
                        (
                            "message",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.message",
                            ),
                        ),
                        (
                            "session",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="entries",
                                to="tickets.chatsession",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["number"],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("session", "number"), name="one_chat_entry_per_number"
                            ),
                            models.UniqueConstraint(fields=("session", "key"), name="one_chat_entry_per_key"),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="FormFile",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("name", models.CharField(max_length=255)),
                        ("content_type", models.CharField(max_length=120)),
                        ("size", models.PositiveBigIntegerField()),
                        ("sha256", models.CharField(max_length=64)),
                        ("storage_key", models.CharField(db_index=True, max_length=80)),
                        (
                            "submission",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="files",
                                to="tickets.formsubmission",
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["pk"],
                    },
                ),
                migrations.CreateModel(
                    name="MailLedger",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("source", models.CharField(blank=True, max_length=255)),
                        ("sha256", models.CharField(max_length=64)),
                        ("storage_key", models.CharField(max_length=80)),
                        ("size", models.PositiveBigIntegerField()),
                        ("received_at", models.DateTimeField()),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("received", "Waiting"),
                                    ("ticket", "New ticket"),
                                    ("appended", "Added to a ticket"),
                                    ("bounce", "Bounce"),
                                    ("auto_reply", "Automatic reply"),
                                    ("spam", "Spam"),
                                    ("quarantined", "Quarantined"),
                                    ("duplicate", "Duplicate"),
                                ],
                                default="received",
                                max_length=12,
                            ),
                        ),
                        ("subject", models.CharField(blank=True, max_length=300)),
                        ("sender", models.CharField(blank=True, max_length=254)),
                        ("header_id", models.CharField(blank=True, max_length=255)),
                        ("error", models.CharField(blank=True, max_length=500)),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("leased_until", models.DateTimeField(null=True)),
                        ("processed_at", models.DateTimeField(null=True)),
                        (
                            "inbox",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "message",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.message",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [models.Index(fields=["state", "id"], name="ledger_state")],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("inbox", "sha256"), name="one_ledger_row_per_mail"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="Mention",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("start", models.PositiveIntegerField()),
                        ("length", models.PositiveSmallIntegerField()),
                        (
                            "message",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="mentions",
                                to="tickets.message",
                            ),
                        ),
                        (
                            "user",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to=settings.AUTH_USER_MODEL,
                            ),
                        ),
                    ],
                    options={
                        "ordering": ["message", "start"],
                        "indexes": [models.Index(fields=["user", "message"], name="mention_user")],
                        "constraints": [
                            models.UniqueConstraint(fields=("message", "start"), name="one_mention_per_place")
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="ProviderMessage",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("provider_id", models.CharField(max_length=255)),
                        ("state", models.CharField(blank=True, max_length=10)),
                        ("state_at", models.DateTimeField(null=True)),
                        ("detail", models.CharField(blank=True, max_length=300)),
                        ("text", models.TextField(blank=True)),
                        ("edited_at", models.DateTimeField(null=True)),
                        ("deleted_at", models.DateTimeField(null=True)),
                        (
                            "inbox",
                            models.ForeignKey(
                                db_index=False,
                                on_delete=django.db.models.deletion.PROTECT,
                                related_name="+",
                                to="tickets.inbox",
                            ),
                        ),
                        (
                            "message",
                            models.ForeignKey(
                                null=True,
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="tickets.message",
                            ),
                        ),
                    ],
                    options={
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("inbox", "provider_id"), name="one_row_per_provider_message"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="SatisfactionSurvey",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("nonce", models.CharField(max_length=32, unique=True)),
                        (
                            "state",
                            models.CharField(
                                choices=[
                                    ("planned", "Planned"),
                                    ("sent", "Sent"),
                                    ("withheld", "Not sent"),
                                    ("failed", "Failed"),
                                ],
                                default="planned",
                                max_length=8,
                            ),
                        ),
                        ("reason", models.CharField(blank=True, max_length=200)),
                        ("planned_at", models.DateTimeField(auto_now_add=True)),
                        ("send_at", models.DateTimeField()),
                        ("sent_at", models.DateTimeField(null=True)),
                        ("opened_at", models.DateTimeField(null=True)),
                        ("rated_at", models.DateTimeField(null=True)),
                        ("score", models.PositiveSmallIntegerField(null=True)),
                        ("comment", models.TextField(blank=True)),
                        ("changed_at", models.DateTimeField(null=True)),
                        (
                            "contact",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="+",
                                to="customers.contact",
                            ),
                        ),
                        (
                            "episode",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="survey",
                                to="tickets.episode",
                            ),
                        ),
                        (
                            "ticket",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="surveys",
                                to="tickets.ticket",
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["contact", "-send_at"], name="survey_contact"),
                            models.Index(
                                condition=models.Q(("sent_at__isnull", False)),
                                fields=["sent_at"],
                                name="survey_sent",
                            ),
                            models.Index(
                                condition=models.Q(("rated_at__isnull", False)),
                                fields=["rated_at"],
                                name="survey_rated",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("score__isnull", True),
                                    models.Q(("score__gte", 1), ("score__lte", 5)),
                                    _connector="OR",
                                ),
                                name="survey_score_1_to_5",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    models.Q(("rated_at__isnull", True), ("score__isnull", True)),
                                    models.Q(("rated_at__isnull", False), ("score__isnull", False)),
                                    _connector="OR",
                                ),
                                name="survey_rated_has_score",
                            ),
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="MailboxMail",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("uidvalidity", models.BigIntegerField()),
                        ("uid", models.BigIntegerField()),
                        (
                            "outcome",
                            models.CharField(
                                choices=[
                                    ("seen", "Not fetched yet"),
                                    ("kept", "In the ledger"),
                                    ("before", "Older than the connection"),
                                    ("failed", "Could not be fetched"),
                                ],
                                max_length=8,
                            ),
                        ),
                        ("arrived_at", models.DateTimeField(help_text="When the mail reached the mailbox.")),
                        (
                            "ledger",
                            models.ForeignKey(
                                blank=True,
                                null=True,
                                on_delete=django.db.models.deletion.SET_NULL,
                                related_name="+",
                                to="tickets.mailledger",
                            ),
                        ),
                        (
                            "mailbox",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="mails",
                                to="tickets.mailbox",
                            ),
                        ),
                        (
                            "uidl",
                            models.CharField(
                                blank=True, help_text="The name of the mail on a POP3 server.", max_length=70
                            ),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                condition=models.Q(("outcome", "kept")),
                                fields=["mailbox", "arrived_at"],
                                name="mailbox_mail_rhythm",
                            )
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("mailbox", "uidvalidity", "uid"), name="one_row_per_uid"
                            ),
                            models.UniqueConstraint(
                                condition=models.Q(("uidl", ""), _negated=True),
                                fields=("mailbox", "uidl"),
                                name="one_row_per_uidl",
                            ),
                        ],
                    },
                ),
            ],
        ),
    ]

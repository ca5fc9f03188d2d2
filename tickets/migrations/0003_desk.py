import datetime

import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import tickets.models.lists
import tickets.models.sla


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_search_text"),
        ("customers", "0002_desk"),
        ("people", "0002_desk"),
        ("tickets", "0002_policy_conditions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="due_order",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.comparison.Coalesce(
                    "next_due_at", models.Value(datetime.datetime(9999, 12, 31, 0, 0, tzinfo=datetime.UTC))
                ),
                output_field=models.DateTimeField(),
            ),
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
            ],
        ),
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
                    models.CharField(default=tickets.models.lists._new_reference, max_length=16, unique=True),
                ),
                ("act", models.CharField(max_length=16)),
                ("value", models.JSONField(default=dict)),
                ("words", models.CharField(max_length=200)),
                ("api_key", models.BigIntegerField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done"), ("cancelled", "Cancelled")],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("total", models.PositiveIntegerField(default=0)),
                (
                    "undo_state",
                    models.CharField(
                        blank=True,
                        choices=[("running", "Running"), ("done", "Done"), ("cancelled", "Cancelled")],
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
            ],
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
                            ("undone", "Taken back"),
                            ("kept", "Not taken back"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("before", models.JSONField(default=dict)),
                ("version", models.PositiveIntegerField(default=0)),
                ("reason", models.CharField(blank=True, max_length=300)),
            ],
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
            ],
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
            ],
            options={
                "ordering": ["position", "pk"],
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
                    models.CharField(choices=[("reply", "Reply"), ("note", "Private note")], max_length=5),
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
                            ("refused", "It could not be sent."),
                        ],
                        max_length=16,
                    ),
                ),
                ("held_detail", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField()),
                ("updated_at", models.DateTimeField()),
            ],
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
            ],
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
            ],
            options={
                "ordering": ["-pk"],
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
                ("repeat_days", models.PositiveSmallIntegerField(default=30, verbose_name="within days")),
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
            ],
            options={
                "ordering": ["position", "pk"],
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
            ],
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
            ],
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
            ],
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
                        choices=[("personal", "Only me"), ("team", "A team"), ("everyone", "Everyone")],
                        default="personal",
                        max_length=8,
                        verbose_name="for",
                    ),
                ),
                ("reply", models.TextField(blank=True, verbose_name="reply")),
                ("note", models.TextField(blank=True, verbose_name="private note")),
                ("sends", models.BooleanField(default=False, verbose_name="sends the reply")),
                ("actions", models.JSONField(blank=True, default=list, verbose_name="actions")),
                ("condition", models.JSONField(blank=True, default=dict, verbose_name="offered when")),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("use_count", models.PositiveIntegerField(default=0)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["position", "folder", "name", "pk"],
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
            ],
            options={
                "ordering": ["message", "start"],
            },
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
            ],
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
            ],
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
                        choices=[("personal", "Only me"), ("team", "A team"), ("everyone", "Everyone")],
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
            ],
            options={
                "ordering": ["position", "pk"],
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
            ],
            options={
                "ordering": ["position", "pk"],
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
            ],
            options={
                "ordering": ["pk"],
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
                ("description", models.CharField(blank=True, max_length=200, verbose_name="description")),
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
            ],
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
            ],
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
            ],
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
                ("description", models.CharField(blank=True, max_length=200, verbose_name="description")),
                ("checklist", models.JSONField(blank=True, default=list, verbose_name="checklist")),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="order")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "ordering": ["position", "name"],
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
            ],
            options={
                "ordering": ["-worked_on", "-pk"],
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
        ),
        migrations.RemoveIndex(
            model_name="ticket",
            name="ticket_status_recent",
        ),
        migrations.RemoveIndex(
            model_name="ticket",
            name="ticket_assignee_due",
        ),
        migrations.RemoveIndex(
            model_name="ticket",
            name="ticket_team_due",
        ),
        migrations.RemoveIndex(
            model_name="ticket",
            name="ticket_due",
        ),
        migrations.AddField(
            model_name="category",
            name="required_skills",
            field=models.ManyToManyField(
                blank=True, related_name="+", to="people.skill", verbose_name="skills"
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="leaves_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="slapolicy",
            name="version",
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name="slatarget",
            name="next_response_seconds",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="status",
            name="is_active",
            field=models.BooleanField(default=True, verbose_name="active"),
        ),
        migrations.AddField(
            model_name="status",
            name="pauses_sla",
            field=models.BooleanField(default=False, verbose_name="pauses the SLA clock"),
        ),
        migrations.AddField(
            model_name="ticket",
            name="merged_into",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="merged_tickets",
                to="tickets.ticket",
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="snoozed_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="escalation_level",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ticket",
            name="inbound_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ticket",
            name="merged_count",
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ticket",
            name="next_response_breached_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="next_response_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="outbound_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ticket",
            name="reopen_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ticket",
            name="satisfaction",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="sla_policy_version",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="ticket",
            name="sla_step_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="snoozed_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="ticket",
            name="status_category",
            field=models.CharField(
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
        migrations.AddField(
            model_name="ticket",
            name="value_at_risk",
            field=models.FloatField(default=0.0),
        ),
        migrations.AlterField(
            model_name="slatarget",
            name="first_response_seconds",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="slatarget",
            name="resolution_seconds",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name="status",
            name="category",
            field=models.CharField(
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
        migrations.AlterField(
            model_name="status",
            name="customer_label",
            field=models.CharField(max_length=60, verbose_name="label for customers"),
        ),
        migrations.AlterField(
            model_name="status",
            name="name",
            field=models.CharField(max_length=60, verbose_name="name"),
        ),
        migrations.AlterField(
            model_name="status",
            name="position",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="order"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("kind", "inbound"), models.Q(("sentiment_label", ""), _negated=True)),
                fields=["created_at", "sentiment_label"],
                name="message_mood",
            ),
        ),
        migrations.AddField(
            model_name="answerundo",
            name="message",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="undo", to="tickets.message"
            ),
        ),
        migrations.AddField(
            model_name="bulkact",
            name="job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="core.job"
            ),
        ),
        migrations.AddField(
            model_name="bulkact",
            name="undo_job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="core.job"
            ),
        ),
        migrations.AddField(
            model_name="bulkact",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="bulkitem",
            name="act",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="items", to="tickets.bulkact"
            ),
        ),
        migrations.AddField(
            model_name="bulkitem",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="added_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="contact",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="carbon_copies",
                to="customers.contact",
            ),
        ),
        migrations.AddField(
            model_name="carboncopy",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="carbon_copies", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="checklistitem",
            name="done_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="checklistitem",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="checklist", to="tickets.ticket"
            ),
        ),
        migrations.AddIndex(
            model_name="countedticket",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="counted_ticket_due"
            ),
        ),
        migrations.AddField(
            model_name="draft",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="drafts", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="draft",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="episode",
            name="account",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="customers.account",
            ),
        ),
        migrations.AddField(
            model_name="episode",
            name="assignee",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="episode",
            name="category",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tickets.category",
            ),
        ),
        migrations.AddField(
            model_name="episode",
            name="resolved_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="episode",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="people.team"
            ),
        ),
        migrations.AddField(
            model_name="episode",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="episodes", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="escalation",
            name="acknowledged_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="escalation",
            name="ended_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="escalation",
            name="opened_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="escalation",
            name="owner",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="escalation",
            name="owner_team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="people.team"
            ),
        ),
        migrations.AddField(
            model_name="escalation",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="escalations", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="escalationrule",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="escalationrule",
            name="owner_team",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="people.team",
            ),
        ),
        migrations.AddField(
            model_name="escalation",
            name="rule",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tickets.escalationrule",
            ),
        ),
        migrations.AddField(
            model_name="fieldvalue",
            name="field",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tickets.customfield"
            ),
        ),
        migrations.AddField(
            model_name="fieldvalue",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="field_values", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="follower",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="followers", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="follower",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="listcolumns",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="macro",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="macro",
            name="team",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="people.team",
            ),
        ),
        migrations.AddField(
            model_name="mention",
            name="message",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="mentions", to="tickets.message"
            ),
        ),
        migrations.AddField(
            model_name="mention",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="presence",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="presence",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="satisfactionsurvey",
            name="contact",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="customers.contact"
            ),
        ),
        migrations.AddField(
            model_name="satisfactionsurvey",
            name="episode",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="survey", to="tickets.episode"
            ),
        ),
        migrations.AddField(
            model_name="satisfactionsurvey",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="surveys", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="savedview",
            name="owner",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="savedview",
            name="team",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="people.team"
            ),
        ),
        migrations.AddField(
            model_name="slastep",
            name="person",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="slastep",
            name="policy",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="tickets.slapolicy"
            ),
        ),
        migrations.AddField(
            model_name="slasteprun",
            name="step",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="runs", to="tickets.slastep"
            ),
        ),
        migrations.AddField(
            model_name="slasteprun",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="sla_step_runs", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="teamqueue",
            name="last_user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="ticketlink",
            name="created_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="ticketlink",
            name="from_ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="links_out", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="ticketlink",
            name="to_ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="links_in", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="ticketmerge",
            name="merged_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="ticketmerge",
            name="source",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="merges", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="ticketmerge",
            name="target",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="tickettag",
            name="tag",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to="tickets.tag"
            ),
        ),
        migrations.AddField(
            model_name="tickettag",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="ticket_tags", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="tags",
            field=models.ManyToManyField(related_name="+", through="tickets.TicketTag", to="tickets.tag"),
        ),
        migrations.AddField(
            model_name="episode",
            name="type",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tickets.tickettype",
            ),
        ),
        migrations.AddField(
            model_name="customfield",
            name="types",
            field=models.ManyToManyField(
                blank=True, related_name="+", to="tickets.tickettype", verbose_name="types"
            ),
        ),
        migrations.AddField(
            model_name="checklistitem",
            name="from_type",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tickets.tickettype",
            ),
        ),
        migrations.AddField(
            model_name="ticket",
            name="type",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="tickets.tickettype",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status_category__in", ["new", "open", "waiting", "on_hold"])),
                fields=["due_order", "id"],
                name="ticket_living_due",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status_category__in", ["new", "open", "waiting", "on_hold"])),
                fields=["-last_message_at", "-id"],
                name="ticket_living_recent",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status_category__in", ["new", "open", "waiting", "on_hold"])),
                fields=["created_at", "id"],
                name="ticket_living_age",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status_category__in", ["new", "open", "waiting", "on_hold"])),
                fields=["waiting_since", "id"],
                name="ticket_living_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status_category__in", ["new", "open", "waiting", "on_hold"])),
                fields=["-value_at_risk", "-id"],
                name="ticket_living_value",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status_category__in", ["new", "open", "waiting", "on_hold"])),
                fields=["-priority_rank", "due_order", "id"],
                name="ticket_living_priority",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status_category__in", ["new", "open", "waiting", "on_hold"])),
                fields=["assignee", "due_order", "id"],
                name="ticket_living_mine",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("status_category__in", ["new", "open", "waiting", "on_hold"])),
                fields=["team", "due_order", "id"],
                name="ticket_living_team",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                fields=["status_category", "-last_message_at", "-id"], name="ticket_category_recent"
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(fields=["status_category", "due_order", "id"], name="ticket_category_due"),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("snoozed_until__isnull", False)),
                fields=["snoozed_until"],
                name="ticket_snoozed",
            ),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(fields=["-updated_at", "-id"], name="ticket_updated"),
        ),
        migrations.AddIndex(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("sla_step_at__isnull", False)),
                fields=["sla_step_at"],
                name="ticket_sla_step",
            ),
        ),
        migrations.AddField(
            model_name="timeentry",
            name="ticket",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="time_entries", to="tickets.ticket"
            ),
        ),
        migrations.AddField(
            model_name="timeentry",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="viewcount",
            constraint=models.UniqueConstraint(
                fields=("view", "team", "assignee", "person"), name="one_count_per_bucket"
            ),
        ),
        migrations.AddIndex(
            model_name="bulkact",
            index=models.Index(fields=["user", "-created_at"], name="bulk_act_user"),
        ),
        migrations.AddIndex(
            model_name="bulkitem",
            index=models.Index(fields=["act", "state", "id"], name="bulk_item_state"),
        ),
        migrations.AddConstraint(
            model_name="bulkitem",
            constraint=models.UniqueConstraint(fields=("act", "ticket"), name="one_item_per_ticket"),
        ),
        migrations.AddConstraint(
            model_name="carboncopy",
            constraint=models.UniqueConstraint(fields=("ticket", "contact"), name="one_copy_per_contact"),
        ),
        migrations.AddIndex(
            model_name="draft",
            index=models.Index(fields=["user", "ticket"], name="draft_user"),
        ),
        migrations.AddIndex(
            model_name="draft",
            index=models.Index(
                condition=models.Q(("state", "draft"), _negated=True),
                fields=["send_at"],
                name="draft_leaving",
            ),
        ),
        migrations.AddConstraint(
            model_name="draft",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "draft")),
                fields=("ticket", "user", "kind"),
                name="one_draft_per_person_and_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="escalation",
            index=models.Index(
                condition=models.Q(("ended_at", None)), fields=["-level", "opened_at"], name="escalation_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="escalation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("ticket",), name="one_open_escalation"
            ),
        ),
        migrations.AddIndex(
            model_name="fieldvalue",
            index=models.Index(fields=["field", "text", "ticket"], name="field_value_text"),
        ),
        migrations.AddIndex(
            model_name="fieldvalue",
            index=models.Index(
                condition=models.Q(("number__isnull", False)),
                fields=["field", "number"],
                name="field_value_number",
            ),
        ),
        migrations.AddIndex(
            model_name="fieldvalue",
            index=models.Index(
                condition=models.Q(("date__isnull", False)), fields=["field", "date"], name="field_value_date"
            ),
        ),
        migrations.AddConstraint(
            model_name="fieldvalue",
            constraint=models.UniqueConstraint(
                fields=("ticket", "field", "text"), name="one_value_per_field"
            ),
        ),
        migrations.AddConstraint(
            model_name="follower",
            constraint=models.UniqueConstraint(fields=("user", "ticket"), name="one_follower_per_ticket"),
        ),
        migrations.AddConstraint(
            model_name="listcolumns",
            constraint=models.UniqueConstraint(
                fields=("user", "view"), name="one_choice_of_columns_per_view"
            ),
        ),
        migrations.AddIndex(
            model_name="macro",
            index=models.Index(fields=["scope", "team", "owner"], name="macro_scope"),
        ),
        migrations.AddIndex(
            model_name="mention",
            index=models.Index(fields=["user", "message"], name="mention_user"),
        ),
        migrations.AddConstraint(
            model_name="mention",
            constraint=models.UniqueConstraint(fields=("message", "start"), name="one_mention_per_place"),
        ),
        migrations.AddIndex(
            model_name="presence",
            index=models.Index(fields=["seen_at"], name="presence_seen"),
        ),
        migrations.AddConstraint(
            model_name="presence",
            constraint=models.UniqueConstraint(fields=("ticket", "user"), name="one_presence_per_person"),
        ),
        migrations.AddIndex(
            model_name="satisfactionsurvey",
            index=models.Index(fields=["contact", "-send_at"], name="survey_contact"),
        ),
        migrations.AddIndex(
            model_name="satisfactionsurvey",
            index=models.Index(
                condition=models.Q(("sent_at__isnull", False)), fields=["sent_at"], name="survey_sent"
            ),
        ),
        migrations.AddIndex(
            model_name="satisfactionsurvey",
            index=models.Index(
                condition=models.Q(("rated_at__isnull", False)), fields=["rated_at"], name="survey_rated"
            ),
        ),
        migrations.AddConstraint(
            model_name="satisfactionsurvey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("score__isnull", True), models.Q(("score__gte", 1), ("score__lte", 5)), _connector="OR"
                ),
                name="survey_score_1_to_5",
            ),
        ),
        migrations.AddConstraint(
            model_name="satisfactionsurvey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("rated_at__isnull", True), ("score__isnull", True)),
                    models.Q(("rated_at__isnull", False), ("score__isnull", False)),
                    _connector="OR",
                ),
                name="survey_rated_has_score",
            ),
        ),
        migrations.AddConstraint(
            model_name="slasteprun",
            constraint=models.UniqueConstraint(
                fields=("ticket", "step", "promise", "due_at"), name="one_run_per_step_and_deadline"
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketlink",
            constraint=models.UniqueConstraint(
                fields=("from_ticket", "to_ticket", "kind"), name="one_link_of_a_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketlink",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "parent")), fields=("to_ticket",), name="one_parent_per_ticket"
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketlink",
            constraint=models.CheckConstraint(
                condition=models.Q(("from_ticket", models.F("to_ticket")), _negated=True),
                name="no_link_to_itself",
            ),
        ),
        migrations.AddConstraint(
            model_name="ticketmerge",
            constraint=models.UniqueConstraint(
                condition=models.Q(("undone_at", None)), fields=("source",), name="one_open_merge_per_ticket"
            ),
        ),
        migrations.AddConstraint(
            model_name="tickettag",
            constraint=models.UniqueConstraint(fields=("tag", "ticket"), name="one_tag_per_ticket"),
        ),
        migrations.AddIndex(
            model_name="episode",
            index=models.Index(fields=["opened_at"], name="episode_opened"),
        ),
        migrations.AddIndex(
            model_name="episode",
            index=models.Index(
                condition=models.Q(("resolved_at__isnull", False)),
                fields=["resolved_at"],
                name="episode_resolved",
            ),
        ),
        migrations.AddIndex(
            model_name="episode",
            index=models.Index(
                condition=models.Q(("resolved_at__isnull", True)), fields=["opened_at"], name="episode_open"
            ),
        ),
        migrations.AddIndex(
            model_name="episode",
            index=models.Index(
                condition=models.Q(("first_response_decided_at__isnull", False)),
                fields=["first_response_decided_at"],
                name="episode_first_decided",
            ),
        ),
        migrations.AddIndex(
            model_name="episode",
            index=models.Index(
                condition=models.Q(("next_response_decided_at__isnull", False)),
                fields=["next_response_decided_at"],
                name="episode_next_decided",
            ),
        ),
        migrations.AddIndex(
            model_name="episode",
            index=models.Index(
                condition=models.Q(("resolution_decided_at__isnull", False)),
                fields=["resolution_decided_at"],
                name="episode_resolution_decided",
            ),
        ),
        migrations.AddConstraint(
            model_name="episode",
            constraint=models.UniqueConstraint(fields=("ticket", "number"), name="one_episode_per_number"),
        ),
    ]

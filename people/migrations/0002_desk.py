import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Skill",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True, verbose_name="name")),
                ("description", models.CharField(blank=True, max_length=200, verbose_name="description")),
                (
                    "language",
                    models.CharField(
                        blank=True,
                        help_text="For a language: its code, for example “de”. Tickets in that language need the skill.",
                        max_length=16,
                        verbose_name="language",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.AddField(
            model_name="team",
            name="previous_owner_days",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="Who had the customer's last ticket within so many days gets the next one, when there. 0: never.",
                verbose_name="previous owner first, days",
            ),
        ),
        migrations.AddField(
            model_name="team",
            name="reopen_hours",
            field=models.PositiveSmallIntegerField(
                default=24,
                help_text="Who is not back by then loses a reopened ticket to the deputy or the team.",
                verbose_name="reopened tickets wait for their owner, hours",
            ),
        ),
        migrations.AddField(
            model_name="team",
            name="unattended_minutes",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="Tickets in which a customer waits while their owner is away. 0: never.",
                verbose_name="take back from people who are away after, minutes",
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="absent_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="team",
            name="strategy",
            field=models.CharField(
                choices=[
                    ("balanced", "Balanced by free capacity"),
                    ("round_robin", "In turn"),
                    ("skills", "By skills, then by free capacity"),
                    ("manual", "By hand"),
                ],
                default="balanced",
                max_length=12,
                verbose_name="assignment",
            ),
        ),
        migrations.CreateModel(
            name="UserSkill",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "skill",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="holders", to="people.skill"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="skills",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddField(
            model_name="skill",
            name="people",
            field=models.ManyToManyField(
                related_name="+", through="people.UserSkill", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.CreateModel(
            name="Absence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="until")),
                ("note", models.CharField(blank=True, max_length=200, verbose_name="note")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("handed_over_at", models.DateTimeField(null=True)),
                ("cancelled_at", models.DateTimeField(null=True)),
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
                    "deputy",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="deputy",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="absences",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["starts_at"],
                "indexes": [models.Index(fields=["ends_at", "user"], name="absence_until")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("ends_at__gt", models.F("starts_at"))), name="absence_has_length"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="userskill",
            constraint=models.UniqueConstraint(fields=("user", "skill"), name="one_skill_per_user"),
        ),
    ]

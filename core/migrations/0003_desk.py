import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="NotificationPreference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channels", models.JSONField(blank=True, default=dict)),
                (
                    "mail_mode",
                    models.CharField(
                        choices=[
                            ("soon", "Within minutes"),
                            ("hourly", "Once an hour"),
                            ("daily", "Once a day"),
                        ],
                        default="soon",
                        max_length=8,
                        verbose_name="mails are sent",
                    ),
                ),
                ("digest_at", models.TimeField(blank=True, null=True, verbose_name="daily mail at")),
                ("quiet_from", models.TimeField(blank=True, null=True, verbose_name="quiet from")),
                ("quiet_until", models.TimeField(blank=True, null=True, verbose_name="quiet until")),
                (
                    "quiet_weekend",
                    models.BooleanField(default=False, verbose_name="quiet on Saturday and Sunday"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SearchDocument",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=16)),
                ("object_id", models.BigIntegerField()),
                ("stream_id", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("internal", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="SearchWord",
            fields=[
                ("word", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("documents", models.PositiveIntegerField(default=1)),
            ],
        ),
        migrations.AddField(
            model_name="calendar",
            name="holiday_country",
            field=models.CharField(blank=True, max_length=2, verbose_name="public holidays of"),
        ),
        migrations.AddField(
            model_name="calendar",
            name="holiday_region",
            field=models.CharField(blank=True, max_length=16, verbose_name="region"),
        ),
        migrations.AddField(
            model_name="notification",
            name="in_app",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="notification",
            name="kind",
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name="notification",
            name="mail_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="notification",
            name="mailed_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("read_at__isnull", True)),
                fields=["user", "in_app"],
                name="notification_unread",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("mail_due_at__isnull", False)),
                fields=["mail_due_at"],
                name="notification_mail_due",
            ),
        ),
        migrations.AddField(
            model_name="notificationpreference",
            name="user",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="searchdocument",
            index=models.Index(fields=["kind", "-at", "-id"], name="search_newest"),
        ),
        migrations.AddIndex(
            model_name="searchdocument",
            index=models.Index(fields=["stream_id"], name="search_stream"),
        ),
        migrations.AddConstraint(
            model_name="searchdocument",
            constraint=models.UniqueConstraint(fields=("kind", "object_id"), name="one_document_per_object"),
        ),
    ]

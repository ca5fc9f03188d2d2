"""Scheduled answers know the integration that wrote them, and those that the outbox has given up show as failed."""

import django.db.models.deletion
from django.db import migrations, models


def fill(apps, schema_editor):
    Draft = apps.get_model("tickets", "Draft")
    Event = apps.get_model("core", "Event")
    ApiKey = apps.get_model("people", "ApiKey")
    Outbound = apps.get_model("core", "Outbound")
    for draft in Draft.objects.filter(state__in=["scheduled", "held"], user=None):
        events = Event.objects.filter(
            ticket_id=draft.ticket_id, verb="tickets.answer_scheduled", actor_kind="api_key"
        )
        for event in events.select_related("detail"):
            if (event.detail.data or {}).get("draft") == draft.pk:
                known = ApiKey.objects.filter(pk=event.actor_id).values_list("pk", flat=True).first()
                Draft.objects.filter(pk=draft.pk).update(api_key_id=known)
    for draft in Draft.objects.filter(state="scheduled"):
        key = f"scheduled:{draft.pk}:{draft.version}"
        row = Outbound.objects.filter(idempotency_key=key, state="failed").first()
        if row is not None:
            Draft.objects.filter(pk=draft.pk).update(
                state="held",
                held_because="failed",
                held_detail=row.last_error[:300],
                version=draft.version + 1,
            )


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_search_text"),
        ("people", "0002_desk"),
        ("tickets", "0007_ticket_exports"),
    ]
    operations = [
        migrations.AddField(
            model_name="draft",
            name="api_key",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="people.apikey",
            ),
        ),
        migrations.AlterField(
            model_name="draft",
            name="held_because",
            field=models.CharField(
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
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]

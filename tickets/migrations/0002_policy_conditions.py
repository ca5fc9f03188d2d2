"""SLA policies ask by condition: the account tiers they were for become one. Comes before everything else of the desk."""

from django.db import migrations, models


def tiers_to_condition(apps, schema_editor):
    SLAPolicy = apps.get_model("tickets", "SLAPolicy")
    for policy in SLAPolicy.objects.all():
        if policy.tiers:
            policy.condition = {"field": "account_tier", "is": "in", "value": list(policy.tiers)}
            policy.save(update_fields=["condition"])


def condition_to_tiers(apps, schema_editor):
    SLAPolicy = apps.get_model("tickets", "SLAPolicy")
    for policy in SLAPolicy.objects.all():
        if policy.condition.get("field") == "account_tier" and policy.condition.get("is") == "in":
            policy.tiers = policy.condition["value"]
            policy.save(update_fields=["tiers"])


class Migration(migrations.Migration):
    dependencies = [("tickets", "0001_initial")]
    operations = [
        migrations.AddField(
            "slapolicy",
            "condition",
            models.JSONField(blank=True, default=dict, verbose_name="condition"),
        ),
        migrations.RunPython(tiers_to_condition, condition_to_tiers),
        migrations.RemoveField("slapolicy", "tiers"),
    ]

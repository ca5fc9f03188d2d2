"""Fills the columns of the desk on tickets that were there before."""

from django.db import migrations
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    Ticket = apps.get_model("tickets", "Ticket")
    Status = apps.get_model("tickets", "Status")
    Status.objects.filter(category__in=["waiting", "on_hold"]).update(pauses_sla=True)
    category = Status.objects.filter(pk=OuterRef("status_id")).values("category")[:1]
    Ticket.objects.update(status_category=Subquery(category))
    Message = apps.get_model("tickets", "Message")
    for ticket in Ticket.objects.only("pk").iterator():
        kinds = list(Message.objects.filter(ticket_id=ticket.pk).values_list("kind", flat=True))
        Ticket.objects.filter(pk=ticket.pk).update(
            inbound_count=kinds.count("inbound"), outbound_count=kinds.count("outbound")
        )


class Migration(migrations.Migration):
    dependencies = [("tickets", "0003_desk")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]

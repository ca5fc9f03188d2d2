"""Rows for ``api_fuzz.py`` that the demo world does not have; run inside its installation."""

from datetime import timedelta

from django.core.files.base import ContentFile
from django.utils import timezone

from core.job_runner import run_jobs
from imports.services.run_import import check_import
from imports.services.upload_import import upload_import
from ml.models import (
    AuditItem,
    DatasetSnapshot,
    DriftWindow,
    Feedback,
    GateResult,
    ModelAlias,
    ModelVersion,
    Prediction,
    RollbackEvent,
    TrainingRun,
)
from people.viewer import system_viewer
from tickets.channels.chat.services.post_message import post_message
from tickets.channels.chat.services.start_chat import Visitor, start_chat
from tickets.incoming import IncomingFile
from tickets.models import ConversationSignal, Inbox, Incident, Message, Ticket

inbox = Inbox.objects.get(channel="chat")
for number in range(3):
    visitor = Visitor(name="Rosa", email=f"rosa{number}@fuzz.example")
    chat, _token = start_chat(inbox=inbox, visitor=visitor, address="192.0.2.7")
    files = [IncomingFile("cart.txt", b"one parcel", "text/plain")]
    post_message(session=chat, key=f"message-{number}", text="Where is my parcel?", files=files)
by = system_viewer("command")
for number in range(8):
    table = ContentFile(
        f"Id;Company;Plan\na{number};Northwind {number};gold\n".encode(), name="customers.csv"
    )
    run = upload_import(source="csv", uploads=[table], table="account", by=by)
    if number % 2:
        run_jobs("batch")
        check_import(run=run, by=by)
        run_jobs("batch")

# Models without files: rows in every state that the API shows and acts on.
now = timezone.now()
tickets = list(Ticket.objects.order_by("pk")[:8])
for number, task in enumerate(("routing", "routing", "routing", "priority", "churn")):
    snapshot = DatasetSnapshot.objects.create(
        task=task,
        subject_kind="ticket",
        rows=10,
        label_counts={"a": 10},
        digest=f"{number}",
        path=f"none/{number}",
    )
    training = TrainingRun.objects.create(
        task=task, trigger="manual", state="done", snapshot=snapshot, started_at=now, finished_at=now
    )
    version = ModelVersion.objects.create(
        task=task, number=number + 1, run=training, kind="k", path=f"{task}/none{number}", digest=f"{number}",
        metrics={"accuracy": 0.9, "held_out_rows": 10},
        stage=("candidate", "approved", "retired", "candidate", "candidate")[number],
    )  # fmt: skip
    GateResult.objects.create(version=version, gate="golden", state="passed", observed="all", threshold="all")
    if number in (1, 3):
        ModelAlias.objects.create(task=task, version=version)
        RollbackEvent.objects.create(
            task=task, trigger="confidence", outcome="paused", from_version=version, evidence={"p": 0.01}
        )
        DriftWindow.objects.create(
            task=task, version=version, number=1, item="channel", test="chi2", rows=250, reference_rows=1_000, statistic=9.0,
            effect=0.2, p_value=0.001, p_adjusted=0.004, verdict="watch", shown={"before": {}, "after": {}},
            examples=[tickets[0].pk], first_prediction=1, last_prediction=250, starts_at=now - timedelta(days=1), ends_at=now,
        )  # fmt: skip
        for ticket in tickets:
            about = {"task": task, "subject_kind": "ticket", "subject_id": ticket.pk}
            Prediction.objects.update_or_create(
                **about,
                defaults={
                    "version": version,
                    "source": version.label,
                    "label": "Billing",
                    "probability": 0.8,
                },
            )
            AuditItem.objects.create(
                **about,
                version=version,
                predicted_label="Billing",
                stratum="sure",
                inclusion_probability=0.5,
                day=now.date(),
            )
            Feedback.objects.create(**about, label="Billing", source="correction", version=version)
for message in Message.objects.filter(kind="inbound").order_by("pk")[:8]:
    for kind in ("churn", "bug"):
        ConversationSignal.objects.get_or_create(
            message=message,
            kind=kind,
            defaults={"probability": 0.9, "source": "fuzz/1", "said_at": message.created_at},
        )
for first in (0, 3):
    incident = Incident.objects.create(proposed_at=now)
    for ticket in tickets[first : first + 3]:
        incident.members.create(ticket=ticket, cosine=0.9, added_at=now)

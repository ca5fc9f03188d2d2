"""The floor of bench/desk.py: bare Django doing the least that each measured act needs, on the same rows and the same server.

No login, no permissions, no clocks, no events: a list of 50 rows by an index, a ticket with its messages, one row written.
What the product takes beyond this is what it does beyond this.
"""

import os
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.urls import path

if not settings.configured:
    import environ

    settings.configure(
        DEBUG=False,
        SECRET_KEY="floor",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DATABASES={
            "default": environ.Env().db_url_config(os.environ["DATABASE_URL"]) | {"CONN_MAX_AGE": None}
        },
        INSTALLED_APPS=[],
        MIDDLEWARE=[],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {}}],
        USE_TZ=True,
    )
    django.setup()


class Ticket(models.Model):
    """The columns that a row shows."""

    subject = models.CharField(max_length=300)
    status_category = models.CharField(max_length=12)
    last_message_at = models.DateTimeField()
    due_order = models.DateTimeField()

    class Meta:
        app_label = "floor"
        managed = False
        db_table = "tickets_ticket"


class Message(models.Model):
    """The columns that a message shows."""

    ticket_id = models.BigIntegerField()
    body_text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        app_label = "floor"
        managed = False
        db_table = "tickets_message"


class Note(models.Model):
    """What is written; its table is made by the benchmark and dropped after it."""

    subject = models.CharField(max_length=300)
    body = models.TextField()

    class Meta:
        app_label = "floor"
        managed = False
        db_table = "bench_floor_note"


_rows = (
    "<ul>{% for row in rows %}<li><a href='/{{ row.pk }}'>{{ row.subject }}</a> {{ row.last_message_at }}</li>"
    "{% endfor %}</ul>"
)
_thread = (
    "<h1>{{ ticket.subject }}</h1>{% for one in messages %}<p>{{ one.body_text|linebreaks }}</p>{% endfor %}"
)


def listing(request: HttpRequest) -> HttpResponse:
    """Fifty rows in the order of an index."""
    rows = Ticket.objects.filter(status_category__in=["new", "open", "waiting", "on_hold"]).order_by(
        "due_order", "pk"
    )[:50]
    return HttpResponse(_list.render({"rows": rows}))


def ticket(request: HttpRequest, pk: int) -> HttpResponse:
    """A ticket with its messages."""
    found = Ticket.objects.get(pk=pk)
    messages = Message.objects.filter(ticket_id=pk).order_by("created_at", "pk")
    return HttpResponse(_conversation.render({"ticket": found, "messages": messages}))


def write(request: HttpRequest) -> HttpResponse:
    """One row."""
    note = Note.objects.create(subject="A question", body=request.body.decode())
    return JsonResponse({"id": note.pk}, status=201)


_list = engines["django"].from_string(_rows)
_conversation = engines["django"].from_string(_thread)
urlpatterns: list[Any] = [path("list/", listing), path("ticket/<int:pk>/", ticket), path("write/", write)]
application = get_wsgi_application()

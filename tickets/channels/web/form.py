"""A web form as its page, its JSON door and its services see it: an inbox of the channel "web" with its settings read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from people.viewer import system_viewer
from tickets.connections import hooked_inbox
from tickets.models import CustomField, Inbox, TicketType
from tickets.ticket_sketch import fields_of_sketch, sketch_ticket

CHANNEL = "web"
SOURCE = "form"
HOURLY_LIMIT = 300


@dataclass(frozen=True)
class WebForm:
    """The settings of a form, each with its default. ``ask_name`` and ``ask_subject`` are required, optional or hidden."""

    inbox: Inbox
    title: str
    company: str
    intro: str = ""
    thanks: str = ""
    ask_name: str = "optional"
    ask_subject: str = "required"
    type_id: int | None = None
    fields: tuple[str, ...] = ()
    required: frozenset[str] = frozenset()
    takes_files: bool = True
    double_opt_in: bool = True
    skips_known: bool = False
    origins: tuple[str, ...] = ()
    language: str = ""
    hourly_limit: int = HOURLY_LIMIT

    @property
    def url(self) -> str:
        """The public address of its page."""
        return f"{str(settings.SITE_URL).rstrip('/')}{reverse('web-form', args=[self.inbox.hook_key])}"

    @property
    def submit_url(self) -> str:
        """The public address that own front ends send to."""
        return f"{str(settings.SITE_URL).rstrip('/')}{reverse('web-form-submit', args=[self.inbox.hook_key])}"


def web_form(inbox: Inbox) -> WebForm:
    """Return the form of an inbox."""
    config = inbox.config
    return WebForm(
        inbox=inbox,
        title=config.get("title") or _("Contact us"),
        company=config.get("company") or inbox.from_name or inbox.name,
        intro=config.get("intro", ""),
        thanks=config.get("thanks", ""),
        ask_name=config.get("ask_name", "optional"),
        ask_subject=config.get("ask_subject", "required"),
        type_id=config.get("type"),
        fields=tuple(config.get("fields_shown") or ()),
        required=frozenset(config.get("required_fields") or ()),
        takes_files=config.get("take_files", True),
        double_opt_in=config.get("double_opt_in", True),
        skips_known=config.get("skip_known", False),
        origins=tuple(config.get("origins") or ()),
        language=config.get("language") or settings.LANGUAGE_CODE,
        hourly_limit=int(config.get("hourly_limit") or HOURLY_LIMIT),
    )


def form_behind(key: str) -> WebForm | None:
    """Return the form behind the last part of its address; None when there is none, or it is not active."""
    inbox = hooked_inbox(key)
    return web_form(inbox) if inbox is not None and inbox.channel == CHANNEL else None


def type_of(form: WebForm) -> TicketType | None:
    """Return the ticket type, None when the form gives none or it is no longer in use."""
    return TicketType.objects.filter(pk=form.type_id, is_active=True).first() if form.type_id else None


def asked_fields(form: WebForm, given: Mapping[str, Any], *, subject: str = "") -> Sequence[CustomField]:
    """Return the custom fields that the form asks for when this was filled in so far, by key.

    Conditions are judged as for a person of whom nothing is known, so that the form tells nobody who our customers are.
    """
    if not form.fields:
        return []
    by = system_viewer(SOURCE)
    sketch = sketch_ticket(
        subject=subject, channel=CHANNEL, type=type_of(form), language=form.language, by=by
    )
    known = {key: value for key, value in given.items() if key in form.fields}
    return [
        field
        for field in fields_of_sketch(sketch, known, by)
        if field.key in form.fields and field.kind != CustomField.Kind.REFERENCE
    ]

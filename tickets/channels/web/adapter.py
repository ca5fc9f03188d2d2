"""What customers send by a form on a web page. Answers leave by e-mail."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tickets.channel import Capabilities, Channel
from tickets.channels.web.form import web_form
from tickets.channels.web.origins import clean_origins
from tickets.channels.web.settings_form import WebFormSettings
from tickets.models import Inbox

SNIPPET = '<iframe src="{}?embed=1" title="{}" width="100%" height="760" frameborder="0"></iframe>'


class WebChannel(Channel):
    """A form of our own on a public page, in a frame of another site, or behind somebody's own front end."""

    key = "web"
    label = gettext_lazy("Web form")
    icon = "world"
    order = 30
    lead = gettext_lazy("A form on a page of its own, or in a page of yours.")
    guide = gettext_lazy("What people are asked, and how you make sure that it is they.")
    capabilities = Capabilities(threading=gettext_lazy("Each form that is sent is a ticket of its own."))
    settings = WebFormSettings
    card_template = "tickets/settings/_web_form_card.html"

    def clean_settings(self, config: dict[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
        """Return the settings with the origins as a list; a field can only be required when it is shown."""
        unseen = set(config.get("required_fields") or ()) - set(config.get("fields_shown") or ())
        if unseen:
            raise ValidationError(
                {"required_fields": _("Show what you require: %s.") % ", ".join(sorted(unseen))}
            )
        return config | {"origins": clean_origins(config.get("origins") or "")}

    def card(self, inbox: Inbox) -> Mapping[str, Any]:
        """Return the address of the form, and what shows it in a page of one's own."""
        form = web_form(inbox)
        return {
            "url": form.url,
            "submit_url": form.submit_url,
            "origins": form.origins,
            "snippet": str(format_html(SNIPPET, form.url, form.title)),
        }

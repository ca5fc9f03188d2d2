"""What the page of a chat inbox shows for copying: the snippet, the identity key with examples, the lines for a policy."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from tickets.channels.chat.identity import identity_key
from tickets.channels.chat.settings import ChatSettings, origin_of
from tickets.models import Inbox


def card_of(inbox: Inbox) -> dict[str, Any]:
    """Return what ``tickets/settings/_chat_card.html`` shows as ``card``."""
    key = identity_key(inbox)
    origin = origin_of(str(settings.SITE_URL))
    return {
        "snippet": snippet_of(inbox),
        "identity_key": key,
        "examples": _examples(key),
        "policy": f"script-src {origin};\nconnect-src {origin};",
        "preview_url": reverse("settings-chat-preview", args=[inbox.pk]),
        "has_origins": bool(ChatSettings.of(inbox.config).origins),
    }


def snippet_of(inbox: Inbox) -> str:
    """Return the line of HTML that brings the widget onto a page."""
    address = str(settings.SITE_URL).rstrip("/") + reverse("chat-widget")
    return f'<script async src="{address}" data-inbox="{inbox.hook_key}"></script>'


def _examples(key: str) -> list[tuple[str, str]]:
    """How a page's server signs, by language. The key belongs on the server, never into the page."""
    return [
        (
            "Python",
            "import hashlib, hmac\n\n"
            f'KEY = b"{key}"\n'
            'signed = user_id if not email else f"{user_id}\\n{email}"\n'
            "user_hash = hmac.new(KEY, signed.encode(), hashlib.sha256).hexdigest()",
        ),
        (
            "Node.js",
            'const { createHmac } = require("node:crypto");\n\n'
            f'const KEY = "{key}";\n'
            "const signed = email ? `${userId}\\n${email}` : userId;\n"
            'const userHash = createHmac("sha256", KEY).update(signed).digest("hex");',
        ),
        (
            "PHP",
            f"$key = '{key}';\n"
            '$signed = $email ? "$userId\\n$email" : $userId;\n'
            "$userHash = hash_hmac('sha256', $signed, $key);",
        ),
        (
            "HTML",
            '<script async src="…" data-inbox="…"\n'
            '        data-user-id="4711" data-user-email="rosa@example.com"\n'
            '        data-user-name="Rosa Diaz" data-user-hash="…"></script>',
        ),
    ]

"""Text as Slack writes it, and as it wants it written.

https://docs.slack.dev/messaging/formatting-message-text describes the marks.
"""

import html
import re

_MARK = re.compile(r"<([^<>\n]+)>")


def plain_text(text: str) -> str:
    """Return what people read: links with their address, people and channels by name, no escapes."""
    return html.unescape(_MARK.sub(lambda found: _plain(found[1]), text))


def escaped(text: str) -> str:
    """Return a text that Slack shows as it is; nobody in it is called by accident."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(mark: str) -> str:
    target, _bar, label = mark.partition("|")
    if target.startswith(("@", "#")):
        return target[0] + (label.lstrip("@#") or target[1:])
    if target.startswith("!"):
        return label or "@" + target[1:].partition("^")[0]
    address = target.removeprefix("mailto:").removeprefix("tel:")
    return address if label in {"", target, address} else f"{label} ({target})"

"""Templates of a WhatsApp account (https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account/message_templates)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tickets.channel import Connection, Template
from tickets.channels.meta.graph_api import graph

# Places with names take values of another form.
_NAMED = re.compile(r"\{\{\s*[^\s\d]")
MOST_PAGES = 20
PER_PAGE = 100


def templates_of(connection: Connection) -> Sequence[Template]:
    """Read the templates of the account, page by page. Raises TemporaryFailure, PermanentFailure."""
    account = connection.config["business_account_id"]
    path = f"/{account}/message_templates?fields=name,language,category,status,components&limit={PER_PAGE}"
    found: list[Template] = []
    after = ""
    for _page in range(MOST_PAGES):
        told = graph(connection, path + (f"&after={quote(after)}" if after else ""), method="GET")
        found += [_template(one) for one in told.get("data", ()) if isinstance(one, dict) and one.get("name")]
        paging = told.get("paging")
        following = (
            paging.get("cursors", {}).get("after", "")
            if isinstance(paging, dict) and paging.get("next")
            else ""
        )
        if not following:
            break
        after = str(following)
    return found


def _template(told: Mapping[str, Any]) -> Template:
    parts = [one for one in told.get("components", ()) if isinstance(one, dict)]
    texts = {str(one.get("type", "")).upper(): one for one in parts}
    body = str(texts.get("BODY", {}).get("text", ""))
    # Values are sent for the body alone: a template that needs them elsewhere cannot be sent from here.
    header = texts.get("HEADER", {})
    needs_more = (
        str(header.get("format", "TEXT")).upper() != "TEXT"
        or "{{" in str(header.get("text", ""))
        or any("{{" in str(one.get("url", "")) for one in texts.get("BUTTONS", {}).get("buttons", ()))
    )
    return Template(
        name=str(told["name"]),
        language=str(told.get("language", "")),
        body=body,
        category=str(told.get("category", "")).lower(),
        is_approved=not _NAMED.search(body)
        and str(told.get("status", "")).upper() == "APPROVED"
        and not needs_more,
        state=str(told.get("status", "")).lower(),
    )

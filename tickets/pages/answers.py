"""What pages answer to htmx beside a part: toasts, refusals that leave the page as it is."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse


def with_toast(
    response: HttpResponse, text: str, *, undo_url: str = "", tone: str = "", seconds: int = 0
) -> HttpResponse:
    """Let a response say what was done, with a way back; ``seconds`` is how long it stays, when not as long as usual."""
    toast: dict[str, Any] = {"text": text}
    if undo_url:
        toast["undo_url"] = undo_url
    if seconds:
        toast["seconds"] = seconds
    if tone:
        toast["tone"] = tone
    response["HX-Trigger"] = json.dumps({"toast": toast})
    return response


def refused(error: ValidationError) -> HttpResponse:
    """422 with the reason as a toast; the page keeps what it shows."""
    response = HttpResponse(status=422, headers={"HX-Reswap": "none"})
    return with_toast(response, reason(error), tone="bad")


def reason(error: ValidationError) -> str:
    """The sentences of a refusal."""
    return " ".join(str(sentence) for sentence in error.messages)

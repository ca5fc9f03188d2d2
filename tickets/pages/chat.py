"""The public door of chats: what the widget asks from other people's pages. No cookies; a token names the chat.

Every answer is JSON. 401 says that the token counts no longer, 403 that the page is not one of the inbox's, 410 that the inbox is
gone, 422 names the field, 429 comes with Retry-After. What is live comes from ``tickets.channels.chat.stream``.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from people.pages.addresses import network_address
from people.requests import StaffRequest, page
from tickets.attachment_policy import attachment_policy
from tickets.channels.chat.limits import LONGEST_TEXT, TooMuch, check_room
from tickets.channels.chat.office_hours import office_of
from tickets.channels.chat.origins import chat_inbox, cors_headers, may_ask, preflight_headers
from tickets.channels.chat.services.end_chat import end_chat
from tickets.channels.chat.services.leave_address import leave_address
from tickets.channels.chat.services.note_visitor import note_page, note_seen, note_typing
from tickets.channels.chat.services.post_message import post_message
from tickets.channels.chat.services.rate_chat import rate_chat
from tickets.channels.chat.services.start_chat import Visitor, start_chat
from tickets.channels.chat.settings import ChatSettings
from tickets.channels.chat.tokens import session_of_token
from tickets.channels.chat.transcript import entries_after, file_of_link, state_of
from tickets.channels.chat.words import widget_words
from tickets.file_scans import release
from tickets.incoming import IncomingFile
from tickets.models import ChatSession, Inbox
from tickets.satisfaction import SCALE
from tickets.stored_files import read_file

MOST_BYTES = 64_000
_MEGABYTE = 1024 * 1024

Door = Callable[..., HttpResponse]


def _door(method: str) -> Callable[[Door], Door]:
    """Open a view to pages of the inbox's origins: preflight, the right method, errors as JSON."""

    def wrap(view: Door) -> Door:
        @csrf_exempt
        @wraps(view)
        def opened(request: HttpRequest, key: str) -> HttpResponse:
            inbox, origin = chat_inbox(key), request.headers.get("Origin", "")
            if inbox is None:
                # Readable everywhere, so that a widget on a page says so instead of trying on.
                return _with({"Access-Control-Allow-Origin": "*"}, _problem("gone", 410))
            if not may_ask(inbox, origin):
                return _problem("this page is not one of the chat's", 403)
            if request.method == "OPTIONS":
                return _with(preflight_headers(origin), HttpResponse(status=204))
            if request.method != method:
                return _with(cors_headers(origin), _problem("wrong method", 405))
            return _with(cors_headers(origin), _answered(view, request, inbox))

        return opened

    return wrap


def _answered(view: Door, request: HttpRequest, inbox: Inbox) -> HttpResponse:
    try:
        return view(request, inbox)
    except TooMuch as error:
        return _with({"Retry-After": str(error.seconds)}, _problem(str(error), 429))
    except ValidationError as error:
        fields = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
        name, words = next(iter(fields.items()))
        return JsonResponse({"error": " ".join(words), "field": name}, status=422)


def _session_door(method: str) -> Callable[[Door], Door]:
    """The same for who holds a chat's token; the view gets the session."""

    def wrap(view: Door) -> Door:
        @_door(method)
        @wraps(view)
        def opened(request: HttpRequest, inbox: Inbox) -> HttpResponse:
            session = session_of_token(inbox, request.headers.get("Authorization", ""))
            return _problem("unknown chat", 401) if session is None else view(request, session)

        return opened

    return wrap


@require_GET
def widget(request: HttpRequest) -> HttpResponse:
    """The address of the script for other people's pages; it leads to the present version."""
    response = HttpResponseRedirect(staticfiles_storage.url("widget.js"))
    response["Cache-Control"] = "public, max-age=300"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@_door("GET")
def chat_config(request: HttpRequest, inbox: Inbox) -> HttpResponse:
    """How the widget looks, what it asks, and its words."""
    chosen = ChatSettings.of(inbox.config)
    office, words = office_of(chosen), widget_words()
    policy = attachment_policy()
    return JsonResponse(
        {
            "title": chosen.title or words["title"],
            "greeting": chosen.greeting or words["greeting"],
            "colour": chosen.colour,
            "position": chosen.position,
            "name": chosen.ask_name,
            "email": chosen.ask_email,
            "consent": chosen.consent,
            "only_verified": chosen.only_verified,
            "files": chosen.takes_files,
            "rating": chosen.asks_rating,
            "scores": [[score, str(word)] for score, word, _icon, _face in SCALE],
            "is_open": office.is_open,
            "opens_at": None if office.opens_at is None else office.opens_at.isoformat(),
            "closed": chosen.closed_text or words["closed"],
            "longest_text": LONGEST_TEXT,
            "largest_file": policy.megabytes_each * _MEGABYTE,
            "most_files": policy.files,
            "language": get_language() or "en",
            "words": words,
        }
    )


@_door("POST")
def chat_start(request: HttpRequest, inbox: Inbox) -> HttpResponse:
    """Begin a chat; answers its token, once."""
    values = _json(request)
    visitor = Visitor.of(values | {"browser": ""})
    visitor = Visitor(**{**vars(visitor), "browser": request.headers.get("User-Agent", "")})
    session, token = start_chat(inbox=inbox, visitor=visitor, address=network_address(request))
    return JsonResponse({"token": token, **_chat(session)}, status=201)


@_session_door("GET")
def chat_session(request: HttpRequest, session: ChatSession) -> HttpResponse:
    """The chat so far, for a page that was loaded again."""
    return JsonResponse(_chat(session))


@_session_door("POST")
def chat_message(request: HttpRequest, session: ChatSession) -> HttpResponse:
    """Take a message, as JSON or, with files, as a form."""
    files: list[IncomingFile] = []
    if (request.content_type or "").startswith("multipart/"):
        _refuse_length(request, attachment_policy().megabytes_together * _MEGABYTE + MOST_BYTES)
        # The body has not been read yet: what is refused here is never parsed, nor kept.
        if not ChatSettings.of(session.inbox.config).takes_files:
            raise ValidationError({"files": _("This chat takes no files.")})
        check_room(session, max(0, int(request.META.get("CONTENT_LENGTH") or 0) - MOST_BYTES))
        values: dict[str, Any] = {"id": request.POST.get("id"), "text": request.POST.get("text")}
        files = [
            IncomingFile(one.name or "", one.read(), one.content_type or "application/octet-stream")
            for one in request.FILES.getlist("files")
        ]
    else:
        values = _json(request)
    entry = post_message(
        session=session, key=_text(values.get("id")), text=_text(values.get("text")), files=files
    )
    return JsonResponse({"entry": next(iter(entries_after(session, entry.number - 1)))}, status=201)


@_session_door("POST")
def chat_typing(request: HttpRequest, session: ChatSession) -> HttpResponse:
    """The visitor is writing."""
    note_typing(session=session)
    return HttpResponse(status=204)


@_session_door("POST")
def chat_seen(request: HttpRequest, session: ChatSession) -> HttpResponse:
    """What the visitor has seen, and the page that the visitor is on."""
    values = _json(request)
    number = values.get("number")
    if "page_url" in values:
        note_page(session=session, url=_text(values.get("page_url")), title=_text(values.get("page_title")))
    if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**31:
        note_seen(session=session, number=number)
    return HttpResponse(status=204)


@_session_door("POST")
def chat_email(request: HttpRequest, session: ChatSession) -> HttpResponse:
    """Where answers may be mailed."""
    return JsonResponse(
        {"email": leave_address(session=session, email=_text(_json(request).get("email"))).email}
    )


@_session_door("POST")
def chat_end(request: HttpRequest, session: ChatSession) -> HttpResponse:
    """The visitor ends the chat."""
    end_chat(session=session)
    return HttpResponse(status=204)


@_session_door("POST")
def chat_rating(request: HttpRequest, session: ChatSession) -> HttpResponse:
    """The visitor says how it went."""
    values = _json(request)
    score = values.get("score")
    if not isinstance(score, int) or isinstance(score, bool):
        raise ValidationError({"score": "1-5"})
    comment = values.get("comment")
    rate_chat(session=session, score=score, comment=comment if isinstance(comment, str) else None)
    return HttpResponse(status=204)


@require_GET
def chat_file(request: HttpRequest, token: str) -> HttpResponse:
    """A file of a chat; the address is signed for that chat, and for a day."""
    found = file_of_link(token)
    if found is None:
        raise Http404("no such file")
    release(found.sha256)
    try:
        content = read_file(found.storage_key)
    except (FileNotFoundError, ValueError):
        raise Http404("no such file") from None
    response = HttpResponse(content, content_type="application/octet-stream")
    name = "".join(char if char.isprintable() and char not in '/\\"' else "_" for char in found.name)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, max-age=3600"
    return response


@require_http_methods(["GET"])
@page("settings.manage")
def preview(request: StaffRequest, inbox_id: int) -> HttpResponse:
    """An empty page with the widget on it, to look at and try."""
    inbox = get_object_or_404(Inbox, pk=inbox_id, channel="chat")
    return render(request, "tickets/settings/chat_preview.html", {"inbox": inbox})


def _chat(session: ChatSession) -> dict[str, Any]:
    rated = session.ticket is not None and session.ticket.satisfaction is not None
    return {
        "key": session.key,
        "name": session.name,
        "email": session.email,
        "seen": session.seen_number,
        "rated": rated,
        "entries": entries_after(session),
        "state": state_of(session),
    }


def _json(request: HttpRequest) -> dict[str, Any]:
    """The body as an object; raises ValidationError for anything else."""
    _refuse_length(request, MOST_BYTES)
    try:
        values = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise ValidationError("The body must be a JSON object.")
    return values


def _refuse_length(request: HttpRequest, most: int) -> None:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > most:
        raise ValidationError("The message is too large.")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _problem(text: str, status: int) -> HttpResponse:
    return JsonResponse({"error": text}, status=status)


def _with(headers: dict[str, str], response: HttpResponse) -> HttpResponse:
    for name, value in headers.items():
        response[name] = value
    response.setdefault("Cache-Control", "no-store")
    return response

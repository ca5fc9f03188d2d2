"""The address that providers call. Verified, kept, acknowledged; a task reads it."""

import logging

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from tickets.channel import HookAnswer, HookRequest, RefusedCall
from tickets.connections import channel_of, connection_of, hooked_inbox
from tickets.services.keep_payload import keep_payload
from tickets.services.note_channel import note_refused_call

logger = logging.getLogger(__name__)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def channel_hook(request: HttpRequest, key: str) -> HttpResponse:
    """Take a provider's call for one inbox. 404 for an unknown address, 403 for who is not the provider, 413 for too much."""
    inbox = hooked_inbox(key)
    if inbox is None or not channel_of(inbox).has_hook(inbox.config):
        return _plain("unknown address", 404)
    try:
        most = channel_of(inbox).largest_call
        body = request.read(most + 1)
    except (OSError, RequestDataTooBig):
        return _plain("the body cannot be read", 400)
    if len(body) > most:
        return _plain("the body is too large", 413)
    call = HookRequest(
        method=request.method or "",
        url=settings.SITE_URL.rstrip("/") + request.get_full_path(),
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        content_type=request.content_type or "",
        body=body,
    )
    channel, connection = channel_of(inbox), connection_of(inbox)
    try:
        channel.verify(connection, call)
        greeting = channel.greet(connection, call)
    except RefusedCall as error:
        logger.warning("a call for inbox %s was refused: %s", inbox.pk, error)
        note_refused_call(inbox_id=inbox.pk)
        return _plain("this call does not prove where it comes from", 403)
    if greeting is not None:
        return _answer(greeting)
    if call.method != "POST":
        return _plain("only POST brings news", 405)
    keep_payload(inbox=inbox, request=call, delivery_id=channel.delivery_id(call))
    return _answer(channel.acknowledgement(connection, call))


def _answer(answer: HookAnswer) -> HttpResponse:
    return HttpResponse(answer.body, content_type=answer.content_type, status=answer.status)


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, content_type="text/plain; charset=utf-8", status=status)

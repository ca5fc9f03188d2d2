"""Addresses of the chat widget. The stream of a chat is ``/live/chat/<key>/`` (``tickets.channels.chat.stream``)."""

from django.urls import URLPattern, path

from tickets.pages import chat

urlpatterns: list[URLPattern] = [
    path("widget.js", chat.widget, name="chat-widget"),
    path("files/<str:token>/", chat.chat_file, name="chat-file"),
    path("<str:key>/config/", chat.chat_config, name="chat-config"),
    path("<str:key>/start/", chat.chat_start, name="chat-start"),
    path("<str:key>/session/", chat.chat_session, name="chat-session"),
    path("<str:key>/messages/", chat.chat_message, name="chat-message"),
    path("<str:key>/typing/", chat.chat_typing, name="chat-typing"),
    path("<str:key>/seen/", chat.chat_seen, name="chat-seen"),
    path("<str:key>/email/", chat.chat_email, name="chat-email"),
    path("<str:key>/end/", chat.chat_end, name="chat-end"),
    path("<str:key>/rating/", chat.chat_rating, name="chat-rating"),
]

"""ASGI entry: the live feed and the streams of chats are plain ASGI applications in front of Django, so an open stream holds no
request thread."""

import os

from django.core.asgi import get_asgi_application

from cs_ops.memory import keep_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
django_application = get_asgi_application()

from core.live.application import LiveFeed  # noqa: E402  - needs the app registry
from tickets.channels.chat.stream import ChatStreams  # noqa: E402

application = ChatStreams(LiveFeed(django_application))
keep_what_is_loaded()

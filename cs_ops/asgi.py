"""ASGI entry: the live feed is a plain ASGI application in front of Django, so an open stream holds no request thread."""

import os

from django.core.asgi import get_asgi_application

from cs_ops.memory import keep_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
django_application = get_asgi_application()

from core.live.application import LiveFeed  # noqa: E402  - needs the app registry

application = LiveFeed(django_application)
keep_what_is_loaded()

"""WSGI entry for pages and REST in the production profile; `/live/` is served by the ASGI entry."""

import os

from django.core.wsgi import get_wsgi_application

from cs_ops.memory import keep_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
application = get_wsgi_application()
keep_what_is_loaded()

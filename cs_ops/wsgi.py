"""WSGI entry for pages and REST in the production profile; `/live/` is served by the ASGI entry."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
application = get_wsgi_application()

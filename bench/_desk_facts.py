"""What bench/desk.py must know of a seeded database, and the number of queries of each page; prints one JSON line."""

import json
import os
import sys
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
django.setup()

# Models can be imported only after the setup: hence E402.
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Count  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from cs_ops.demo.volume import LONG, RARE_EVERY, rare_word  # noqa: E402
from customers.models import ContactIdentity  # noqa: E402
from people.models import ApiKey, User  # noqa: E402
from people.models.api_key import digest_of  # noqa: E402
from tickets.models import Message, Ticket  # noqa: E402

settings.ALLOWED_HOSTS = ["*"]


def main() -> None:
    """Log an agent in, make a key, look for what is asked about."""
    agent = User.objects.filter(role="agent").order_by("pk")[0]
    browser = Client()
    browser.force_login(agent)
    secret = ApiKey.new_secret()
    ApiKey.objects.create(
        name="bench", hint=secret[:8], digest=digest_of(secret), scopes=["tickets:read", "tickets:write"]
    )
    long = list(
        Message.objects.values("ticket")
        .annotate(n=Count("pk"))
        .filter(n=LONG)
        .values_list("ticket", flat=True)[:50]
    )
    living = list(Ticket.objects.active().order_by("?").values_list("pk", flat=True)[:5000])
    words = [rare_word(number) for number in range(max(1, Message.objects.count() // RARE_EVERY))]
    pages = {
        "list": "/inbox/?view=open",
        "ticket": f"/inbox/{long[0]}/conversation/",
        "search": f"/search/?q={words[0]}",
        "figures": "/insights/",
    }
    counts = {}
    for name, path in pages.items():
        browser.get(path)
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(path)
        if answer.status_code != 200:
            sys.exit(f"{path} answered {answer.status_code}")
        counts[name] = len(queries)
        if "--show" in sys.argv:
            for query in queries:
                print(query["time"], query["sql"][:400], file=sys.stderr)
    facts = {
        "session": browser.cookies["session"].value,
        "key": secret,
        "long_tickets": long,
        "open_tickets": living,
        "addresses": list(ContactIdentity.objects.order_by("?").values_list("value", flat=True)[:3000]),
        "rare_words": words,
        "sql": counts,
    }
    print(json.dumps(facts))


main()

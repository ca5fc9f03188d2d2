"""The processes of bench/health.py and bench/drills/kill_rescore.py: one word says what to do; JSON on the last line.

``past`` scores everybody as of 30 days ago, ``start`` starts the night's job, ``work`` works it off until nothing is left,
``event`` lets something happen to one account and waits for its score, ``plain`` scores 2,000 accounts in batches of 200 through
the service alone (it runs on other commits, too).
"""

import json
import os
import resource
import sys
import time
from datetime import timedelta

import django

sys.path.insert(0, os.environ.get("PYTHONPATH", "."))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")
django.setup()

# Models can be imported only after the setup: hence E402.
from django.utils import timezone  # noqa: E402

from core import job_runner  # noqa: E402
from core.delivery import pump  # noqa: E402
from core.job_runner import run_jobs, start_job  # noqa: E402
from core.models import Job  # noqa: E402
from customers.models import Account  # noqa: E402
from customers.services.log_touch import log_touch  # noqa: E402
from health.models import ScoreDue  # noqa: E402
from health.services.score_accounts import score_accounts  # noqa: E402
from health.services.score_due import score_due_accounts  # noqa: E402
from people.viewer import system_viewer  # noqa: E402

BY = system_viewer("task")
OPEN = ("queued", "running")


def past() -> dict[str, float]:
    """Fill the history that tonight is compared with."""
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    then = timezone.now() - timedelta(days=30)
    for start in range(0, len(ids), 1000):
        score_accounts(account_ids=ids[start : start + 1000], by=BY, as_of=then)
    return {}


def start() -> dict[str, float]:
    """A night's job with a key of its own."""
    start_job(kind="health.rescore_all", key=f"bench {time.time():.0f}", by=BY)
    return {}


def work() -> dict[str, float]:
    """Take slices until no job of the night is open. The drill shortens the lease (JOB_LEASE_SECONDS)."""
    if "JOB_LEASE_SECONDS" in os.environ:
        job_runner.LEASE = timedelta(seconds=float(os.environ["JOB_LEASE_SECONDS"]))
    while Job.objects.filter(kind__startswith="health.", state__in=OPEN).exists():
        if not run_jobs("batch", budget_seconds=5):
            time.sleep(0.2)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": usage.ru_utime + usage.ru_stime, "peak_mb": round(usage.ru_maxrss / 1024)}


def event() -> dict[str, float]:
    """Touch an account; the event is delivered and the list worked off as the tasks do. Their beat adds at most 3 + 3 seconds."""
    taken = []
    for account in Account.objects.order_by("-pk")[:20]:
        started = time.monotonic()
        log_touch(account=account, kind="call", text="bench", by=BY)
        pump("events")
        while ScoreDue.objects.filter(account=account).exists():
            score_due_accounts(by=BY)
        taken.append(time.monotonic() - started)
    return {"event_s": round(sorted(taken)[18], 3)}


def plain() -> dict[str, float]:
    """The service alone."""
    ids = list(Account.objects.order_by("pk").values_list("pk", flat=True)[:2000])
    score_accounts(account_ids=ids[:200], by=BY)
    started = time.monotonic()
    for place in range(0, len(ids), 200):
        score_accounts(account_ids=ids[place : place + 200], by=BY)
    return {"ms_each": round(1000 * (time.monotonic() - started) / len(ids), 2)}


print(json.dumps({"past": past, "start": start, "work": work, "event": event, "plain": plain}[sys.argv[1]]()))

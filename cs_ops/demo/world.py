"""Builds the demo world, step by step."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.models import Setting
from core.sealing import seal_events
from core.search.sources import index_missing
from core.services.fast_forward import fast_forward
from core.services.record_history import record_history
from cs_ops.demo.companies import SYSTEM, Customers, build_customers
from cs_ops.demo.escalations import add_escalations
from cs_ops.demo.finance import close_last_month
from cs_ops.demo.groups import add_groups
from cs_ops.demo.macros import add_macros
from cs_ops.demo.notes import add_notes
from cs_ops.demo.outreach import add_outreach
from cs_ops.demo.people_notes import add_people_notes
from cs_ops.demo.properties import add_properties
from cs_ops.demo.satisfaction import draw_surveys, store_surveys, survey_events
from cs_ops.demo.segments import add_segments, keep_segments
from cs_ops.demo.staff import build_desk
from cs_ops.demo.stages import add_stages
from cs_ops.demo.structure import add_structure
from cs_ops.demo.tickets import TicketWorld
from cs_ops.demo.usage import build_usage
from cs_ops.demo.views import add_views
from cs_ops.demo.writing import add_writing
from success.services.add_default_playbooks import HEALTH_FELL, add_default_playbooks
from tickets.models import Ticket
from tickets.services.build_episodes import build_episodes
from tickets.services.copy_value_at_risk import copy_value_at_risk
from tickets.services.count_views import recount_everything

Report = Callable[[str], None]


def build_world(
    *, accounts: int, tickets: int, seed: int, with_models: bool, report: Report, light: bool = False
) -> dict[str, Any]:
    """Write everything and return the counts. The first part is one transaction: it is all there or nothing is.

    ``light``: two people per account, nobody is called, and use without its features, for worlds of many thousand accounts.
    """
    now = timezone.now().replace(microsecond=0)
    with transaction.atomic():
        report("teams, people, promises")
        desk = build_desk()
        add_macros(desk, seed)
        # The login page offers the demo people as long as this says so.
        Setting.objects.update_or_create(key="demo", defaults={"value": True})
        report(f"{accounts} customers with contracts and revenue")
        customers = build_customers(seed, accounts, desk, now, light=light)
        add_groups(seed, customers, now)
        add_people_notes(seed, customers, now)
        report("a year of product usage")
        usage_rows = build_usage(seed, customers.companies, now, light=light)
        report(f"{tickets} tickets")
        events, surveys = customers.events, []
        if tickets:
            desk_year = TicketWorld(seed, desk, customers, now, keep_pending=with_models)
            events = events + desk_year.build(tickets)
            surveys = draw_surveys(seed, desk_year.cases, now)
            events = [*events, *survey_events(surveys)]
            add_properties(seed, now)
        report(f"{len(events)} events")
        record_history(events=events)
        add_structure()
        report("episodes of tickets and what customers said")
        store_surveys(surveys)
        add_escalations(desk)
        playbook = add_default_playbooks(by=SYSTEM)[HEALTH_FELL]
        add_views()
        add_segments()
        add_stages(now)
        add_writing(desk)
        close_last_month(now)
        fast_forward()
    if with_models:
        from cs_ops.demo.scores import add_scores

        add_scores(customers, now, report)
        report("past outreach")
        add_outreach(seed, customers, playbook, now)
        # Routing has given the newest tickets their teams.
        build_episodes(ticket_ids=list(Ticket.objects.active().values_list("pk", flat=True)))
    if tickets:
        add_notes(desk)
    keep_segments()
    fast_forward()
    report("counters of views")
    copy_value_at_risk()
    recount_everything()
    report("search index")
    while index_missing():
        pass
    report("sealing the event log")
    while seal_events(limit_blocks=50):
        pass
    truth = write_truth(customers, seed, now)
    return {
        "accounts": accounts,
        "light": light,
        "churned": sum(company.ends_on is not None for company in customers.companies),
        "tickets": tickets,
        "usage_rows": usage_rows,
        "events": len(events),
        "truth": truth,
    }


def write_truth(customers: Customers, seed: int, now: datetime) -> str:
    """Write what is true to ``var/demo-truth.json`` and return its name, relative to the var folder."""
    accounts = [
        {
            "account": company.account.pk,
            "name": company.account.name,
            "since": company.since,
            "renewal": company.renewal,
            "mean_satisfaction": round(company.life.mean, 4),
            "satisfaction": [round(float(value), 4) for value in company.life.satisfaction],
            "hazard": [round(float(value), 5) for value in company.life.hazard],
            "shock": None
            if company.life.shock is None
            else {
                "week": company.life.shock.week,
                "kind": company.life.shock.kind,
                "size": round(company.life.shock.size, 3),
            },
            "notice_on": company.life.notice_on,
            "ends_on": company.life.ends_on,
            "churned_on": company.ends_on,
        }
        for company in customers.companies
    ]
    path = settings.VAR_DIR / "demo-truth.json"
    path.write_text(json.dumps({"seed": seed, "made_at": now, "accounts": accounts}, default=str))
    return path.name

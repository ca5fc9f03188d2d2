"""Sample data for every component of the UI kit: template source, context, and words the result must show."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from core import charts
from core.charts import Annotation, Point
from core.navigation import NavLink

NOW = datetime(2026, 9, 25, 10, 40, tzinfo=UTC)


class Sample(NamedTuple):
    """One rendering of one component."""

    component: str
    source: str
    context: dict[str, Any]
    shows: list[str]


def tag(component: str, source: str, shows: list[str], **context: Any) -> Sample:
    """A component that is drawn by a tag."""
    return Sample(component, source, context, shows)


def include(component: str, shows: list[str], **context: Any) -> Sample:
    """A component that is included with its object."""
    return Sample(component, f'{{% include "ui/{component}.html" %}}', context, shows)


def ticket_row(**changes: Any) -> dict[str, Any]:
    """A ticket row with every attribute."""
    return {
        "id": 11,
        "url": "/inbox/11/",
        "partial_url": "/inbox/11/conversation/",
        "subject": "Login loop after the update",
        "contact": "Mette Aas",
        "account": "Halden Logistics",
        "at": datetime.now(UTC) - timedelta(minutes=2),
        "channel_icon": "mail",
        "channel_label": "E-mail",
        "last_line": "Still looping for all dispatchers",
        "from_us": False,
        "unread": True,
        "selected": True,
        "tag": "SSO",
        "sentiment": "angry",
        "sla_state": "running",
        "sla_due_at": datetime.now(UTC) + timedelta(days=14, hours=12),
        "sla_seconds": 7200,
        "assignee": "Priya Raman",
    } | changes


def message(**changes: Any) -> dict[str, Any]:
    """A message with every attribute."""
    return {
        "id": 5,
        "kind": "in",
        "author": "Mette Aas",
        "you": False,
        "at": NOW,
        "channel": "E-mail",
        "sentiment": "negative",
        "body": "Hi <there>,\n\nit loops. See https://example.com/x",
        "body_html": "",
        "quoted": "On Monday you wrote:\nplease wait",
        "quoted_lines": 14,
        "attachments": [
            {"name": "trace.har", "url": "/files/1/", "size_text": "1.8 MB", "icon": "file-text"}
        ],
        "frame_url": "",
        "state_text": "",
        "state_tone": "",
    } | changes


PREDICTION = {
    "sentence": "Routed to Identity · SSO",
    "sentence_html": "",
    "probability": 0.93,
    "reasons": [("“login loop”", 0.41), ("“Entra ID”", 0.22), ("SAML app edited", -0.14)],
    "model_version": "routing v3",
    "unsure": False,
    "accept_url": "/inbox/11/accept/",
    "accepted": False,
    "change_template": "",
    "target": "",
}
COMPOSER = {
    "reply_url": "/inbox/11/reply/",
    "draft_url": "/inbox/11/draft/",
    "files_url": "/inbox/11/draft/files/",
    "presence_url": "/inbox/11/presence/",
    "later_url": "/inbox/11/later/",
    "preview_url": "/inbox/11/preview/",
    "kinds": {
        kind: {"body": body, "version": 1, "overtaken": "", "files": [], "files_json": "[]", "file_ids": ""}
        for kind, body in (("reply", "Hi Mette"), ("note", ""))
    },
    "draft_kind": "reply",
    "draft_key": "11",
    "to": "Mette Aas",
    "cc": [
        {"address": "it-ops@halden.example", "label": "IT operations", "added": True, "outsider": False},
        {"address": "kai@elsewhere.example", "label": "Kai", "added": True, "outsider": True},
    ],
    "removed": ["Jo Berg"],
    "cc_edited": False,
    "warning": "A newer message has arrived.",
    "error": "",
    "anyway": "",
    "seen": 7,
    "attach": True,
    "token": "abc",
    "may_reply": True,
    "may_resolve": True,
    "signature": "Desk Support",
}
HEALTH = {
    "score": 62,
    "band": "watch",
    "change": -11,
    "points": [73, 74, 73, 75, 74, 73, 72, 73, 71, 70, 66, 64, 62],
    "changes": [("Weekly users", -14), ("NPS older than 90 days", -2), ("Sentiment in calls", 5)],
}
PORTFOLIO_ROW = {
    "url": "/customers/3/",
    "name": "Meridian Freight",
    "score": 41,
    "band": "at_risk",
    "points": [66, 65, 66, 63, 61, 58, 52, 49, 47, 45, 43, 41],
    "change": -25,
    "churn_probability": 0.34,
    "churn_low": 0.24,
    "churn_high": 0.43,
    "coverage": 0.44,
    "arr": 312500,
    "currency": "EUR",
    "renewal_on": date(2026, 12, 3),
    "stage": "Adopting",
    "csm": "Inês Carvalho",
    "is_you": True,
    "touched_at": NOW - timedelta(days=2),
    "open_tickets": 5,
    "next_step": "Sponsor left: map a new champion",
}
HISTORY = [
    Point(date(2025, 10, 1) + timedelta(days=7 * i), 66 + i / 8, 63 + i / 8, 70 + i / 8) for i in range(46)
]
FORECAST = [Point(HISTORY[-1].on + timedelta(days=21 * i), 70, 70 - 4 * i, 70 + 4 * i) for i in (1, 2)]
NOTES = [
    Annotation(date(2025, 11, 11), "Sponsor joined"),
    Annotation(date(2026, 2, 28), "Renewed for one year"),
]

SAMPLES: list[Sample] = [
    tag("avatar", '{% avatar "Mette Aas" you=True size="l" label="Mette Aas" %}', ["MA", "av-you", "av-l"]),
    tag("avatar", "{% avatar %}", ["av-none"]),
    tag(
        "sla_chip",
        '{% sla_chip "running" due 7200 label="Reply in" now=now %}',
        ["14m", "is-bad", "Reply in"],
        due=NOW + timedelta(minutes=14),
        now=NOW,
    ),
    tag(
        "sla_chip",
        '{% sla_chip "running" due 7200 now=now %}',
        ["1h 52m", "is-plain"],
        due=NOW + timedelta(minutes=112),
        now=NOW,
    ),
    tag(
        "sla_chip",
        '{% sla_chip "running" due 7200 now=now %}',
        ["\u221222m", "is-over", "breached"],
        due=NOW - timedelta(minutes=22),
        now=NOW,
    ),
    tag("sla_chip", '{% sla_chip "paused" %}', ["waiting"]),
    tag("sla_chip", '{% sla_chip "met" %}', ["met"]),
    tag("sentiment_mark", '{% sentiment_mark "angry" %}', ["Angry sentiment", "is-ang"]),
    tag("sentiment_mark", '{% sentiment_mark "neutral" show_neutral=True %}', ["Neutral sentiment"]),
    tag(
        "status_icon",
        '{% status_icon "open" %}{% status_icon "pending" %}{% status_icon "resolved" %}',
        ["k-good"],
    ),
    tag(
        "status_icon",
        '{% status_icon "new" %}{% status_icon "snoozed" %}{% status_icon "closed" %}',
        ["dasharray"],
    ),
    tag("priority_icon", '{% priority_icon "urgent" %}', ["is-urgent", 'class="on"']),
    tag(
        "score_ring", '{% score_ring 62 "watch" size="l" %}', ["Health 62 of 100, Watch", "k-warn", "ring-l"]
    ),
    tag("score_ring", "{% score_ring None %}", ["Health not known"]),
    tag("band_chip", '{% band_chip "at_risk" %}', ["At risk", "is-bad"]),
    tag("delta", "{% delta -11 %}", ["\u221211", "is-down"]),
    tag("delta", '{% delta -21 good="down" suffix=" %" %}', ["\u221221 %", "is-up"]),
    tag("delta", "{% delta 3 %}", [">+3<"]),
    tag(
        "sparkline",
        '{% sparkline points "watch" area=True %}',
        ["From 73 to 62", "f-warn"],
        points=HEALTH["points"],
    ),
    tag(
        "interval_dot",
        "{% interval_dot 0.34 0.24 0.43 %}",
        ["34\u00a0%", "80 % interval 24\u00a0% to 43\u00a0%"],
    ),
    tag("interval_dot", "{% interval_dot None %}", ["\u2013"]),
    tag(
        "share_bar",
        '{% share_bar parts "ARR by band" %}',
        ["ARR by band: Healthy 75\u00a0%"],
        parts=[(3, "good", "Healthy"), (1, "bad", "At risk"), (0, "warn", "Watch")],
    ),
    include("value_bar", ["39.0%", "€16k"], share=0.39, text="€16k", title="Expected"),
    tag(
        "change_list",
        "{% change_list changes %}",
        ["Weekly users", "\u221214", "+5"],
        changes=HEALTH["changes"],
    ),
    tag(
        "churn_drivers",
        "{% churn_drivers drivers %}",
        ["Admin left", "+4.1", "\u22123.2"],
        drivers=[("Admin left", "38 days", 4.1), ("Feature breadth", "9 of 14", -3.2)],
    ),
    tag(
        "score_waterfall",
        "{% score_waterfall 73 62 steps missing=missing %}",
        ["from 73 to 62", "Weekly users", "\u221214", "Support CSAT"],
        steps=[("Weekly users", "184 → 149", -14), ("Stale NPS", "", -2), ("Calls", "3 calls", 5)],
        missing=[("Support CSAT", "no answers")],
    ),
    tag(
        "history_chart",
        "{% history_chart points forecast=forecast annotations=notes %}",
        ["Score over time, from 66 to 72", "Sponsor joined", "today", "f-good"],
        points=HISTORY,
        forecast=FORECAST,
        notes=NOTES,
    ),
    tag("history_chart", "{% history_chart points %}", ["Not enough history"], points=[]),
    tag(
        "line_chart",
        '{% line_chart values labels label="SLA per week" target=95 %}',
        ["SLA per week", "target 95", "c-bad"],
        values=[96, 95.5, 93.2, 94.2],
        labels=["1", "2", "3", "4"],
    ),
    tag(
        "line_chart", '{% line_chart values labels label="none" %}', ["Not enough data"], values=[], labels=[]
    ),
    include(
        "curve_chart",
        ["Ten groups", "100 %", "0.95"],
        plot=charts.curve_plot(
            [("l1", [(0.1, 1.0), (1.0, 0.9)])],
            dots=[("p1", 0.6, 0.95, "v2")],
            target=0.95,
            target_label="0.95",
        ),
        label="Ten groups",
    ),
    include("curve_chart", ["Not enough data"], plot=None, label="none"),
    tag(
        "bar_chart",
        '{% bar_chart columns labels css="c-bad cb" label="Sentiment" %}',
        ["c-bad", "Sentiment"],
        columns=[[1, 9], [3, 7]],
        labels=["Mon", "Tue"],
    ),
    tag("bar_chart", '{% bar_chart columns labels label="none" %}', ["No data"], columns=[], labels=[]),
    tag(
        "chart_data",
        "{% chart_data headers rows %}",
        ["<summary>Data</summary>", "<td>66</td>"],
        headers=["Month", "Score"],
        rows=[("Oct", 66)],
    ),
    tag(
        "usage_tile",
        '{% usage_tile "Weekly active users" 149 points change=-0.19 %}',
        ["149", "\u221219 %", "is-down", "f-bad"],
        points=[184, 190, 180, 170, 149],
    ),
    include(
        "ticket_row",
        ["Mette Aas", "Halden Logistics", "SSO", "14d", "Unread", 'aria-current="true"'],
        row=ticket_row(),
        show_assignee=True,
    ),
    include(
        "ticket_row", ["You:"], row=ticket_row(from_us=True, unread=False, sla_state="", account="", tag="")
    ),
    include(
        "ticket_cell",
        ["Login loop", "/inbox/11/", "moved"],
        cell={"kind": "subject", "value": "Login loop"},
        row={
            "id": 11,
            "url": "/inbox/11/",
            "subject": "Login loop",
            "unread": True,
            "gone": True,
            "tag": "moved",
        },
        first=True,
    ),
    include(
        "ticket_table_row",
        ["4711", "€12k", "vip", "Urgent", "Select Login loop"],
        row={
            "id": 11,
            "url": "/inbox/11/",
            "subject": "Login loop",
            "unread": False,
            "gone": False,
            "cells": [
                {"kind": "number", "value": 4711},
                {"kind": "money", "value": 12000.0, "currency": "EUR"},
                {"kind": "tags", "value": "vip", "tags": ["vip"]},
                {"kind": "priority", "value": "Urgent", "priority": "urgent"},
                {"kind": "status", "value": "Open", "category": "open"},
                {"kind": "person", "value": "Priya Raman"},
                {"kind": "age", "value": datetime.now(UTC)},
                {"kind": "bool", "value": True},
            ],
        },
    ),
    include(
        "condition_builder",
        ["kind of status", 'name="where"', "all of", "3d"],
        builder={
            "name": "where",
            "condition": "{}",
            "json": "{}",
            "match": "all",
            "fields": [{"key": "status_category", "label": "kind of status"}],
            "plain": [{"field": "status_category", "is": "in", "value": "open", "group": ""}],
        },
    ),
    include(
        "view_list",
        ["My open", "7", "Team EU"],
        groups=[
            {
                "label": "",
                "views": [
                    {
                        "label": "My open",
                        "url": "?view=my",
                        "icon": "inbox",
                        "count": 7,
                        "current": True,
                        "urgent": True,
                        "secondary": False,
                    }
                ],
            },
            {
                "label": "Team",
                "views": [
                    {
                        "label": "Team EU",
                        "url": "?view=eu",
                        "icon": "users",
                        "count": None,
                        "current": False,
                        "urgent": False,
                        "secondary": True,
                    }
                ],
            },
        ],
    ),
    include(
        "filter_bar",
        ["CSM is", "me", "Filter", "Clear all"],
        filters=[
            {"label": "CSM is", "value": "me", "remove_url": "?", "options": []},
            {
                "label": "Band is",
                "value": "Watch",
                "remove_url": "?",
                "options": [{"label": "Watch", "url": "?band=watch", "selected": True}],
            },
        ],
        addable=[{"label": "Stage", "options": [{"label": "Adopting", "url": "?stage=a"}]}],
        clear_url="?",
    ),
    include("message", ["&lt;there&gt;", "14 quoted lines", "trace.har", "E-mail"], message=message()),
    include(
        "message",
        ["You replied", "Sending"],
        message=message(kind="out", you=True, state_text="Sending", state_tone="warn"),
    ),
    include("message", ["Private note", "is-note"], message=message(kind="note", quoted="", attachments=[])),
    include(
        "message",
        ["<iframe", 'sandbox="allow-popups allow-popups-to-escape-sandbox"'],
        message=message(frame_url="/messages/5/html/"),
    ),
    include(
        "event_line",
        ["Assigned to you"],
        event={"icon": "user-plus", "at": NOW, "text": "Assigned to you", "text_html": ""},
    ),
    include("day_rule", ["Today"], label="Today"),
    include(
        "prediction_chip", ["Routed to Identity", "0.93", "+0.41", "1 more", "Correct"], prediction=PREDICTION
    ),
    include(
        "prediction_chip", ["Unsure", "Confirmed"], prediction=PREDICTION | {"unsure": True, "accepted": True}
    ),
    include(
        "composer",
        ["Send and resolve", "it-ops@halden.example", "Jo Berg", "From outside", "Desk Support"],
        composer=COMPOSER,
        csrf_token="t",
    ),
    include("health_card", ["Health 62 of 100", "What changed", "\u221211"], health=HEALTH),
    include(
        "facts", ["Churn, 90 d", "11 to 27"], facts=[("Churn, 90 d", "18 %", "11 to 27"), ("CSM", "Inês", "")]
    ),
    include(
        "invitation",
        ["Quarterly review", "Tue 3 Mar, 10:00", "Room 4"],
        card={
            "heading": "Invitation",
            "title": "Quarterly review",
            "when": "Tue 3 Mar, 10:00 to 11:00",
            "place": "Room 4",
            "organiser": "Rosa Lind",
            "attendees": "Kim, Jo",
        },
    ),
    include(
        "link_line",
        ["Reply used in #4655"],
        icon_name="quote",
        url="/x/",
        text="Reply used in #4655",
        sub="Jonas",
    ),
    include(
        "portfolio_row", ["Meridian Freight", "€312,500", "34\u00a0%", "3 Dec", "warn"], row=PORTFOLIO_ROW
    ),
    include(
        "portfolio_row",
        ["None planned", "Health not known"],
        row=PORTFOLIO_ROW
        | {
            "score": None,
            "band": "unknown",
            "points": [],
            "change": None,
            "churn_probability": None,
            "churn_low": None,
            "churn_high": None,
            "coverage": None,
            "renewal_on": None,
            "csm": "",
            "touched_at": None,
            "open_tickets": 0,
            "next_step": "",
        },
    ),
    include(
        "today_item",
        ["Meridian Freight", "Plan call", "€41k"],
        item={
            "rank": 1,
            "score": 41,
            "band": "at_risk",
            "url": "/customers/3/",
            "name": "Meridian Freight",
            "reason": "Sponsor left",
            "value_text": "€41k",
            "share": 1.0,
            "action_label": "Plan call",
            "action_url": "/x/",
            "snooze_url": "/y/",
            "value_title": "",
        },
    ),
    include(
        "account_header",
        ["Halden Logistics", "Watch", "€184,000", "48 d"],
        header={
            "name": "Halden Logistics",
            "score": 62,
            "band": "watch",
            "change": -11,
            "actions_template": "",
            "facts": [("ARR", "€184,000", ""), ("Renewal", "12 Nov", "48 d")],
        },
    ),
    include(
        "tabs",
        ["Overview", "Tickets", ">3<"],
        label="Account",
        tabs=[
            {"label": "Overview", "url": "?", "current": True, "count": None},
            {"label": "Tickets", "url": "?tab=t", "current": False, "count": 3},
        ],
    ),
    include(
        "stakeholder_row",
        ["Kari Nygård", "COO, sponsor", "Neutral sentiment"],
        person={
            "name": "Kari Nygård",
            "role": "COO, sponsor",
            "url": "/c/1/",
            "sentiment": "neutral",
            "at": NOW,
        },
    ),
    include(
        "timeline_item",
        ["Score fell to 62", "churn 18 %"],
        item={
            "icon": "activity",
            "at": NOW,
            "text": "Score fell to 62",
            "text_html": "",
            "url": "/x/",
            "detail": "churn 18 %",
        },
    ),
    include(
        "kpi_tile",
        ["First reply", "38", "min", "\u22129 min", "Median"],
        tile={
            "name": "First reply",
            "value": "38",
            "unit": "min",
            "url": "/x/",
            "change_text": "\u22129 min",
            "change_tone": "up",
            "note": "p90 3 h",
            "definition": "Median business time",
        },
    ),
    include(
        "strip_item",
        ["GRR forecast", "91.8 %"],
        label="GRR forecast",
        value="91.8 %",
        small="±1.4",
        note="target",
    ),
    include(
        "adoption_matrix",
        ["Dispatch board", "lv4", "not licensed", "lv0"],
        caption="Share",
        columns=["Oslo", "B", "C"],
        matrix=[("Dispatch board", [96, None, 0])],
    ),
    include("load_more", ["12 of 42", "Load more"], next_url="?after=x", target="#rows", shown=12, total=42),
    include(
        "empty_state",
        ["Connect an inbox", "Load demo data", "a draft", "7f3a"],
        title="Connect an inbox",
        text="Three minutes.",
        icon_name="mail",
        tone="bad",
        reference="7f3a",
        csrf_token="t",
        kept=[(True, "Your text is a draft"), (False, "The ticket stays open")],
        actions=[
            {"label": "Connect", "url": "/x/", "primary": True, "post": False, "quiet": False},
            {"label": "Load demo data", "url": "/y/", "primary": False, "post": True, "quiet": True},
        ],
    ),
    include("empty_done", ["Nothing waits for you"], title="Nothing waits for you", text="All answered."),
    include("empty_filter", ["Nothing matches", "Clear all filters"], clear_url="?"),
    include(
        "empty_first",
        ["No account yet"],
        title="No account yet",
        text="Import some.",
        icon_name="building-community",
    ),
    include(
        "error_state",
        ["The reply was not sent", "is-bad"],
        title="The reply was not sent",
        text="550",
        icon_name="alert-triangle",
    ),
    include(
        "forbidden", ["Models are for ML engineers"], title="Models are for ML engineers", text="Ask Aino."
    ),
    include("skeleton", ["sk w-85"], rows="12"),
    include(
        "banner",
        ["Demo data", "Remove"],
        text="Demo data",
        tone="warn",
        icon_name="flag",
        url="/x/",
        url_label="Remove",
    ),
    include(
        "bulk_bar",
        ["Resolve", "%s selected"],
        actions=[{"label": "Resolve", "icon": "check", "url": "/x/", "name": "status", "value": "resolved"}],
    ),
    include(
        "bulk_result",
        ["41 of 44 done", "3 failed", "#4702"],
        done=41,
        total=44,
        undo_url="/u/",
        csrf_token="t",
        failures=[("#4630", "changed"), ("#4655", "changed"), ("#4702", "needs a category")],
    ),
    include("toast", ["Reply goes out", "Undo"], text="Reply goes out", tone="bad", undo_url="/u/"),
    include(
        "settings_list",
        ["Billing", "4 people"],
        empty="None",
        items=[
            {
                "name": "Billing",
                "sub": "billing@",
                "url": "/x/",
                "chips": [("default", "accent")],
                "right": "4 people",
            }
        ],
    ),
    include("settings_list", ["No team yet"], empty="No team yet", items=[]),
    include(
        "palette_results",
        ["Tickets", "#4711"],
        groups=[
            {
                "label": "Tickets",
                "items_list": [{"label": "#4711 Login", "sub": "Halden", "icon": "mail", "url": "/x/"}],
            }
        ],
    ),
    include("palette_results", ["Nothing found"], groups=[]),
    include("form_error", ["do not match"], errors=["E-mail and password do not match."]),
]

NAV = [
    NavLink("inbox", "Inbox", "inbox", "/inbox/", "", "i", 7, True, False, True),
    NavLink("customers", "Customers", "building-community", "/customers/", "", "c", 0, False, False, True),
    NavLink("settings", "Settings", "settings", "/settings/", "", "", 0, False, True, False),
]

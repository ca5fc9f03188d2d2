"""The target of SLA attainment: set on its page, read by the dashboard and REST."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from core.models import Event
from people.models import User
from tickets.sla_target import sla_target

Login = Callable[[User], Client]


def test_the_target_is_set_on_its_page(admin: User, agent: User, login: Login) -> None:
    browser = login(admin)
    assert sla_target() == 0.95
    assert 'value="95.0"' in browser.get("/settings/sla/target/").content.decode()
    assert browser.post("/settings/sla/target/", {"percent": "87.5"}).status_code == 302
    assert sla_target() == 0.875
    event = Event.objects.get(verb="tickets.sla_target_changed")
    assert event.detail.data == {"percent": [95.0, 87.5]}
    assert browser.post("/settings/sla/target/", {"percent": "87.5"}).status_code == 302
    assert Event.objects.filter(verb="tickets.sla_target_changed").count() == 1
    for wrong in ("49.9", "100.1", "", "87.55", "many"):
        refused = browser.post("/settings/sla/target/", {"percent": wrong})
        assert (refused.status_code, "percent" in refused.context["form"].errors) == (422, True), wrong
    assert login(agent).get("/settings/sla/target/").status_code == 403


@pytest.mark.usefixtures("busy")
def test_figures_are_measured_against_it(admin: User, lead_user: User, login: Login, api: Any) -> None:
    def below() -> int:
        cells = [
            cell
            for row in login(lead_user).get("/insights/?period=60").context["table"]["rows"]
            for cell in row["cells"]
        ]
        return sum(cell["tone"] == "bad" for cell in cells)

    rest = api("insights:read")
    kpis = {one["key"]: one for one in rest.get("/api/v1/insights/kpis/").json()["kpis"]}
    assert (kpis["sla_resolution"]["target"], kpis["backlog"]["target"]) == (0.95, None)
    page = login(lead_user).get("/insights/?period=60")
    assert (page.context["sla"]["target"], "target 95 %" in page.content.decode()) == (95.0, True)
    strict = below()
    login(admin).post("/settings/sla/target/", {"percent": "50"})
    assert login(lead_user).get("/insights/?period=60").context["sla"]["target"] == 50.0
    assert below() < strict
    kpis = {one["key"]: one for one in rest.get("/api/v1/insights/kpis/").json()["kpis"]}
    assert kpis["sla_resolution"]["target"] == 0.5

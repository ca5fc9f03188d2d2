"""The UI kit: every component draws its sample, without holes, inline script or inline style; numbers read as agreed."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Engine, RequestContext
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from core import charts, formatting, keyboard, navigation
from tests.core.ui_samples import SAMPLES, Sample

TEMPLATES = Path(settings.BASE_DIR, "templates")
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source"}


class Hole(str):
    """A value for ``string_if_invalid`` that fails the test and names the missing variable."""

    def __contains__(self, part: object) -> bool:
        return part == "%s" or super().__contains__(str(part))

    def __mod__(self, name: object) -> str:
        raise AssertionError(f"the template uses {name}, which nobody gave it")


class Balance(HTMLParser):
    """Checks that tags close in order and collects what the content security policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.forbidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an opened tag and its forbidden attributes."""
        self.forbidden += [name for name, _ in attrs if name == "style" or name.startswith(("on", "hx-on"))]
        if tag == "script" and dict(attrs).get("type") != "application/json" and "src" not in dict(attrs):
            self.forbidden.append("inline script")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself (SVG)."""
        self.forbidden += [name for name, _ in attrs if name == "style"]

    def handle_endtag(self, tag: str) -> None:
        """A closed tag must be the last opened one."""
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> is out of order"


def check(html: str) -> None:
    """Fail on unbalanced markup, inline style and inline script."""
    parser = Balance()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    assert parser.forbidden == []


def engine(strict: bool = True) -> Engine:
    """Return the product's template engine, failing on holes when strict."""
    return Engine(
        dirs=[str(TEMPLATES)],
        libraries={
            "ui": "core.templatetags.ui",
            "i18n": "django.templatetags.i18n",
            "l10n": "django.templatetags.l10n",
            "static": "django.templatetags.static",
        },
        string_if_invalid=Hole("%s") if strict else "",
    )


def draw(source: str, context: dict[str, Any]) -> str:
    """Render a template source with the UI tags loaded."""
    return engine().from_string("{% load ui i18n %}" + source).render(Context(context))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.component}-{sample.shows[0]}")
def test_component_draws_its_sample(sample: Sample) -> None:
    html = draw(sample.source, sample.context)
    check(html)
    for words in sample.shows:
        assert words in html


def test_every_component_has_a_sample_and_a_description() -> None:
    sampled = {sample.component for sample in SAMPLES} | {"form", "form_field", "settings_nav", "sort_header"}
    files = {path.stem for path in (TEMPLATES / "ui").glob("*.html") if not path.stem.startswith("_")}
    # The chip of the SLA clock is written by its tag.
    assert files | {"sla_chip"} == sampled
    for path in (TEMPLATES / "ui").glob("*.html"):
        assert path.read_text().startswith(("{#", "{% comment %}")), f"{path.name} does not say what it needs"


def test_templates_carry_no_inline_script_or_style() -> None:
    for path in TEMPLATES.rglob("*.html"):
        if "mail" in path.parts:
            continue  # mail programs know no style sheets and no content security policy
        source = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", path.read_text())
        assert " style=" not in source, path
        assert " onclick=" not in source, path
        assert "hx-on" not in source, path


class Settings(forms.Form):
    """A form with one field of each kind."""

    name = forms.CharField(help_text="As customers see it.")
    kind = forms.ChoiceField(choices=[("a", "A"), ("b", "B")])
    days = forms.MultipleChoiceField(
        choices=[("1", "Mon"), ("2", "Tue")], widget=forms.CheckboxSelectMultiple
    )
    active = forms.BooleanField(required=False)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def test_form_fields_tie_label_help_and_error_together() -> None:
    html = draw('{% include "ui/form.html" %}', {"form": Settings({"name": "", "kind": "a", "days": ["1"]})})
    check(html)
    assert 'for="id_name"' in html
    assert 'aria-describedby="id_name_help id_name_error"' in html
    assert 'id="id_name_error"' in html
    assert 'aria-invalid="true"' in html
    assert html.count('class="chk"') == 3
    assert html.count("<fieldset") == 1
    assert 'type="hidden"' in html


def test_sort_header_turns_the_order_round() -> None:
    request = RequestFactory().get("/customers/?sort=-arr&band=watch&after=x")
    source = '{% include "ui/sort_header.html" with label="ARR" key="arr" sort="-arr" numeric=True %}'
    html = engine(strict=False).from_string("{% load ui %}" + source).render(RequestContext(request))
    assert 'aria-sort="descending"' in html
    assert "sort=arr&amp;band=watch" in html
    assert "after" not in html


# --- numbers and words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(-11, "\u221211"), (5, "+5"), (0, "0"), (-0.2, "0"), (None, "\u2013")],
)
def test_differences_carry_their_sign(value: float | None, text: str) -> None:
    assert formatting.signed(value) == text


@pytest.mark.parametrize(
    ("amount", "short", "full"),
    [
        (Decimal("184000"), "€184k", "€184,000"),
        (4_820_000, "€4.82M", "€4,820,000"),
        (999_600, "€1.00M", "€999,600"),
        (-950, "\u2212€950", "\u2212€950"),
    ],
)
def test_money(amount: Decimal | int, short: str, full: str) -> None:
    assert formatting.money(amount) == short
    assert formatting.money(amount, full=True) == full
    assert formatting.money(amount, "CHF").startswith(("CHF ", "\u2212CHF "))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (840, "14m"), (6720, "1h 52m"), (-1320, "\u221222m"), (36_000, "10h"), (273_600, "3d 4h")],
)
def test_durations(seconds: int, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (80, "healthy"),
        (79.4, "steady"),
        (65, "steady"),
        (64, "watch"),
        (50, "watch"),
        (49, "at_risk"),
        (None, "unknown"),
    ],
)
def test_bands_start_at_80_65_and_50(score: float | None, band: str) -> None:
    assert formatting.band_of(score) == band


def test_ages_use_one_unit() -> None:
    now = datetime(2026, 9, 25, 12, tzinfo=UTC)
    ages = [
        formatting.age(now - timedelta(minutes=minutes), now) for minutes in (0, 2, 75, 60 * 30, 60 * 24 * 20)
    ]
    assert ages == ["now", "2m", "1h", "1d", "2w"]


def test_compact_numbers_change_unit_where_they_should() -> None:
    assert [formatting.compact(n) for n in (149, 9_999, 11_402, 999_499, 999_500, 2_100_000)] == [
        "149",
        "9,999",
        "11.4k",
        "999k",
        "1M",
        "2.1M",
    ]


# --- geometry -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60))
def test_sparkline_stays_in_its_box(values: list[float]) -> None:
    shape = charts.spark(values, width=64, height=22)
    assert shape is not None
    numbers = [float(part.lstrip("ML")) for part in shape.line.split()]
    assert all(2 <= x <= 62 for x in numbers[::2])
    assert all(2.5 <= y <= 19.5 for y in numbers[1::2])


@given(
    st.floats(0, 100),
    st.lists(st.tuples(st.text(max_size=5), st.just(""), st.floats(-40, 40)), max_size=8),
)
def test_waterfall_steps_join_and_stay_in_the_chart(
    start: float, steps: list[tuple[str, str, float]]
) -> None:
    end = start + sum(points for _, _, points in steps)
    rows = charts.waterfall(start, end, steps, start_label="then", end_label="now").steps
    assert rows[0].is_total
    assert rows[-1].is_last
    for before, row in pairwise(rows):
        assert 0 <= row.x <= 100
        if not row.is_total:
            assert before.link_x == pytest.approx(row.x) or before.link_x == pytest.approx(
                row.x + row.width, abs=0.11
            )
    assert rows[-2].link_x == pytest.approx(rows[-1].x, abs=0.2)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=10))
def test_signed_bars_touch_the_common_zero(values: list[float]) -> None:
    for value, bar in zip(values, charts.diverging(values), strict=True):
        assert 0 <= bar.x <= 100
        assert (bar.x if value >= 0 else bar.x + bar.width) == pytest.approx(50, abs=0.02)


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e5))
def test_ticks_enclose_the_values(low: float, span: float) -> None:
    ticks = charts.nice_ticks(low, low + span)
    assert ticks == sorted(ticks)
    assert 2 <= len(ticks) <= 8
    assert ticks[0] <= low + span * 1e-6
    assert ticks[-1] >= low + span * (1 - 1e-6)


def test_history_needs_two_points_and_numbers_its_events() -> None:
    day = date(2026, 1, 1)
    assert charts.history_plot([charts.Point(day, 50)]) is None
    points = [charts.Point(day + timedelta(days=30 * i), 50 + i) for i in range(6)]
    events = [
        charts.Annotation(day + timedelta(days=31), "a"),
        charts.Annotation(date(2020, 1, 1), "too early"),
    ]
    plot = charts.history_plot(points, annotations=events)
    assert plot is not None
    assert [note.label for note in plot.notes] == ["1"]
    assert plot.last is not None
    assert plot.last.x == 100


# --- navigation and keys ------------------------------------------------------------------------------------------------


class Person:
    """Who may see tickets only."""

    def can(self, permission: str) -> bool:
        """Hold one permission."""
        return permission == "tickets.view"


class Probe(navigation.NavItem):
    """A page for the test."""

    key = "probe"
    label = "Probe page"
    icon = "inbox"
    url_name = "healthz"
    order = 1
    permission = "tickets.view"

    def badge(self, viewer: Any) -> int:
        """Seven things wait."""
        return 7


class Hidden(Probe):
    """A page the person may not open."""

    key = "hidden"
    permission = "settings.manage"


def test_navigation_offers_only_what_the_viewer_may_open() -> None:
    with navigation.navigation.temporarily(Probe), navigation.navigation.temporarily(Hidden):
        links = navigation.links(Person(), place="rail", path="/healthz", badges=True)
        mine = [link for link in links if link.key in {"probe", "hidden"}]
        assert [(link.key, link.badge, link.current) for link in mine] == [("probe", 7, True)]
        assert [link.key for link in navigation.find_pages(Person(), "probe PAGE")] == ["probe"]


def test_navigation_refuses_a_part_of_another_kind() -> None:
    with pytest.raises(ImproperlyConfigured):
        navigation.navigation.add(Person)  # type: ignore[arg-type]


def test_keys_are_unique_and_reach_the_browser() -> None:
    keys = [*keyboard.KEYS, *keyboard.goto_keys([("i", "Inbox", "/inbox/"), ("", "None", "/none/")])]
    assert len({key.combo for key in keys}) == len(keys)
    assert {"combo": "g i", "action": "goto:/inbox/"} in keyboard.as_json(keys)
    assert keyboard.display("Mod+k") == "⌘K"
    assert keyboard.combo_for("resolve-next") == "⇧E"


def test_no_two_pages_share_a_letter_after_g() -> None:
    letters = [item.goto for item in navigation.navigation if item.goto]
    assert len(letters) == len(set(letters)), letters


def test_the_phone_shows_at_most_four_pages() -> None:
    assert len([item for item in navigation.navigation if item.on_phone]) <= 4

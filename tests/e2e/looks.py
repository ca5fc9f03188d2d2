"""What every page must be: accessible, and no wider than the window in any size and theme."""

from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / "frontend/node_modules/axe-core/axe.min.js"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = {"desk": (1280, 800), "phone": (390, 844)}


@cache
def _axe() -> str:
    if not AXE.is_file():
        pytest.fail("The accessibility checks need axe-core: run make setup-web.")
    return AXE.read_text()


def accessibility_problems(page: Page) -> list[str]:
    """Return what axe finds serious or critical, as "rule: the element"."""
    page.evaluate(_axe())
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in found["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def overflows(page: Page) -> bool:
    """Say whether the page can be pushed sideways."""
    return bool(
        page.evaluate("() => document.documentElement.scrollWidth > document.documentElement.clientWidth")
    )


def assert_looks_right(page: Page, path: str) -> None:
    """Open ``path`` on a desk and a phone, light and dark: axe finds nothing serious, nothing overflows."""
    problems = []
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(path)
        if overflows(page):
            problems.append(f"{path} {size}: wider than the window")
        for theme in THEMES:
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            page.wait_for_function("theme => document.documentElement.dataset.bsTheme === theme", arg=theme)
            problems += [f"{path} {size} {theme}: {problem}" for problem in accessibility_problems(page)]
    assert not problems, "\n".join(problems)

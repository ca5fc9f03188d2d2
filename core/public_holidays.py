"""Public holidays by country and region, from the ``holidays`` library ([ADR 0010](../docs/decisions/0010-public-holidays.md)).

Countries are ISO 3166 codes of two letters ("DE"), regions the library's subdivision codes ("BY").
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import holidays
from holidays.registry import COUNTRIES

# Words that stay small in the names of countries.
_SMALL = frozenset({"and", "of", "the"})


@lru_cache(maxsize=1)
def countries() -> dict[str, str]:
    """Return the known countries, code to English name, by name."""
    known = holidays.list_supported_countries(include_aliases=False)
    names = {codes[1]: _name(key) for key, codes in COUNTRIES.items() if codes[1] in known}
    return dict(sorted(names.items(), key=lambda item: item[1]))


def regions(country: str) -> list[tuple[str, str]]:
    """Return the regions of a country as (code, name); none for an unknown country."""
    if country not in countries():
        return []
    calendar = holidays.country_holidays(country)
    names = {code: name for name, code in getattr(calendar, "subdivisions_aliases", {}).items()}
    found = [(code, names.get(code, code)) for code in calendar.subdivisions]
    return sorted(found, key=lambda region: region[1])


def is_known(country: str, region: str = "") -> bool:
    """Whether there is such a country, with such a region."""
    return country in countries() and (not region or region in dict(regions(country)))


@lru_cache(maxsize=2_000)
def holidays_in(country: str, region: str, year: int) -> Mapping[date, str]:
    """Return the public holidays of a year with their names; none for what is not known, or too far away."""
    if not is_known(country, region):
        return {}
    return dict(holidays.country_holidays(country, subdiv=region or None, years=year).items())


def _name(key: str) -> str:
    return " ".join(word if word in _SMALL else word.capitalize() for word in key.split("_"))

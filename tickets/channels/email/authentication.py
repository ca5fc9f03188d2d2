"""What mail servers write about the sender of a mail: the Authentication-Results headers (RFC 8601).

Anybody can write such a header. Only the one of the server that received the mail for us counts: an administrator names it
(its *authserv-id*) in the inbox's settings, and without that nothing is believed and nothing is shown but "not checked".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MAX_HEADERS = 10
_METHODS = ("spf", "dkim", "dmarc")


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """One header: who claims it, and spf, dkim and dmarc as ``pass``, ``fail``, ``softfail``, ``none``, … or empty.

    ``domains`` are those for which SPF or DKIM passed, in lower case.
    """

    server: str
    spf: str
    dkim: str
    dmarc: str
    domains: Sequence[str] = ()

    def verdict_on(self, address: str) -> str:
        """``pass``, ``fail`` or ``unknown`` about the address in From. DMARC decides; else SPF or DKIM must pass for its domain.

        Anybody passes for a domain of his or her own: that says nothing about From, and takes nothing back.
        """
        if self.dmarc in ("pass", "fail"):
            return self.dmarc
        if any(_belong_together(one, address.rpartition("@")[2].lower()) for one in self.domains):
            return "pass"
        return "fail" if "fail" in (self.spf, self.dkim) or self.spf == "softfail" else "unknown"


def read_results(values: Sequence[str]) -> list[AuthenticationResult]:
    """The headers of a mail, the topmost (latest) first; damaged ones are left out."""
    found = [_read(value) for value in values[:MAX_HEADERS]]
    return [one for one in found if one is not None]


def trusted_result(results: Sequence[AuthenticationResult], server: str) -> AuthenticationResult | None:
    """The topmost result of the server that we trust, None when it wrote none or nobody has named one."""
    wanted = server.strip().lower()
    return next((one for one in results if wanted and one.server.lower() == wanted), None)


def _read(value: str) -> AuthenticationResult | None:
    if len(value) > 4_000:
        return None
    # Loaded for the mails that have one.
    import authres  # type: ignore[import-untyped]

    try:
        header = authres.AuthenticationResultsHeader.parse(f"Authentication-Results: {value}")
    except (authres.AuthResError, ValueError, TypeError, IndexError, AttributeError):
        return None
    said: dict[str, list[str]] = {method: [] for method in _METHODS}
    domains: list[str] = []
    for result in header.results:
        if result.method in said:
            word = str(result.result).lower()[:12]
            said[result.method].append(word)
            domains += _domains(result) if word == "pass" else []
    # Several signatures may stand in a mail; one that holds is enough.
    best = {
        method: "pass" if "pass" in words else words[0] if words else "" for method, words in said.items()
    }
    server = str(header.authserv_id or "")[:253]
    return AuthenticationResult(server, best["spf"], best["dkim"], best["dmarc"], tuple(domains))


def _domains(result: Any) -> list[str]:
    """The domains that a result is about: that of the signature, or that of the envelope's sender."""
    wanted = {"dkim": (("header", "d"), ("header", "i")), "spf": (("smtp", "mailfrom"),)}
    found = {
        (str(one.type).lower(), str(one.name).lower()): str(one.value or "") for one in result.properties
    }
    names = [found[place] for place in wanted.get(result.method, ()) if found.get(place)]
    # The first speaks: a signature names its domain, and perhaps a user below it.
    return [one.strip('"<>').rpartition("@")[2].rstrip(".").lower()[:253] for one in names[:1]]


def _belong_together(one: str, other: str) -> bool:
    """Whether two domains are the same, or one is below the other, which is no mere top-level domain."""
    if one == other:
        return bool(one)
    shorter, longer = sorted((one, other), key=len)
    return "." in shorter and longer.endswith(f".{shorter}")

"""What mail servers write about the sender of a mail: the Authentication-Results headers (RFC 8601).

Anybody can write such a header. Only the one of the server that received the mail for us counts: an administrator names it
(its *authserv-id*) in the inbox's settings, and without that nothing is believed and nothing is shown but "not checked".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_HEADERS = 10
_METHODS = ("spf", "dkim", "dmarc")


@dataclass(frozen=True, slots=True)
class AuthenticationResult:
    """One header: who claims it, and spf, dkim and dmarc as ``pass``, ``fail``, ``softfail``, ``none``, … or empty."""

    server: str
    spf: str
    dkim: str
    dmarc: str

    @property
    def verdict(self) -> str:
        """``pass``, ``fail`` or ``unknown``. DMARC decides; without it one of the others must pass, and SPF may fail."""
        if self.dmarc in ("pass", "fail"):
            return self.dmarc
        if "pass" in (self.spf, self.dkim):
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
    for result in header.results:
        if result.method in said:
            said[result.method].append(str(result.result).lower()[:12])
    # Several signatures may stand in a mail; one that holds is enough.
    best = {
        method: "pass" if "pass" in words else words[0] if words else "" for method, words in said.items()
    }
    return AuthenticationResult(str(header.authserv_id or "")[:253], best["spf"], best["dkim"], best["dmarc"])

"""`/healthz`: the process lives. `/readyz`: it may get traffic."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from core.readiness import look_at_everything


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 whenever the process can answer at all."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 or 503 with ``{ok, checks: {name: {ok, detail}}}``."""
    findings = look_at_everything()
    ok = all(finding.ok for finding in findings.values())
    checks = {name: {"ok": finding.ok, "detail": finding.detail} for name, finding in findings.items()}
    return JsonResponse({"ok": ok, "checks": checks}, status=200 if ok else 503)

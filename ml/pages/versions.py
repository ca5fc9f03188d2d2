"""The versions of a task, and one of them with its card and where it comes from."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from core.formatting import percent, plain
from ml.cards import Card, card_of, markdown
from ml.class_modes import CAUTION, class_rows
from ml.live_precision import live_precision
from ml.models import AliasChange, ClassMode, ModelAlias, ModelVersion
from ml.pages.figures import FIGURES, SHARES
from ml.pages.frame import frame, headline, task_or_404, version_or_404
from people.requests import StaffRequest, page

SHOWN = 100
HISTORY = 30


@page("ml.view")
@require_GET
def versions(request: StaffRequest, task: str) -> HttpResponse:
    """List versions, newest first, and the moves of the names under which they serve."""
    part = task_or_404(task)
    aliases = list(ModelAlias.objects.filter(task=task))
    rows = ModelVersion.objects.filter(task=task).select_related("run__snapshot", "created_by")[:SHOWN]
    context = frame(part, "model-versions") | {
        "rows": [
            {
                "version": version,
                "url": reverse("model-version", args=[task, version.number]),
                "headline": headline(version),
                "rows": (version.training or {}).get("rows"),
                "roles": [alias for alias in aliases if alias.version_id == version.pk],
                "tone": {"live": "good", "rejected": "bad", "approved": "accent"}.get(version.stage, ""),
            }
            for version in rows
        ],
        "changes": AliasChange.objects.filter(task=task).select_related("from_version", "to_version", "user")[
            :HISTORY
        ],
    }
    return render(request, "ml/versions.html", context)


@page("ml.view")
@require_GET
def version(request: StaffRequest, task: str, number: int) -> HttpResponse:
    """Show a version's card: figures, parts of the work, gates, checks of its data, lineage."""
    part = task_or_404(task)
    row = version_or_404(part.key, number)
    card = card_of(row, request.viewer)
    snapshot = card.lineage.snapshot
    context = frame(part, "model-versions") | {
        "version": row,
        "card": card,
        "figures": [
            (_label(name), *(_shown(name, value) for value in values)) for name, *values in card.figures
        ],
        "checks": snapshot.checks.order_by("ok", "severity", "check_key") if snapshot else [],
        "labels": sorted(snapshot.label_counts.items(), key=lambda pair: -pair[1]) if snapshot else [],
        "steps": _steps(card),
        "answers_url": reverse("model-answers", args=[task, number]),
        "classes": _classes(row),
        "bars": (row.metrics.get("class_modes") or {}).get("bars"),
        "class_modes": ClassMode.Mode.choices if row.stage not in ("retired", "rejected") else [],
        "may_set_class": request.viewer.can("ml.manage") or request.viewer.can("ml.approve"),
        "in_use": ModelAlias.objects.filter(version=row).exists(),
        "may_retire": request.viewer.can("ml.manage") and row.stage not in ("retired", "rejected"),
    }
    return render(request, "ml/version.html", context)


@page("ml.view")
@require_GET
def card(request: StaffRequest, task: str, number: int) -> HttpResponse:
    """Hand out the card as Markdown."""
    row = version_or_404(task_or_404(task).key, number)
    response = HttpResponse(
        markdown(card_of(row, request.viewer)), content_type="text/markdown; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{row.label}.md"'
    return response


def _classes(version: ModelVersion) -> list[dict[str, object]]:
    """The classes as they are shown, those that do least by themselves first."""
    rows = class_rows([version]).get(version.pk, {})
    live = live_precision(version, rows)
    tones = {"automatic": "good", "suggest": "warn"}
    ordered = sorted(rows.values(), key=lambda row: (-CAUTION.index(row.mode), row.label))
    return [
        {
            "row": row,
            "mode": ClassMode.Mode(row.mode).label,
            "measured": ClassMode.Mode(row.measured).label,
            "tone": tones.get(row.mode, ""),
            "live": live.get(row.label),
        }
        for row in ordered
    ]


def _label(name: str) -> str:
    extra = {
        "pr_auc": _("Area under precision and recall"),
        "lift_at_10": _("Lift in the highest tenth"),
        "abstained": _("Left to a person"),
        "ms_per_row": _("Milliseconds per row"),
    }
    return str(FIGURES[name][0]) if name in FIGURES else extra.get(name, name)


def _shown(name: str, value: object) -> str:
    if not isinstance(value, int | float):
        return "–"
    return percent(value, 1) if name in SHARES or name == "abstained" else plain(value, 3)


def _steps(card: Card) -> list[tuple[str, str, str]]:
    """Code, rows, training, version, service: what each is and the fingerprint that proves it."""
    run, snapshot, version = card.lineage.run, card.lineage.snapshot, card.version
    steps: list[tuple[str, str, str]] = []
    if snapshot is not None:
        rows = _("%(rows)s rows") % {"rows": plain(snapshot.rows)}
        if snapshot.erased_rows:
            rows += ", " + _("%s of them erased since") % snapshot.erased_rows
        steps.append((_("Data"), rows, snapshot.digest[:16]))
    if run is not None:
        steps.append((_("Code"), "", run.code_digest[:16]))
        steps.append(
            (_("Environment"), f"Python {run.environment.get('python', '?')}", run.environment_digest[:16])
        )
        took = _("%(seconds)s s of processor time, seed %(seed)s") % {
            "seconds": plain(run.cpu_seconds, 0),
            "seed": run.seed,
        }
        steps.append((_("Training"), f"{run.get_trigger_display()}, {took}", f"#{run.pk}"))
    steps.append((_("Version"), version.label, version.digest[:16]))
    service, approval = card.lineage.service, card.lineage.approval
    if service is not None and approval is not None:
        told = _("asked for by %(asker)s, approved by %(decider)s") % {
            "asker": approval.requested_by,
            "decider": approval.decided_by,
        }
        steps.append((_("Service"), told, service.at.date().isoformat()))
    elif service is not None:
        steps.append(
            (_("Service"), _("the first version, without a second person"), service.at.date().isoformat())
        )
    return steps

"""What every page of a task shows: the list of tasks, the tabs, what a version is called and how good it is."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from core.formatting import percent, plain
from ml.models import ModelAlias, ModelVersion
from ml.registry import MLTask, ml_tasks
from people.viewer import Viewer

# What stands for the catalogue among the keys of tasks.
FEATURES = "/features"
# The figure that stands for a version in a list, the first that it has.
HEADLINES = ("accuracy", "roc_auc", "brier", "mae", "micro_f1")
FIGURE_LABELS = {
    "accuracy": _lazy("accuracy"),
    "micro_f1": _lazy("micro F1"),
    "macro_f1": _lazy("macro F1"),
    "roc_auc": _lazy("AUC"),
    "brier": _lazy("Brier score"),
    "mae": _lazy("h mean error"),
}


def task_or_404(key: str) -> MLTask:
    """The task of an address."""
    if key not in ml_tasks:
        raise Http404(key)
    return ml_tasks.get(key)


def version_or_404(task: str, number: int) -> ModelVersion:
    """The version of an address, with its run."""
    return get_object_or_404(
        ModelVersion.objects.select_related("run__snapshot", "created_by"), task=task, number=number
    )


def headline(version: ModelVersion | None) -> str:
    """``86.4 % accuracy``; "" when nothing was measured."""
    if version is None:
        return ""
    for key in HEADLINES:
        value = version.metrics.get(key)
        if isinstance(value, int | float):
            return f"{percent(value, 1) if key == 'accuracy' else plain(value, 2)} {FIGURE_LABELS[key]}"
    return ""


def sidenav(current: str) -> dict[str, Any]:
    """Context of ``ml/_sidenav.html``: the tasks with what serves them, and the other pages; one query."""
    serving = {
        alias.task: alias.version
        for alias in ModelAlias.objects.select_related("version").filter(name=ModelAlias.Name.CHAMPION)
    }
    tasks = []
    for one in ml_tasks:
        live = serving.get(one.key)
        tasks.append(
            {
                "title": one.title,
                "url": reverse("model-task", args=[one.key]),
                "current": one.key == current,
                "sub": f"v{live.number} · {headline(live)}".rstrip(" ·") if live else _("rules answer"),
            }
        )
    features = {"title": _("Features"), "url": reverse("model-features"), "current": current == FEATURES}
    return {"tasks": tasks, "features_link": features, "serving": serving}


def frame(task: MLTask, tab: str) -> dict[str, Any]:
    """Context of ``ml/_task.html``; one query."""
    around = sidenav(task.key)
    tabs = [
        {"label": label, "url": reverse(name, args=[task.key]), "current": tab == name, "count": None}
        for name, label in (
            ("model-task", _("Compare")),
            ("model-versions", _("Versions")),
            ("model-corrections", _("Corrections")),
            ("model-watch", _("Watch")),
            ("model-golden", _("Golden cases")),
        )
    ]
    return {"task": task, "tabs": tabs, "live": around["serving"].get(task.key), **around}


def may_of(viewer: Viewer) -> dict[str, bool]:
    """What a viewer may do with models, for templates."""
    return {
        "manage": viewer.can("ml.manage"),
        "approve": viewer.can("ml.approve"),
        "jobs": viewer.can("operations.view"),
    }

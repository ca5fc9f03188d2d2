"""What people do with models: train, propose, decide, promote, try, roll back. Each is one service; refusals are told."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core.models import Job
from core.pages.forms import done, refused
from ml.models import ModelVersion, TrainingRun
from ml.pages.frame import task_or_404, version_or_404
from ml.services.promote_version import promote_version
from ml.services.propose_version import decide_version, propose_version
from ml.services.retire_version import retire_version
from ml.services.roll_back import roll_back
from ml.services.set_class_mode import set_class_mode
from ml.services.set_trial import end_trial, set_trial
from ml.services.start_training import JOB_KIND, start_training
from people.requests import StaffRequest, page

CANARY_SHARE = 10


@require_POST
@page("ml.manage")
def train(request: StaffRequest, task: str) -> HttpResponse:
    """Queue a training and go where it can be watched."""
    part = task_or_404(task)
    run = start_training(task=part.key, trigger=TrainingRun.Trigger.MANUAL, by=request.viewer)
    job = Job.objects.filter(kind=JOB_KIND, key=str(run.pk)).order_by("-pk").first()
    if job is not None and request.viewer.can("operations.view"):
        return done(request, _("The training is queued."), reverse("job", args=[job.pk]))
    return done(request, _("The training is queued."), reverse("model-task", args=[task]))


@require_POST
@page("ml.manage")
def go_back(request: StaffRequest, task: str) -> HttpResponse:
    """Put the former champion back."""
    part, back = task_or_404(task), reverse("model-task", args=[task])
    try:
        change = roll_back(task=part.key, by=request.viewer, reason=request.POST.get("reason", ""))
    except ValidationError as error:
        return refused(request, error, back)
    if change.to_version is None:
        return done(request, _("The rules of the task answer again."), back)
    return done(request, _("v%s answers again.") % change.to_version.number, back)


@require_POST
@page("ml.manage")
def stop_trial(request: StaffRequest, task: str, name: str) -> HttpResponse:
    """End a canary or a shadow."""
    ended = end_trial(task=task_or_404(task).key, name=name, by=request.viewer)
    text = _("The trial has ended.") if ended else _("There is no such trial any more.")
    return done(request, text, reverse("model-task", args=[task]))


@require_POST
@page("ml.view")
def act_on_version(request: StaffRequest, task: str, number: int, act: str) -> HttpResponse:
    """Do one step of a version's life; the services ask for the permission that it takes."""
    if act not in ACTS:
        raise Http404(act)
    version = version_or_404(task_or_404(task).key, number)
    back = f"{reverse('model-task', args=[task])}?with={number}"
    try:
        text = ACTS[act](request, version)
    except ValidationError as error:
        return refused(request, error, _classes_url(version) if act == "class" else back)
    if act in ("promote", "retire"):
        back = reverse("model-task", args=[task])
    if act == "class":
        back = _classes_url(version)
    return done(request, text, back)


def _propose(request: StaffRequest, version: ModelVersion) -> str:
    checklist = [line for line in request.POST.getlist("checked") if line]
    propose_version(
        version=version, by=request.viewer, reason=request.POST.get("reason", ""), checklist=checklist
    )
    return _("v%s waits for the decision of somebody else.") % version.number


def _approve(request: StaffRequest, version: ModelVersion) -> str:
    decide_version(version=version, approve=True, by=request.viewer, comment=request.POST.get("comment", ""))
    return _("v%s is approved.") % version.number


def _reject(request: StaffRequest, version: ModelVersion) -> str:
    comment = request.POST.get("comment", "")
    if not comment.strip():
        raise ValidationError(_("Say what has to change."))
    decide_version(version=version, approve=False, by=request.viewer, comment=comment)
    return _("v%s is rejected; what has to change is told beside it.") % version.number


def _promote(request: StaffRequest, version: ModelVersion) -> str:
    promote_version(version=version, by=request.viewer, reason=request.POST.get("reason", ""))
    return _("v%s answers from the next prediction on.") % version.number


def _shadow(request: StaffRequest, version: ModelVersion) -> str:
    set_trial(version=version, name="shadow", share=100, by=request.viewer)
    return _("v%s answers in the shadow; nothing acts on what it says.") % version.number


def _canary(request: StaffRequest, version: ModelVersion) -> str:
    set_trial(version=version, name="canary", share=CANARY_SHARE, by=request.viewer)
    return _("v%(number)s answers for %(share)s %% of the subjects.") % {
        "number": version.number,
        "share": CANARY_SHARE,
    }


def _retire(request: StaffRequest, version: ModelVersion) -> str:
    retire_version(version=version, by=request.viewer, reason=request.POST.get("reason", ""))
    return _("v%s is retired.") % version.number


def _class(request: StaffRequest, version: ModelVersion) -> str:
    label, mode, reason = (request.POST.get(name, "") for name in ("label", "mode", "reason"))
    change = set_class_mode(version=version, label=label, mode=mode, reason=reason, by=request.viewer)
    return _("%(label)s: %(mode)s from the next prediction on.") % {
        "label": label,
        "mode": change.get_mode_display(),
    }


def _classes_url(version: ModelVersion) -> str:
    return f"{reverse('model-version', args=[version.task, version.number])}#classes"


ACTS: dict[str, Callable[[StaffRequest, ModelVersion], str]] = {
    "propose": _propose,
    "approve": _approve,
    "reject": _reject,
    "promote": _promote,
    "shadow": _shadow,
    "canary": _canary,
    "retire": _retire,
    "class": _class,
}

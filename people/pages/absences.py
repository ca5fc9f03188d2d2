"""Absences: one's own, and for who plans for others everybody's."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core.pages.forms import done, submitted
from people.forms import AbsenceForm
from people.models import User
from people.requests import StaffRequest, page
from people.selectors import absence_list
from people.services.plan_absence import cancel_absence, change_absence, plan_absence


@require_http_methods(["GET", "POST"])
@page()
def absences(request: StaffRequest) -> HttpResponse:
    """Show what is planned, and plan another."""
    plans_for_others = request.viewer.can("people.schedule")
    form = AbsenceForm(request.POST or None, initial={"user": request.user.pk})
    if plans_for_others:
        planned = {}
    else:
        del form.fields["user"]
        planned = {"user": User.objects.get(pk=request.user.pk)}
    if request.method == "POST" and submitted(form, plan_absence, by=request.viewer, **planned) is not None:
        return done(request, _("The absence is planned."), "absences")
    context = {
        "form": form,
        "absences": absence_list(request.viewer),
        "now": timezone.now(),
        "plans_for_others": plans_for_others,
    }
    return render(request, "people/absences.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@page()
def absence(request: StaffRequest, absence_id: int) -> HttpResponse:
    """Change a planned absence; one that has begun keeps its start."""
    row = get_object_or_404(absence_list(request.viewer), pk=absence_id)
    names = ("starts_at", "ends_at", "deputy", "note")
    form = AbsenceForm(request.POST or None, initial={name: getattr(row, name) for name in names})
    del form.fields["user"]
    fixed = {}
    if row.starts_at <= timezone.now():
        del form.fields["starts_at"]
        fixed = {"starts_at": row.starts_at}
    if (
        request.method == "POST"
        and submitted(form, change_absence, absence=row, by=request.viewer, **fixed) is not None
    ):
        return done(request, _("The absence is changed."), "absences")
    context = {"form": form, "absence": row, "has_begun": bool(fixed)}
    return render(request, "people/absence.html", context, status=422 if form.errors else 200)


@require_POST
@page()
def absence_cancel(request: StaffRequest, absence_id: int) -> HttpResponse:
    """Call an absence off, or end it now."""
    absence = get_object_or_404(absence_list(request.viewer), pk=absence_id)
    cancel_absence(absence=absence, by=request.viewer)
    return done(request, _("The absence is called off."), "absences")

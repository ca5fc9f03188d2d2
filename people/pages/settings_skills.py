"""Settings: skills and who has them."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from core.pages.forms import FormPage, ListItem, ListPage, done, form_page, list_page, submitted
from people.forms import SkillForm
from people.models import Skill
from people.requests import StaffRequest, page
from people.selectors import skill_list
from people.services.save_skill import save_skill


@page("people.schedule")
def skills(request: StaffRequest) -> HttpResponse:
    """List the skills."""
    items = []
    for skill in skill_list(request.viewer):
        chips = [(skill.language, "")] if skill.language else []
        if not skill.is_active:
            chips.append((_("Inactive"), ""))
        count = skill.holder_count  # type: ignore[attr-defined]
        items.append(
            ListItem(
                name=skill.name,
                url=reverse("settings-skill", args=[skill.pk]),
                sub=skill.description,
                chips=chips,
                right=ngettext("%(count)s person", "%(count)s people", count) % {"count": count},
            )
        )
    frame = ListPage(
        heading=_("Skills"),
        lead=_(
            "Teams that assign by skills give a ticket only to people who have what its category, type and language need."
        ),
        new_url=reverse("settings-skill-new"),
        new_label=_("New skill"),
        empty_title=_("No skill yet"),
        empty_text=_("A language that only some speak is a good start."),
        icon="users",
    )
    return list_page(request, items, frame)


@require_http_methods(["GET", "POST"])
@page("people.schedule")
def skill_form(request: StaffRequest, skill_id: int | None = None) -> HttpResponse:
    """Create or change a skill."""
    skill = get_object_or_404(Skill, pk=skill_id) if skill_id else None
    initial = {}
    if skill is not None:
        initial = {
            "name": skill.name,
            "description": skill.description,
            "language": skill.language,
            "people": list(skill.holders.values_list("user_id", flat=True)),
            "is_active": skill.is_active,
        }
    form = SkillForm(request.POST or None, initial=initial)
    if request.method == "POST" and submitted(form, save_skill, skill=skill, by=request.viewer) is not None:
        return done(request, _("Skill saved."), "settings-skills")
    frame = FormPage(heading=skill.name if skill else _("New skill"), back_url=reverse("settings-skills"))
    return form_page(request, form, frame)

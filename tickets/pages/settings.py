"""Settings: categories."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from core.pages.forms import FormPage, ListItem, ListPage, done, form_page, list_page, submitted
from people.requests import StaffRequest, page
from tickets.category_tree import category_path, sorted_by_path
from tickets.models import Category
from tickets.pages.settings_forms import CategoryForm
from tickets.services.save_category import save_category


@page("settings.manage")
def categories(request: StaffRequest) -> HttpResponse:
    """List the categories."""
    rows = Category.objects.select_related(*Category.WITH_TEAMS)
    items = [
        ListItem(
            name=category_path(category.pk),
            url=reverse("settings-category", args=[category.pk]),
            sub=category.description or _("No description: routing cannot learn what belongs here."),
            chips=[] if category.is_active else [(_("Inactive"), "")],
            right=team.name if (team := category.responsible_team) else "",
        )
        for category in sorted(sorted_by_path(list(rows)), key=lambda one: not one.is_active)
    ]
    return list_page(
        request,
        items,
        ListPage(
            heading=_("Categories"),
            lead=_("What tickets are about. The descriptions teach routing until there is history."),
            new_url=reverse("settings-category-new"),
            new_label=_("New category"),
            empty_title=_("Say what customers write about"),
            empty_text=_(
                "Five to fifteen categories, each described in a customer's words, are a good start."
            ),
            icon="tag",
        ),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def category_form(request: StaffRequest, category_id: int | None = None) -> HttpResponse:
    """Create or change a category."""
    category = get_object_or_404(Category, pk=category_id) if category_id else None
    initial = {}
    if category is not None:
        initial = {
            "name": category.name,
            "description": category.description,
            "parent": category.parent_id,
            "team": category.team_id,
            "required_skills": list(category.required_skills.values_list("pk", flat=True)),
            "is_active": category.is_active,
        }
    form = CategoryForm(request.POST or None, initial=initial, category=category)
    if (
        request.method == "POST"
        and submitted(form, save_category, category=category, by=request.viewer) is not None
    ):
        return done(request, _("Category saved."), "settings-categories")
    frame = FormPage(
        heading=category.name if category else _("New category"), back_url=reverse("settings-categories")
    )
    return form_page(request, form, frame)

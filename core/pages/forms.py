"""From a form to a service and back: refusals of the service appear beside their fields."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

T = TypeVar("T")


def submitted(form: forms.BaseForm, service: Callable[..., T], **kwargs: Any) -> T | None:
    """Call ``service`` with the form's cleaned data and ``kwargs``; None when form or service refused.

    What a service refuses about a field the form does not have is shown above the form.
    """
    if not form.is_valid():
        return None
    try:
        return service(**form.cleaned_data, **kwargs)
    except ValidationError as error:
        add_errors(form, error)
    return None


def add_errors(form: forms.BaseForm, error: ValidationError) -> None:
    """Put the errors of a ValidationError beside the fields they name."""
    by_field = error.error_dict if hasattr(error, "error_dict") else {"__all__": error.error_list}
    for name, errors in by_field.items():
        form.add_error(name if name in form.fields else None, errors)


@dataclass(frozen=True)
class PostButton:
    """A button below a form that posts somewhere else; with ``confirm`` it asks first, in this sentence."""

    label: str
    url: str
    confirm: str = ""


@dataclass(frozen=True)
class FormPage:
    """What ``core/settings_form.html`` shows around a form; ``fieldsets`` pairs headings with field names."""

    heading: str
    back_url: str
    lead: str = ""
    save_label: str = ""
    fieldsets: list[tuple[str, list[str]]] = field(default_factory=list)
    buttons: list[PostButton] = field(default_factory=list)
    facts: list[tuple[str, Any]] = field(default_factory=list)


def form_page(
    request: HttpRequest,
    form: forms.BaseForm,
    page: FormPage,
    template: str = "core/settings_form.html",
    **context: Any,
) -> HttpResponse:
    """Render a settings form; status 422 when it was refused."""
    sets = page.fieldsets or [("", list(form.fields))]
    fieldsets = [(heading, [form[name] for name in names if name in form.fields]) for heading, names in sets]
    status = 422 if form.is_bound and form.errors else 200
    return render(
        request, template, {"form": form, "page": page, "fieldsets": fieldsets, **context}, status=status
    )


@dataclass(frozen=True)
class ListItem:
    """One line of ``ui/settings_list.html``; chips are (text, tone) pairs."""

    name: str
    url: str = ""
    sub: str = ""
    chips: list[tuple[str, str]] = field(default_factory=list)
    right: str = ""


@dataclass(frozen=True)
class ListPage:
    """What ``core/settings_list.html`` shows: a heading, the button for a new one, what to say when there is none."""

    heading: str
    lead: str
    new_url: str = ""
    new_label: str = ""
    empty_title: str = ""
    empty_text: str = ""
    icon: str = "settings"


def list_page(
    request: HttpRequest,
    items: list[ListItem],
    page: ListPage,
    template: str = "core/settings_list.html",
    **context: Any,
) -> HttpResponse:
    """Render a settings list."""
    empty_actions = [{"label": page.new_label, "url": page.new_url, "primary": True}] if page.new_url else []
    context = {"items": items, "page": page, "empty_actions": empty_actions, **context}
    return render(request, template, context)


def done(request: HttpRequest, text: str, url: str) -> HttpResponse:
    """Say that it worked and go to ``url``."""
    messages.success(request, text)
    return redirect(url)


def refused(request: HttpRequest, error: ValidationError, url: str) -> HttpResponse:
    """Say why it did not work and go to ``url``; nothing was changed."""
    for text in error.messages:
        messages.error(request, text)
    return redirect(url)

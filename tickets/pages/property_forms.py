"""Forms of the settings pages of statuses, types, tags, custom fields and grace. They parse; the services decide."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from people.models import Skill
from tickets.models import CustomField, Status, Tag, TicketType
from tickets.pages.condition_form import ConditionFormField
from tickets.services.save_status import BUILT_IN
from tickets.services.set_grace import LONGEST_GRACE


class LinesField(forms.CharField):
    """A list of texts, one per line."""

    def __init__(self, *, rows: int = 5, **kwargs: Any) -> None:
        super().__init__(widget=forms.Textarea({"rows": rows}), **kwargs)

    def clean(self, value: Any) -> Any:
        """Return the lines that are not empty."""
        return [line.strip() for line in str(super().clean(value) or "").splitlines() if line.strip()]

    def prepare_value(self, value: Any) -> Any:
        """Show one per line."""
        return "\n".join(map(str, value)) if isinstance(value, list | tuple) else value


class StatusForm(forms.Form):
    """A status; ``category`` only while it is new, ``replacement`` only where it can be taken out of use."""

    name = forms.CharField(label=_("Name"), max_length=60)
    customer_label = forms.CharField(
        label=_("Label for customers"), max_length=60, help_text=_("What customers read about their ticket.")
    )
    category = forms.ChoiceField(
        label=_("Meaning"),
        choices=[one for one in Status.Category.choices if one[0] != Status.Category.NEW],
        help_text=_("Decides which views and clocks count it. It cannot be changed later."),
    )
    pauses_sla = forms.BooleanField(
        label=_("Pauses the SLA clock: time in it is credited back"), required=False
    )
    is_active = forms.BooleanField(label=_("Active: may be chosen"), required=False, initial=True)
    replacement = forms.ModelChoiceField(
        label=_("When it goes out of use, its tickets get"),
        queryset=Status.objects.none(),
        required=False,
        empty_label=_("Nothing: it has no tickets"),
    )

    def __init__(self, *args: Any, status: Status | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if status is None:
            for name in ("is_active", "replacement"):
                del self.fields[name]
            return
        del self.fields["category"]
        replacement = self.fields["replacement"]
        if status.pk in BUILT_IN or not status.is_active:
            del self.fields["replacement"]
        elif isinstance(replacement, forms.ModelChoiceField):
            others = Status.objects.filter(category=status.category, is_active=True)
            replacement.queryset = others.exclude(pk=status.pk)
        if status.pk in BUILT_IN:
            del self.fields["is_active"]


class TicketTypeForm(forms.Form):
    """A type of tickets."""

    name = forms.CharField(label=_("Name"), max_length=60)
    description = forms.CharField(label=_("Description"), max_length=200, required=False)
    checklist = LinesField(
        label=_("Checklist"),
        required=False,
        max_length=20_000,
        help_text=_("One step per line. A ticket gets them with the type."),
    )
    required_skills = forms.ModelMultipleChoiceField(
        label=_("Needed skills"),
        queryset=Skill.objects.filter(is_active=True),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("In teams that assign by skills, only people who have them all get these tickets."),
    )
    is_active = forms.BooleanField(label=_("Active: may be chosen"), required=False, initial=True)


class TagForm(forms.Form):
    """A tag."""

    name = forms.CharField(label=_("Name"), max_length=40, help_text=_("In lower case, without commas."))
    description = forms.CharField(label=_("When it is used"), max_length=200, required=False)
    is_active = forms.BooleanField(label=_("Active: may be put on tickets"), required=False, initial=True)
    applies_itself = forms.BooleanField(
        label=_("Applied by itself"),
        required=False,
        help_text=_(
            "The model puts it on new tickets without asking, as long as surely 95 % of its answers with this tag are right. "
            "Else it only suggests it."
        ),
    )

    def __init__(self, *args: Any, may_apply: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may_apply:
            del self.fields["applies_itself"]


class MergeTagForm(forms.Form):
    """The tag that takes another's tickets."""

    into = forms.ModelChoiceField(
        label=_("Merge into"), queryset=Tag.objects.none(), empty_label=_("Choose a tag")
    )

    def __init__(self, *args: Any, tag: Tag, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        into = self.fields["into"]
        if isinstance(into, forms.ModelChoiceField):
            into.queryset = Tag.objects.filter(is_active=True).exclude(pk=tag.pk)


class CustomFieldForm(forms.Form):
    """A custom field; key, kind and reference only while it is new."""

    label = forms.CharField(label=_("Label"), max_length=60)
    key = forms.SlugField(
        label=_("Key"),
        max_length=40,
        required=False,
        help_text=_("Names the field in REST. Made of the label when it is empty, and fixed from then on."),
    )
    kind = forms.ChoiceField(
        label=_("Holds"), choices=CustomField.Kind.choices, help_text=_("It cannot be changed later.")
    )
    reference = forms.ChoiceField(
        label=_("Refers to"),
        choices=[("", "–"), *CustomField.Reference.choices],
        required=False,
        help_text=_("Only for references."),
    )
    options = LinesField(
        label=_("Choices"), required=False, max_length=20_000, help_text=_("One per line, in their order.")
    )
    help_text = forms.CharField(label=_("Help"), max_length=200, required=False)
    required_on_resolve = forms.BooleanField(
        label=_("Required: a person cannot resolve a ticket that shows it empty"), required=False
    )
    is_active = forms.BooleanField(label=_("Active: shown on tickets"), required=False, initial=True)
    types = forms.ModelMultipleChoiceField(
        label=_("Ticket types"),
        queryset=TicketType.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None means every ticket."),
    )
    condition = ConditionFormField(label=_("Shown when"), required=False)

    def __init__(self, *args: Any, field: CustomField | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if field is None:
            return
        for name in ("key", "kind", "reference"):
            del self.fields[name]
        if field.kind not in {CustomField.Kind.CHOICE, CustomField.Kind.MULTI}:
            del self.fields["options"]

    @staticmethod
    def initial_of(field: CustomField) -> dict[str, Any]:
        """Return what the form shows for a field."""
        return {
            "label": field.label,
            "options": field.options,
            "help_text": field.help_text,
            "required_on_resolve": field.required_on_resolve,
            "is_active": field.is_active,
            "types": [one.pk for one in field.types.all()],
            "condition": field.condition,
        }


class GraceForm(forms.Form):
    """The days of grace."""

    days = forms.IntegerField(
        label=_("Days of grace"),
        min_value=0,
        max_value=LONGEST_GRACE,
        help_text=_(
            "An answer of the customer within these days after the solution reopens the ticket. Then the ticket is closed, "
            "and a later answer opens a new one that follows it."
        ),
    )

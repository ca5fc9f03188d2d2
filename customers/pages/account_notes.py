"""The forms of notes and meetings of an account."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.pages.forms import done, refused
from customers.models import Account, AccountNote, Contact, Meeting
from customers.pages.account import find_account
from customers.pages.account_forms import asked, attempt, finished, show
from customers.selectors import contacts_of
from customers.services.keep_notes import (
    LONGEST_NOTE,
    add_account_note,
    change_account_note,
    delete_account_note,
)
from customers.services.save_meeting import save_meeting
from people.models import User
from people.requests import StaffRequest, page
from people.viewer import Viewer


class NoteForm(forms.Form):
    """A note."""

    text = forms.CharField(
        label=gettext_lazy("Note"), max_length=LONGEST_NOTE, widget=forms.Textarea({"rows": 5})
    )
    is_pinned = forms.BooleanField(label=gettext_lazy("Pin it to the overview"), required=False)


class MeetingForm(forms.Form):
    """A meeting, planned or past."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=160)
    starts_at = forms.DateTimeField(
        label=gettext_lazy("When"),
        widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    contacts = forms.ModelMultipleChoiceField(
        label=gettext_lazy("From them"), queryset=Contact.objects.none(), required=False
    )
    staff = forms.ModelMultipleChoiceField(
        label=gettext_lazy("From us"), queryset=User.objects.none(), required=False
    )
    outcome = forms.CharField(
        label=gettext_lazy("What came of it"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea({"rows": 3}),
    )
    next_step = forms.CharField(
        label=gettext_lazy("Next step"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("After the meeting it becomes the next step with the customer."),
    )

    def __init__(self, data: Any = None, *, account: Account, viewer: Viewer, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.fields["contacts"].queryset = contacts_of(account, viewer)  # type: ignore[attr-defined]
        active = User.objects.filter(is_active=True).order_by("name", "pk")
        self.fields["staff"].queryset = active  # type: ignore[attr-defined]


@page("customers.edit")
def note_form(request: StaffRequest, pk: int, note_id: int | None = None) -> HttpResponse:
    """Write a note or change one."""
    found = find_account(request, pk)
    note = get_object_or_404(AccountNote, pk=note_id, account=found) if note_id else None
    form = NoteForm(
        request.POST or None, initial={"text": note.text, "is_pinned": note.is_pinned} if note else None
    )

    def save() -> AccountNote:
        if note is None:
            return add_account_note(account=found, by=request.viewer, **form.cleaned_data)
        return change_account_note(note=note, by=request.viewer, **form.cleaned_data)

    if request.method == "POST" and attempt(form, save) is not None:
        return finished(request, found, _("The note is kept."), tab="notes")
    heading = _("Note about %(name)s") % {"name": found.name}
    return show(request, form, asked(request, found, heading, _("Save"), tab="notes"))


@require_POST
@page("customers.edit")
def note_delete(request: StaffRequest, pk: int, note_id: int) -> HttpResponse:
    """Delete a note."""
    found = find_account(request, pk)
    url = reverse("account-tab", args=[found.pk, "notes"])
    try:
        delete_account_note(note=get_object_or_404(AccountNote, pk=note_id, account=found), by=request.viewer)
    except ValidationError as error:
        return refused(request, error, url)
    return done(request, _("The note is deleted."), url)


@page("customers.edit")
def meeting_form(request: StaffRequest, pk: int, meeting_id: int | None = None) -> HttpResponse:
    """Plan a meeting, or write down what came of one."""
    found = find_account(request, pk)
    meeting = get_object_or_404(Meeting, pk=meeting_id, account=found) if meeting_id else None
    initial: dict[str, Any] = {"starts_at": timezone.localtime(), "staff": [request.viewer.user_id]}
    if meeting is not None:
        initial = {
            "title": meeting.title,
            "starts_at": timezone.localtime(meeting.starts_at),
            "contacts": meeting.contacts.all(),
            "staff": meeting.staff.all(),
            "outcome": meeting.outcome,
            "next_step": meeting.next_step,
        }
    form = MeetingForm(request.POST or None, initial=initial, account=found, viewer=request.viewer)
    if request.method == "POST":
        saved = attempt(
            form,
            lambda: save_meeting(account=found, meeting=meeting, by=request.viewer, **form.cleaned_data),
        )
        if saved is not None:
            return finished(request, found, _("The meeting is saved."), tab="notes")
    heading = _("Meeting with %(name)s") % {"name": found.name}
    return show(request, form, asked(request, found, heading, _("Save"), tab="notes"))

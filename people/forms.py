"""Forms of people's pages. They parse; the services decide."""

from datetime import time
from itertools import pairwise
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy
from django.utils.dateparse import parse_date
from django.utils.dates import WEEKDAYS
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Calendar
from core.public_holidays import countries, regions
from people.models import Team, User
from people.roles import SCOPE_LABELS, Role
from people.services.log_in import MOST_PASSWORD_CHARACTERS
from people.time_zones import zone_choices

STAFF_ROLES = [(value, label) for value, label in Role.choices if value != Role.INTEGRATION]


class LoginForm(forms.Form):
    """E-mail and password."""

    email = forms.EmailField(
        label=gettext_lazy("Work e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=MOST_PASSWORD_CHARACTERS,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    remember = forms.BooleanField(
        label=gettext_lazy("Stay signed in on this device for 14 days"), required=False, initial=True
    )


class PasswordLinkForm(forms.Form):
    """Whose password was forgotten."""

    email = forms.EmailField(
        label=gettext_lazy("Work e-mail"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )


def new_password_field() -> forms.CharField:
    """Return the field of a password being chosen."""
    return forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=MOST_PASSWORD_CHARACTERS,
        help_text=gettext_lazy("At least 10 characters; a few unrelated words are easy to remember."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class NewPasswordForm(forms.Form):
    """A password chosen through a link."""

    new_password = new_password_field()


class ChangePasswordForm(forms.Form):
    """One's own password, with the present one."""

    old_password = forms.CharField(
        label=gettext_lazy("Present password"),
        strip=False,
        max_length=MOST_PASSWORD_CHARACTERS,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new_password = new_password_field()


class ProfileForm(forms.Form):
    """What a person sets for itself."""

    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=120, widget=forms.TextInput({"autocomplete": "name"})
    )
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=zone_choices)
    availability_at_login = forms.ChoiceField(
        label=gettext_lazy("Availability after login"),
        required=False,
        choices=[("", gettext_lazy("As it was")), *User.Availability.choices],
        help_text=gettext_lazy("New tickets are given to available people only."),
    )
    undo_seconds = forms.TypedChoiceField(
        label=gettext_lazy("An answer can be taken back for"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            (0, gettext_lazy("no time: it leaves at once")),
            (5, gettext_lazy("5 seconds")),
            (15, gettext_lazy("15 seconds")),
            (30, gettext_lazy("30 seconds")),
        ],
    )
    signature = forms.CharField(
        label=gettext_lazy("Signature"),
        required=False,
        max_length=1000,
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("Stands below your answers, above that of the inbox."),
    )


class InviteForm(forms.Form):
    """A person to invite."""

    email = forms.EmailField(label=gettext_lazy("Work e-mail"), max_length=254)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=STAFF_ROLES, initial=Role.AGENT)
    teams = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Teams"),
        queryset=Team.objects.filter(is_active=True),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class UserForm(forms.Form):
    """What an administrator sets for a person."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=STAFF_ROLES,
        help_text=gettext_lazy("A new role ends the person's sessions."),
    )
    teams = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Teams"),
        queryset=Team.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    capacity = forms.IntegerField(
        label=gettext_lazy("Capacity"),
        min_value=0,
        max_value=1000,
        help_text=gettext_lazy("Open tickets the person takes at the most."),
    )
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=zone_choices)
    working_hours = forms.ModelChoiceField(
        label=gettext_lazy("Working hours"),
        queryset=Calendar.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("Always"),
        help_text=gettext_lazy("Outside these hours no ticket is given to the person."),
    )


class TeamForm(forms.Form):
    """A team."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    description = forms.CharField(
        label=gettext_lazy("What the team handles"),
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("In a customer's words. Routing learns from it before there is any history."),
    )
    members = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Members"),
        queryset=User.objects.filter(is_active=True),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    strategy = forms.ChoiceField(
        label=gettext_lazy("Assignment"),
        choices=Team._meta.get_field("strategy").choices or (),
        initial="balanced",
    )
    previous_owner_days = forms.IntegerField(
        label=gettext_lazy("Previous owner first, within days"),
        min_value=0,
        max_value=365,
        required=False,
        initial=0,
        help_text=gettext_lazy(
            "Who had the customer's last ticket gets the next one, when there and below capacity. 0: never."
        ),
    )
    reopen_hours = forms.IntegerField(
        label=gettext_lazy("Reopened tickets wait for their owner, hours"),
        min_value=0,
        max_value=240,
        required=False,
        initial=24,
        help_text=gettext_lazy("Who is not back by then loses them to the deputy or the team."),
    )
    unattended_minutes = forms.IntegerField(
        label=gettext_lazy("Take tickets from people who are away after, minutes"),
        min_value=0,
        max_value=10_000,
        required=False,
        initial=0,
        help_text=gettext_lazy(
            "Where a customer waits and the owner is away within working hours. 0: never."
        ),
    )
    is_private = forms.BooleanField(
        label=gettext_lazy("Private: only members and leads see its tickets"), required=False
    )
    is_active = forms.BooleanField(
        label=gettext_lazy("Active: gets new tickets"), required=False, initial=True
    )


class SkillForm(forms.Form):
    """A skill and who has it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=200, required=False)
    language = forms.RegexField(
        r"^[A-Za-z]{2,8}$",
        label=gettext_lazy("Language"),
        required=False,
        help_text=gettext_lazy(
            "Only for a language: its code, for example “de”. Every ticket in that language needs the skill."
        ),
    )
    people = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Who has it"),
        queryset=User.objects.filter(is_active=True),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    is_active = forms.BooleanField(label=gettext_lazy("Active"), required=False, initial=True)


def _moment(label: Any) -> forms.DateTimeField:
    widget = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(label=label, widget=widget)


class AbsenceForm(forms.Form):
    """A planned absence. ``user`` is there for who plans for others only."""

    user = forms.ModelChoiceField(
        label=gettext_lazy("Who"), queryset=User.objects.filter(is_active=True), empty_label=None
    )
    starts_at = _moment(gettext_lazy("From"))
    ends_at = _moment(gettext_lazy("Until"))
    deputy = forms.ModelChoiceField(
        label=gettext_lazy("Deputy"),
        queryset=User.objects.filter(is_active=True),
        required=False,
        empty_label=gettext_lazy("Nobody: the team takes over"),
        help_text=gettext_lazy(
            "Takes the open tickets, and those that come back meanwhile, as long as there is room."
        ),
    )
    note = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)


class ApiKeyForm(forms.Form):
    """An API key."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        help_text=gettext_lazy("What uses the key, for example “CRM sync”."),
    )
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("Scopes"), choices=list(SCOPE_LABELS.items()), widget=forms.CheckboxSelectMultiple
    )
    lifetime_days = forms.TypedChoiceField(
        label=gettext_lazy("Expires"),
        coerce=int,
        initial=365,
        choices=[
            (30, gettext_lazy("in 30 days")),
            (90, gettext_lazy("in 90 days")),
            (365, gettext_lazy("in a year")),
            (0, gettext_lazy("never")),
        ],
    )
    requests_per_minute = forms.IntegerField(
        label=gettext_lazy("Requests a minute"),
        min_value=1,
        required=False,
        help_text=gettext_lazy("Empty: as many as every key has."),
    )


def country_choices() -> list[tuple[str, str]]:
    """Return the countries whose public holidays are known."""
    return [("", _("No country")), *countries().items()]


def region_choices(country: str) -> list[tuple[str, str]]:
    """Return the regions of a country; without one only "everywhere"."""
    return [("", _("Everywhere in the country") if country else "–"), *regions(country)]


class CalendarForm(forms.Form):
    """A week of opening windows as text ("09:00-12:00, 13:00-17:00"), a time zone and holidays: of a country, and own ones,
    one date a line."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    timezone = forms.ChoiceField(label=gettext_lazy("Time zone"), choices=zone_choices)
    holiday_country = forms.ChoiceField(
        label=gettext_lazy("Public holidays of"),
        choices=country_choices,
        required=False,
        widget=forms.Select(
            {
                "hx-get": reverse_lazy("settings-calendar-regions"),
                "hx-target": "#id_holiday_region",
                "hx-swap": "innerHTML",
            }
        ),
    )
    holiday_region = forms.ChoiceField(label=gettext_lazy("Region"), required=False)
    holidays = forms.CharField(
        label=gettext_lazy("Own holidays"),
        required=False,
        widget=forms.Textarea({"rows": 4, "placeholder": "2027-01-01"}),
        help_text=gettext_lazy("One date a line: year-month-day. Closed all day."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country = (self.data if self.is_bound else self.initial).get("holiday_country") or ""
        self.fields["holiday_region"].choices = region_choices(country)  # type: ignore[attr-defined]
        for number, day in WEEKDAYS.items():
            self.fields[f"day_{number}"] = forms.CharField(
                label=capfirst(day),
                required=False,
                max_length=200,
                widget=forms.TextInput({"placeholder": _("closed"), "inputmode": "text"}),
            )

    @staticmethod
    def initial_of(calendar: Calendar) -> dict[str, Any]:
        """Return what the form shows for a calendar."""
        days = {
            f"day_{number}": ", ".join(
                f"{start}-{end}" for start, end in calendar.windows.get(str(number), [])
            )
            for number in WEEKDAYS
        }
        return {
            "name": calendar.name,
            "timezone": calendar.timezone,
            "holidays": "\n".join(calendar.holidays),
            "holiday_country": calendar.holiday_country,
            "holiday_region": calendar.holiday_region,
            **days,
        }

    def clean_holidays(self) -> list[str]:
        """Return ISO dates; refuses what is none, naming the line."""
        found = []
        for line in self.cleaned_data["holidays"].splitlines():
            if not (text := line.strip()):
                continue
            try:
                day = parse_date(text)
            except ValueError:
                day = None
            if day is None:
                raise ValidationError(_("“%(line)s” is no date like 2027-01-01."), params={"line": text})
            found.append(day.isoformat())
        return found

    def clean(self) -> dict[str, Any]:
        """Turn the seven texts into ``windows``."""
        cleaned: dict[str, Any] = super().clean() or {}
        windows: dict[str, list[list[str]]] = {}
        for number in WEEKDAYS:
            try:
                windows[str(number)] = parse_windows(cleaned.pop(f"day_{number}", ""))
            except ValidationError as error:
                self.add_error(f"day_{number}", error)
                cleaned.pop(f"day_{number}", None)
        cleaned["windows"] = {day: ranges for day, ranges in windows.items() if ranges}
        return cleaned


def parse_windows(text: str) -> list[list[str]]:
    """Return ``[["09:00", "12:00"], …]`` for "09:00-12:00, 13:00-17:00"; raises ValidationError naming the part."""
    windows: list[list[str]] = []
    for part in text.replace("–", "-").split(","):
        if not part.strip():
            continue
        ends = [end.strip() for end in part.split("-")]
        if len(ends) != 2:
            raise ValidationError(
                _("“%(part)s” is no window like 09:00-17:00."), params={"part": part.strip()}
            )
        try:
            start, end = (_clock(one) for one in ends)
        except ValueError as error:
            raise ValidationError(
                _("“%(part)s” is no window like 09:00-17:00."), params={"part": part.strip()}
            ) from error
        if end != "00:00" and end <= start:
            raise ValidationError(_("“%(part)s” ends before it starts."), params={"part": part.strip()})
        windows.append([start, "24:00" if end == "00:00" else end])
    windows.sort()
    for before, after in pairwise(windows):
        if after[0] < before[1]:
            raise ValidationError(_("Two windows overlap at %(time)s."), params={"time": after[0]})
    return windows


def _clock(text: str) -> str:
    """Return "09:00" for "9", "9:00" or "09:00"; "24:00" stays."""
    if text == "24:00":
        return text
    hour, _colon, minute = text.partition(":")
    return time(int(hour), int(minute or 0)).strftime("%H:%M")

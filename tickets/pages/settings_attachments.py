"""Settings: which files people may attach."""

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from core.pages.forms import FormPage, done, form_page, submitted
from people.requests import StaffRequest, page
from tickets.attachment_policy import HIGHEST_MEGABYTES, attachment_policy
from tickets.services.save_attachment_policy import MOST_FILES, save_attachment_policy
from tickets.services.scan_files import scanner_state


class AttachmentPolicyForm(forms.Form):
    """The rules for files."""

    megabytes_each = forms.IntegerField(
        label=gettext_lazy("Size of a file, MB"), min_value=1, max_value=HIGHEST_MEGABYTES
    )
    megabytes_together = forms.IntegerField(
        label=gettext_lazy("Size of all files of a message, MB"),
        min_value=1,
        max_value=HIGHEST_MEGABYTES,
        help_text=gettext_lazy("Many mail servers refuse mails of more than 25 MB."),
    )
    most_files = forms.IntegerField(
        label=gettext_lazy("Files of a message"), min_value=1, max_value=MOST_FILES
    )
    blocked = forms.CharField(
        label=gettext_lazy("Refused types"),
        required=False,
        max_length=2000,
        widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy(
            "Endings of file names, separated by spaces. A name that hides one is refused too."
        ),
    )
    hold_unscanned = forms.BooleanField(
        label=gettext_lazy("Hold files until they are found clean"),
        required=False,
        help_text=gettext_lazy(
            "While the scanner has not looked at a file, or could not, nobody gets it. Files with malware are always held."
        ),
    )


@require_http_methods(["GET", "POST"])
@page("settings.manage")
def attachments(request: StaffRequest) -> HttpResponse:
    """Show and change the rules for files."""
    policy = attachment_policy()
    initial = {
        "megabytes_each": policy.megabytes_each,
        "megabytes_together": policy.megabytes_together,
        "most_files": policy.files,
        "blocked": " ".join(policy.blocked),
        "hold_unscanned": policy.hold_unscanned,
    }
    form = AttachmentPolicyForm(request.POST or None, initial=initial)
    saved = submitted(form, save_attachment_policy, by=request.viewer) if request.method == "POST" else None
    if saved is not None:
        return done(request, _("Rules saved."), "settings-attachments")
    frame = FormPage(
        heading=_("Attachments"),
        lead=_(
            "What colleagues may send. What customers send is always kept, and leaves the product as a download only."
        ),
        back_url=reverse("settings"),
        facts=[(_("Malware scanner"), _scanner_in_words())],
    )
    return form_page(request, form, frame)


def _scanner_in_words() -> str:
    """Say plainly whether files are scanned."""
    state = scanner_state()
    if state is None:
        return _(
            "None. Files are not scanned and none is held; CLAMD_URL in the environment connects a ClamAV daemon."
        )
    if state.reachable:
        return _("%(name)s. Files with malware are held.") % {"name": state.name}
    return _("%(name)s does not answer: %(error)s. Files wait.") % {"name": state.name, "error": state.error}

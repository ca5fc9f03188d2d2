"""Forms of imports' pages. They parse; the services decide."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from imports.importers.csv_tables import TABLES
from imports.registry import Importer
from imports.selectors import import_inboxes


class FilesInput(forms.FileInput):
    """An input of several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One or more files."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[bytes]]":
        """Return the files as a list."""
        chosen = data if isinstance(data, list | tuple) else [data] if data else []
        if not chosen:
            return [super().clean(None, initial)] if self.required else []
        return [super(FilesField, self).clean(one, initial) for one in chosen]


class UploadForm(forms.Form):
    """What is uploaded, and where its tickets belong."""

    uploads = FilesField(label=_("Files"))
    table = forms.ChoiceField(label=_("Each line is"), choices=list(TABLES.items()), required=False)
    inbox = forms.ModelChoiceField(
        label=_("Inbox of the tickets"),
        queryset=import_inboxes(),
        help_text=_("Answers to imported tickets leave from its address."),
    )
    system = forms.CharField(
        label=_("Name of the installation"),
        max_length=64,
        required=False,
        help_text=_(
            "Needed when you move from two installations of the same product, so that their ids are told apart."
        ),
    )
    keep_numbers = forms.BooleanField(
        label=_("Keep the numbers of tickets where they are free"), required=False, initial=True
    )

    def __init__(self, *args: Any, importer: Importer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["uploads"].help_text = str(importer.files_help)
        self.fields["uploads"].widget.attrs["accept"] = importer.accept
        if not importer.is_table:
            del self.fields["table"]
        if importer.key == "mail":
            del self.fields["keep_numbers"]

"""Addresses of imports' pages."""

from django.urls import URLPattern, path

from imports.pages import settings_archives as archives
from imports.pages import settings_imports as imports

urlpatterns: list[URLPattern] = [
    path("settings/imports/", imports.imports, name="settings-imports"),
    path("settings/imports/new/", imports.import_new, name="settings-import-new"),
    path("settings/imports/new/<slug:source>/", imports.import_upload, name="settings-import-upload"),
    path("settings/imports/<int:import_id>/", imports.import_detail, name="settings-import"),
    path("settings/imports/<int:import_id>/mapping/", imports.import_mapping, name="settings-import-mapping"),
    path("settings/imports/<int:import_id>/do/<slug:act>/", imports.import_act, name="settings-import-act"),
    path("settings/imports/<int:import_id>/delete/", imports.import_delete, name="settings-import-delete"),
    path(
        "settings/imports/<int:import_id>/refused/", imports.import_problems, name="settings-import-refused"
    ),
    path(
        "settings/imports/<int:import_id>/refused.csv",
        imports.import_problems_csv,
        name="settings-import-refused-csv",
    ),
    path("settings/archives/", archives.archives, name="settings-archives"),
    path("settings/archives/<slug:reference>/file/", archives.archive_file, name="settings-archive-file"),
    path(
        "settings/archives/<slug:reference>/delete/",
        archives.archive_discard,
        name="settings-archive-discard",
    ),
]

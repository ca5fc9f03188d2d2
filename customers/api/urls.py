"""REST addresses of customers."""

from django.urls import URLPattern, path

from customers.api import (
    account_details,
    account_notes,
    journeys,
    personal_data,
    revenue_urls,
    segments,
    stakeholders,
    views,
)

urlpatterns: list[URLPattern] = [
    path("accounts/", views.AccountList.as_view(), name="api-accounts"),
    path("accounts/bulk/", views.AccountBulk.as_view(), name="api-accounts-bulk"),
    path("accounts/<int:pk>/usage/", views.AccountUsage.as_view(), name="api-account-usage"),
    path("contacts/bulk/", views.ContactBulk.as_view(), name="api-contacts-bulk"),
    path("accounts/<int:pk>/", views.AccountDetail.as_view(), name="api-account"),
    path("traits/", account_details.Traits.as_view(), name="api-traits"),
    path("accounts/<int:pk>/merge/", account_details.AccountMergeView.as_view(), name="api-account-merge"),
    path("accounts/<int:pk>/notes/", account_notes.AccountNotes.as_view(), name="api-account-notes"),
    path(
        "accounts/<int:pk>/notes/<int:note_id>/",
        account_notes.AccountNoteDetail.as_view(),
        name="api-account-note",
    ),
    path("accounts/<int:pk>/meetings/", account_notes.AccountMeetings.as_view(), name="api-account-meetings"),
    path(
        "accounts/<int:pk>/meetings/<int:meeting_id>/",
        account_notes.AccountMeetingDetail.as_view(),
        name="api-account-meeting",
    ),
    path(
        "accounts/<int:pk>/stakeholders/",
        stakeholders.AccountStakeholders.as_view(),
        name="api-account-stakeholders",
    ),
    path("sponsor-changes/", stakeholders.SponsorChanges.as_view(), name="api-sponsor-changes"),
    path("sponsor-changes/<int:pk>/", stakeholders.SponsorChangeDetail.as_view(), name="api-sponsor-change"),
    path("accounts/<int:pk>/group/", account_details.AccountGroup.as_view(), name="api-account-group"),
    path(
        "accounts/<int:pk>/external-ids/",
        account_details.AccountExternalIds.as_view(),
        name="api-account-external-ids",
    ),
    path(
        "accounts/<int:pk>/external-ids/<int:row_id>/",
        account_details.AccountExternalIdDetail.as_view(),
        name="api-account-external-id",
    ),
    *revenue_urls.urlpatterns,
    path("contacts/", views.ContactList.as_view(), name="api-contacts"),
    path("contacts/<int:pk>/", views.ContactDetail.as_view(), name="api-contact"),
    path("contacts/<int:pk>/merge/", views.ContactMergeView.as_view(), name="api-contact-merge"),
    path("contacts/<int:pk>/identities/", views.ContactIdentities.as_view(), name="api-contact-identities"),
    path(
        "contacts/<int:pk>/identities/<int:identity_pk>/",
        views.ContactIdentityDetail.as_view(),
        name="api-contact-identity",
    ),
    path("contacts/<int:pk>/consent/", views.ContactConsent.as_view(), name="api-contact-consent"),
    path("contacts/<int:pk>/exports/", personal_data.ContactExports.as_view(), name="api-contact-exports"),
    path(
        "contacts/<int:pk>/exports/<int:export_pk>/file/",
        personal_data.ContactExportFile.as_view(),
        name="api-contact-export-file",
    ),
    path("contacts/<int:pk>/erasures/", personal_data.ContactErasures.as_view(), name="api-contact-erasures"),
    path("journeys/", journeys.JourneyList.as_view(), name="api-journeys"),
    path("stages/", journeys.StageList.as_view(), name="api-stages"),
    path("accounts/<int:pk>/stages/", journeys.AccountStages.as_view(), name="api-account-stages"),
    path("segments/", segments.SegmentList.as_view(), name="api-segments"),
    path("segments/preview/", segments.SegmentPreview.as_view(), name="api-segments-preview"),
    path("segments/<int:pk>/", segments.SegmentDetail.as_view(), name="api-segment"),
    path("segments/<int:pk>/members/", segments.SegmentMembers.as_view(), name="api-segment-members"),
    path("segments/<int:pk>/explain/", segments.SegmentExplain.as_view(), name="api-segment-explain"),
    path("usage/batch/", views.UsageBatch.as_view(), name="api-usage-batch"),
]

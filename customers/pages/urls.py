"""Page addresses of customers."""

from django.urls import URLPattern, path

from customers.pages import (
    account,
    account_choice,
    account_details,
    account_forms,
    contact,
    personal_data,
    portfolio,
)

urlpatterns: list[URLPattern] = [
    path("customers/", portfolio.portfolio, name="portfolio"),
    path("customers/overview/", portfolio.portfolio_overview, name="portfolio-overview"),
    path("customers/table/", portfolio.portfolio_table, name="portfolio-table"),
    path("customers/rows/", portfolio.portfolio_rows, name="portfolio-rows"),
    path("customers/export.csv", portfolio.portfolio_export, name="portfolio-export"),
    path("customers/new/", account_forms.account_new, name="account-new"),
    path("customers/suggestions/", account_choice.account_suggestions, name="account-suggestions"),
    path("customers/<int:pk>/", account.account, name="account"),
    path("customers/<int:pk>/head/", account.account_head, name="account-head"),
    path("customers/<int:pk>/panels/<slug:key>/", account.account_panel, name="account-panel"),
    path("customers/<int:pk>/edit/", account_forms.account_edit, name="account-edit"),
    path("customers/<int:pk>/step/", account_forms.account_step, name="account-step"),
    path("customers/<int:pk>/touch/", account_forms.account_touch, name="account-touch"),
    path("customers/<int:pk>/renewal/", account_forms.account_renewal, name="account-renewal"),
    path("customers/<int:pk>/subscriptions/new/", account_forms.subscription_new, name="subscription-new"),
    path("customers/<int:pk>/revenue/new/", account_forms.revenue_new, name="revenue-new"),
    path("customers/<int:pk>/contacts/new/", contact.contact_new, name="contact-new"),
    path("customers/<int:pk>/ids/", account_details.external_id_add, name="account-external-ids"),
    path(
        "customers/<int:pk>/ids/<int:row_id>/remove/",
        account_details.external_id_remove,
        name="account-external-id-remove",
    ),
    path("customers/<int:pk>/timeline/rows/", account.timeline_rows, name="timeline-rows"),
    path("customers/<int:pk>/<slug:tab>/", account.account_tab, name="account-tab"),
    path("contacts/<int:pk>/", contact.contact, name="contact"),
    path("contacts/<int:pk>/addresses/", contact.contact_address, name="contact-address"),
    path(
        "contacts/<int:pk>/addresses/<int:identity_id>/remove/",
        contact.contact_address_remove,
        name="contact-address-remove",
    ),
    path("contacts/<int:pk>/merge/", contact.contact_merge, name="contact-merge"),
    path("contacts/<int:pk>/unmerge/", contact.contact_unmerge, name="contact-unmerge"),
    path("contacts/<int:pk>/exports/", personal_data.contact_export, name="contact-export"),
    path("contacts/<int:pk>/exports/rows/", personal_data.export_rows, name="contact-export-rows"),
    path("contacts/<int:pk>/exports/<int:export_id>/", personal_data.export_file, name="contact-export-file"),
    path("contacts/<int:pk>/erase/", personal_data.contact_erase, name="contact-erase"),
]

"""Addresses of the tickets' settings and operations pages, below ``/settings/``."""

from django.urls import URLPattern, path

from tickets.pages import mail_ledger, settings

urlpatterns: list[URLPattern] = [
    path("inboxes/", settings.inboxes, name="settings-inboxes"),
    path("inboxes/new/", settings.inbox_form, name="settings-inbox-new"),
    path("inboxes/<int:inbox_id>/", settings.inbox_form, name="settings-inbox"),
    path("categories/", settings.categories, name="settings-categories"),
    path("categories/new/", settings.category_form, name="settings-category-new"),
    path("categories/<int:category_id>/", settings.category_form, name="settings-category"),
    path("sla/", settings.sla_policies, name="settings-sla-policies"),
    path("sla/new/", settings.sla_policy_form, name="settings-sla-policy-new"),
    path("sla/<int:policy_id>/", settings.sla_policy_form, name="settings-sla-policy"),
    path("sla/<int:policy_id>/delete/", settings.sla_policy_delete, name="settings-sla-policy-delete"),
    path("mail/", mail_ledger.mail_ledger, name="mail-ledger"),
    path("mail/<int:mail_id>/", mail_ledger.ledger_mail, name="ledger-mail"),
    path("mail/<int:mail_id>/raw/", mail_ledger.ledger_mail_raw, name="ledger-mail-raw"),
    path("mail/<int:mail_id>/retry/", mail_ledger.ledger_mail_retry, name="ledger-mail-retry"),
]

"""Addresses of the tickets' settings and operations pages, below ``/settings/``."""

from django.urls import URLPattern, path

from tickets.pages import (
    chat,
    file_scans,
    mail_ledger,
    settings,
    settings_acknowledgement,
    settings_attachments,
    settings_costs,
    settings_escalations,
    settings_inboxes,
    settings_macros,
    settings_mailboxes,
    settings_properties,
    settings_satisfaction,
    settings_sla,
    settings_submissions,
)

urlpatterns: list[URLPattern] = [
    path("inboxes/", settings_inboxes.inboxes, name="settings-inboxes"),
    path("inboxes/new/", settings_inboxes.channel_choice, name="settings-inbox-new"),
    path("inboxes/new/<slug:channel>/", settings_inboxes.inbox_new, name="settings-inbox-connect"),
    path("inboxes/<int:inbox_id>/", settings_inboxes.inbox_form, name="settings-inbox"),
    path("inboxes/<int:inbox_id>/templates/", settings_inboxes.templates, name="settings-templates"),
    path(
        "inboxes/<int:inbox_id>/acknowledgement/",
        settings_acknowledgement.acknowledgement,
        name="settings-acknowledgement",
    ),
    path(
        "inboxes/<int:inbox_id>/acknowledgement/resume/",
        settings_acknowledgement.acknowledgement_resume,
        name="settings-acknowledgement-resume",
    ),
    path("inboxes/<int:inbox_id>/calls/", settings_inboxes.payloads, name="settings-payloads"),
    path("inboxes/<int:inbox_id>/calls/<int:payload_id>/", settings_inboxes.payload, name="settings-payload"),
    path(
        "inboxes/<int:inbox_id>/calls/<int:payload_id>/retry/",
        settings_inboxes.payload_retry,
        name="settings-payload-retry",
    ),
    path(
        "inboxes/<int:inbox_id>/submissions/", settings_submissions.submissions, name="settings-submissions"
    ),
    path(
        "inboxes/<int:inbox_id>/submissions/<int:submission_id>/",
        settings_submissions.submission,
        name="settings-submission",
    ),
    path(
        "inboxes/<int:inbox_id>/submissions/<int:submission_id>/files/<int:file_id>/",
        settings_submissions.submission_file,
        name="settings-submission-file",
    ),
    path(
        "inboxes/<int:inbox_id>/submissions/<int:submission_id>/<slug:act>/",
        settings_submissions.submission_act,
        name="settings-submission-act",
    ),
    path(
        "inboxes/<int:inbox_id>/mailboxes/new/", settings_mailboxes.mailbox_new, name="settings-mailbox-new"
    ),
    path("mailboxes/<int:mailbox_id>/", settings_mailboxes.mailbox_form, name="settings-mailbox"),
    path(
        "mailboxes/<int:mailbox_id>/fetch/", settings_mailboxes.mailbox_fetch, name="settings-mailbox-fetch"
    ),
    path(
        "mailboxes/<int:mailbox_id>/pause/", settings_mailboxes.mailbox_pause, name="settings-mailbox-pause"
    ),
    path(
        "mailboxes/<int:mailbox_id>/remove/",
        settings_mailboxes.mailbox_remove,
        name="settings-mailbox-remove",
    ),
    path("attachments/", settings_attachments.attachments, name="settings-attachments"),
    path("costs/", settings_costs.costs, name="settings-costs"),
    path("categories/", settings.categories, name="settings-categories"),
    path("categories/new/", settings.category_form, name="settings-category-new"),
    path("categories/<int:category_id>/", settings.category_form, name="settings-category"),
    path("escalations/", settings_escalations.escalation_rules, name="settings-escalation-rules"),
    path("escalations/new/", settings_escalations.escalation_rule_form, name="settings-escalation-rule-new"),
    path(
        "escalations/try/", settings_escalations.escalation_rule_try, name="settings-escalation-rule-try-new"
    ),
    path(
        "escalations/<int:rule_id>/",
        settings_escalations.escalation_rule_form,
        name="settings-escalation-rule",
    ),
    path(
        "escalations/<int:rule_id>/try/",
        settings_escalations.escalation_rule_try,
        name="settings-escalation-rule-try",
    ),
    path(
        "escalations/<int:rule_id>/delete/",
        settings_escalations.escalation_rule_delete,
        name="settings-escalation-rule-delete",
    ),
    path("inboxes/<int:inbox_id>/preview/", chat.preview, name="settings-chat-preview"),
    path("sla/", settings_sla.sla_policies, name="settings-sla-policies"),
    path("sla/new/", settings_sla.sla_policy_form, name="settings-sla-policy-new"),
    path("sla/preview/", settings_sla.sla_preview, name="settings-sla-preview-new"),
    path("sla/preview/<int:job_id>/", settings_sla.sla_preview_state, name="settings-sla-preview-state"),
    path("sla/target/", settings_sla.sla_target_form, name="settings-sla-target"),
    path("sla/<int:policy_id>/", settings_sla.sla_policy_form, name="settings-sla-policy"),
    path("sla/<int:policy_id>/preview/", settings_sla.sla_preview, name="settings-sla-preview"),
    path("sla/<int:policy_id>/delete/", settings_sla.sla_policy_delete, name="settings-sla-policy-delete"),
    path("satisfaction/", settings_satisfaction.satisfaction, name="settings-satisfaction"),
    path("statuses/", settings_properties.statuses, name="settings-statuses"),
    path("statuses/new-status/", settings_properties.status_form, name="settings-status-new"),
    path("closing/", settings_properties.grace, name="settings-grace"),
    # a key has no hyphen
    path("statuses/<slug:key>/", settings_properties.status_form, name="settings-status"),
    path("statuses/<slug:key>/move/", settings_properties.status_move, name="settings-status-move"),
    path("statuses/<slug:key>/delete/", settings_properties.status_delete, name="settings-status-delete"),
    path("types/", settings_properties.types, name="settings-types"),
    path("types/new/", settings_properties.type_form, name="settings-type-new"),
    path("types/<int:type_id>/", settings_properties.type_form, name="settings-type"),
    path("types/<int:type_id>/move/", settings_properties.type_move, name="settings-type-move"),
    path("types/<int:type_id>/delete/", settings_properties.type_delete, name="settings-type-delete"),
    path("tags/", settings_properties.tags, name="settings-tags"),
    path("tags/new/", settings_properties.tag_form, name="settings-tag-new"),
    path("tags/<int:tag_id>/", settings_properties.tag_form, name="settings-tag"),
    path("tags/<int:tag_id>/merge/", settings_properties.tag_merge, name="settings-tag-merge"),
    path("tags/<int:tag_id>/delete/", settings_properties.tag_delete, name="settings-tag-delete"),
    path("fields/", settings_properties.fields, name="settings-fields"),
    path("fields/new/", settings_properties.field_form, name="settings-field-new"),
    path("fields/<int:field_id>/", settings_properties.field_form, name="settings-field"),
    path("fields/<int:field_id>/move/", settings_properties.field_move, name="settings-field-move"),
    path("fields/<int:field_id>/delete/", settings_properties.field_delete, name="settings-field-delete"),
    path("file-scans/", file_scans.file_scans, name="file-scans"),
    path("file-scans/again/", file_scans.scan_again, name="file-scans-again"),
    path("mail/", mail_ledger.mail_ledger, name="mail-ledger"),
    path("mail/<int:mail_id>/", mail_ledger.ledger_mail, name="ledger-mail"),
    path("mail/<int:mail_id>/raw/", mail_ledger.ledger_mail_raw, name="ledger-mail-raw"),
    path("mail/<int:mail_id>/retry/", mail_ledger.ledger_mail_retry, name="ledger-mail-retry"),
    path("macros/", settings_macros.macros, name="settings-macros"),
    path("macros/new/", settings_macros.macro_form, name="settings-macro-new"),
    path("macros/action/", settings_macros.macro_action_row, name="settings-macro-action"),
    path("macros/try/", settings_macros.macro_try, name="settings-macro-try"),
    path("macros/<int:macro_id>/", settings_macros.macro_form, name="settings-macro"),
    path("macros/<int:macro_id>/delete/", settings_macros.macro_delete, name="settings-macro-delete"),
]

"""Addresses of integrations' pages."""

from django.urls import URLPattern, path

from integrations.pages import crm_fields
from integrations.pages import settings_crm as crm
from integrations.pages import settings_webhooks as webhooks

urlpatterns: list[URLPattern] = [
    path("settings/webhooks/", webhooks.webhooks, name="settings-webhooks"),
    path("settings/webhooks/new/", webhooks.webhook_new, name="settings-webhook-new"),
    path("settings/webhooks/<int:webhook_id>/", webhooks.webhook_form, name="settings-webhook"),
    path(
        "settings/webhooks/<int:webhook_id>/switch/", webhooks.webhook_switch, name="settings-webhook-switch"
    ),
    path(
        "settings/webhooks/<int:webhook_id>/secret/", webhooks.webhook_secret, name="settings-webhook-secret"
    ),
    path("settings/webhooks/<int:webhook_id>/test/", webhooks.webhook_test, name="settings-webhook-test"),
    path(
        "settings/webhooks/<int:webhook_id>/delete/", webhooks.webhook_delete, name="settings-webhook-delete"
    ),
    path("settings/webhooks/<int:webhook_id>/log/", webhooks.webhook_log, name="settings-webhook-log"),
    path(
        "settings/webhooks/<int:webhook_id>/replay/", webhooks.webhook_replay, name="settings-webhook-replay"
    ),
    path(
        "settings/webhooks/<int:webhook_id>/log/<int:delivery_id>/",
        webhooks.webhook_delivery,
        name="settings-webhook-delivery",
    ),
    path(
        "settings/webhooks/<int:webhook_id>/log/<int:delivery_id>/replay/",
        webhooks.delivery_replay,
        name="settings-webhook-delivery-replay",
    ),
    path("settings/crm/", crm.crms, name="settings-crms"),
    path("settings/crm/new/<slug:system>/", crm.crm_new, name="settings-crm-new"),
    path("settings/crm/<int:crm_id>/", crm.crm, name="settings-crm"),
    path("settings/crm/<int:crm_id>/edit/", crm.crm_form, name="settings-crm-edit"),
    path("settings/crm/<int:crm_id>/fields/", crm_fields.crm_fields, name="settings-crm-fields"),
    path("settings/crm/<int:crm_id>/test/", crm.crm_test, name="settings-crm-test"),
    path("settings/crm/<int:crm_id>/sync/", crm.crm_sync, name="settings-crm-sync"),
    path("settings/crm/<int:crm_id>/check/", crm.crm_check, name="settings-crm-check"),
    path("settings/crm/<int:crm_id>/switch/", crm.crm_switch, name="settings-crm-switch"),
    path("settings/crm/<int:crm_id>/delete/", crm.crm_delete, name="settings-crm-delete"),
    path("settings/crm/<int:crm_id>/retry/", crm_fields.crm_retry, name="settings-crm-retry"),
    path("settings/crm/<int:crm_id>/accept/", crm_fields.crm_accept, name="settings-crm-accept"),
]

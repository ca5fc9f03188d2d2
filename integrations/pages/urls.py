"""Addresses of integrations' pages."""

from django.urls import URLPattern, path

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
]

"""REST addresses of integrations."""

from django.urls import URLPattern, path

from integrations.api import events, webhooks

urlpatterns: list[URLPattern] = [
    path("events/", events.Events.as_view(), name="api-events"),
    path("webhooks/", webhooks.Webhooks.as_view(), name="api-webhooks"),
    path("webhooks/events/", webhooks.WebhookEvents.as_view(), name="api-webhook-events"),
    path("webhooks/<int:pk>/", webhooks.WebhookDetail.as_view(), name="api-webhook"),
    path("webhooks/<int:pk>/secret/", webhooks.WebhookSecret.as_view(), name="api-webhook-secret"),
    path("webhooks/<int:pk>/test/", webhooks.WebhookTest.as_view(), name="api-webhook-test"),
    path("webhooks/<int:pk>/replay/", webhooks.WebhookReplay.as_view(), name="api-webhook-replay"),
    path("webhooks/<int:pk>/deliveries/", webhooks.Deliveries.as_view(), name="api-webhook-deliveries"),
    path(
        "webhooks/<int:pk>/deliveries/<int:delivery_pk>/",
        webhooks.DeliveryDetail.as_view(),
        name="api-webhook-delivery",
    ),
    path(
        "webhooks/<int:pk>/deliveries/<int:delivery_pk>/replay/",
        webhooks.DeliveryReplay.as_view(),
        name="api-webhook-delivery-replay",
    ),
]

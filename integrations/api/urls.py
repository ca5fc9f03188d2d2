"""REST addresses of integrations."""

from django.urls import URLPattern, path

from integrations.api import crm, events, webhooks

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
    path("crms/", crm.Crms.as_view(), name="api-crms"),
    path("crms/<int:pk>/", crm.CrmDetail.as_view(), name="api-crm"),
    path("crms/<int:pk>/sync/", crm.CrmSync.as_view(), name="api-crm-sync"),
    path("crms/<int:pk>/compare/", crm.CrmCompare.as_view(), name="api-crm-compare"),
    path("crms/<int:pk>/fields/", crm.CrmFields.as_view(), name="api-crm-fields"),
    path("crms/<int:pk>/gaps/", crm.CrmGaps.as_view(), name="api-crm-gaps"),
    path("crms/<int:pk>/gaps/accept/", crm.CrmAccept.as_view(), name="api-crm-gaps-accept"),
    path("crms/<int:pk>/records/", crm.CrmRecords.as_view(), name="api-crm-records"),
    path("crms/<int:pk>/records/retry/", crm.CrmRetry.as_view(), name="api-crm-records-retry"),
    path("crms/<int:pk>/conflicts/", crm.CrmConflicts.as_view(), name="api-crm-conflicts"),
]

"""REST addresses of tickets."""

from django.urls import URLPattern, path

from tickets.api import satisfaction, views

urlpatterns: list[URLPattern] = [
    path("tickets/", views.TicketList.as_view(), name="api-tickets"),
    path("tickets/<int:pk>/", views.TicketDetail.as_view(), name="api-ticket"),
    path("tickets/<int:pk>/messages/", views.TicketMessages.as_view(), name="api-ticket-messages"),
    path(
        "tickets/<int:pk>/messages/<int:message_pk>/",
        views.TicketMessageDetail.as_view(),
        name="api-ticket-message",
    ),
    path("tickets/<int:pk>/corrections/", views.TicketCorrections.as_view(), name="api-ticket-corrections"),
    path("satisfaction/", satisfaction.SatisfactionList.as_view(), name="api-satisfaction"),
    path(
        "tickets/<int:pk>/satisfaction/",
        satisfaction.TicketSatisfaction.as_view(),
        name="api-ticket-satisfaction",
    ),
]

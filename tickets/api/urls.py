"""REST addresses of tickets."""

from django.urls import URLPattern, path

from tickets.api import macros, satisfaction, views

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
    path("macros/", macros.MacroList.as_view(), name="api-macros"),
    path("macros/<int:pk>/", macros.MacroDetail.as_view(), name="api-macro"),
    path("tickets/<int:pk>/macros/<int:macro_pk>/", macros.TicketMacro.as_view(), name="api-ticket-macro"),
]

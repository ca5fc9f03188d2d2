"""REST addresses of tickets."""

from django.urls import URLPattern, path

from tickets.api import (
    assignment,
    lists,
    macros,
    properties,
    satisfaction,
    search,
    sla,
    structure,
    views,
    writing,
)

urlpatterns: list[URLPattern] = [
    path("search/", search.TicketSearch.as_view(), name="api-search"),
    path("tickets/", views.TicketList.as_view(), name="api-tickets"),
    path("tickets/<int:pk>/", views.TicketDetail.as_view(), name="api-ticket"),
    path("tickets/<int:pk>/messages/", views.TicketMessages.as_view(), name="api-ticket-messages"),
    path(
        "tickets/<int:pk>/messages/<int:message_pk>/",
        views.TicketMessageDetail.as_view(),
        name="api-ticket-message",
    ),
    path("tickets/<int:pk>/corrections/", views.TicketCorrections.as_view(), name="api-ticket-corrections"),
    path("tickets/<int:pk>/sla/", sla.TicketSlaReason.as_view(), name="api-ticket-sla"),
    path("tickets/<int:pk>/escalations/", sla.TicketEscalations.as_view(), name="api-ticket-escalations"),
    path("escalations/", sla.EscalationList.as_view(), name="api-escalations"),
    path("satisfaction/", satisfaction.SatisfactionList.as_view(), name="api-satisfaction"),
    path(
        "tickets/<int:pk>/satisfaction/",
        satisfaction.TicketSatisfaction.as_view(),
        name="api-ticket-satisfaction",
    ),
    path("tickets/<int:pk>/assignment/", assignment.TicketAssignment.as_view(), name="api-ticket-assignment"),
    path("macros/", macros.MacroList.as_view(), name="api-macros"),
    path("macros/<int:pk>/", macros.MacroDetail.as_view(), name="api-macro"),
    path("tickets/<int:pk>/macros/<int:macro_pk>/", macros.TicketMacro.as_view(), name="api-ticket-macro"),
    path("tickets/<int:pk>/followers/", structure.TicketFollowers.as_view(), name="api-ticket-followers"),
    path(
        "tickets/<int:pk>/followers/<int:user_pk>/",
        structure.TicketFollower.as_view(),
        name="api-ticket-follower",
    ),
    path("tickets/<int:pk>/copies/", structure.TicketCopies.as_view(), name="api-ticket-copies"),
    path("tickets/<int:pk>/copies/<int:contact_pk>/", structure.TicketCopy.as_view(), name="api-ticket-copy"),
    path("tickets/<int:pk>/recipients/", structure.TicketRecipients.as_view(), name="api-ticket-recipients"),
    path("tickets/<int:pk>/links/", structure.TicketLinks.as_view(), name="api-ticket-links"),
    path(
        "tickets/<int:pk>/links/<int:link_pk>/", structure.TicketLinkDetail.as_view(), name="api-ticket-link"
    ),
    path("tickets/<int:pk>/merge/", structure.TicketMergeView.as_view(), name="api-ticket-merge"),
    path(
        "tickets/<int:pk>/messages/<int:message_pk>/split/",
        structure.TicketMessageSplit.as_view(),
        name="api-ticket-message-split",
    ),
    path(
        "tickets/<int:pk>/messages/<int:message_pk>/move/",
        structure.TicketMessageMove.as_view(),
        name="api-ticket-message-move",
    ),
    path("ticket-statuses/", properties.TicketStatuses.as_view(), name="api-ticket-statuses"),
    path("ticket-types/", properties.TicketTypes.as_view(), name="api-ticket-types"),
    path("ticket-fields/", properties.TicketFields.as_view(), name="api-ticket-fields"),
    path("tags/", properties.Tags.as_view(), name="api-tags"),
    path("tickets/<int:pk>/snooze/", properties.TicketSnooze.as_view(), name="api-ticket-snooze"),
    path("tickets/<int:pk>/checklist/", properties.TicketChecklist.as_view(), name="api-ticket-checklist"),
    path(
        "tickets/<int:pk>/checklist/<int:step_pk>/", properties.TicketStep.as_view(), name="api-ticket-step"
    ),
    path("tickets/<int:pk>/time/", properties.TicketTime.as_view(), name="api-ticket-time"),
    path(
        "tickets/<int:pk>/time/<int:entry_pk>/",
        properties.TicketTimeEntry.as_view(),
        name="api-ticket-time-entry",
    ),
    path("tickets/<int:pk>/answers/", writing.TicketAnswers.as_view(), name="api-ticket-answers"),
    path(
        "tickets/<int:pk>/answers/<int:draft_pk>/",
        writing.TicketWaitingAnswer.as_view(),
        name="api-ticket-answer",
    ),
    path(
        "tickets/<int:pk>/messages/<int:message_pk>/undo/",
        writing.TicketMessageUndo.as_view(),
        name="api-ticket-message-undo",
    ),
    path("tickets/<int:pk>/drafts/<slug:kind>/", writing.TicketDraft.as_view(), name="api-ticket-draft"),
    path("tickets/<int:pk>/presence/", writing.TicketPresence.as_view(), name="api-ticket-presence"),
    path("views/", lists.ViewList.as_view(), name="api-views"),
    path("views/<int:pk>/", lists.ViewDetail.as_view(), name="api-view"),
    path("views/<slug:key>/tickets/", lists.ViewTickets.as_view(), name="api-view-tickets"),
    path("tickets/bulk/", lists.BulkActs.as_view(), name="api-bulk-acts"),
    path("tickets/bulk/<slug:reference>/", lists.BulkActDetail.as_view(), name="api-bulk-act"),
    path("tickets/bulk/<slug:reference>/undo/", lists.BulkActUndo.as_view(), name="api-bulk-act-undo"),
    path("tickets/bulk/<slug:reference>/cancel/", lists.BulkActCancel.as_view(), name="api-bulk-act-cancel"),
]

"""REST addresses of tickets: each with its view and the name that ``api-`` is put before."""

from django.urls import URLPattern, path
from rest_framework.views import APIView

from tickets.api import (
    assignment,
    attachments,
    calls,
    configuration,
    costs,
    desk,
    exports,
    given_addresses,
    lists,
    macros,
    mailboxes,
    properties,
    satisfaction,
    search,
    sla,
    structure,
    submissions,
    views,
    writing,
)

_LISTS: list[tuple[str, type[APIView], str]] = [
    ("search/", search.TicketSearch, "search"),
    ("tickets/", views.TicketList, "tickets"),
    ("tickets/bulk/", lists.BulkActs, "bulk-acts"),
    ("tickets/bulk/<slug:reference>/", lists.BulkActDetail, "bulk-act"),
    ("tickets/bulk/<slug:reference>/undo/", lists.BulkActUndo, "bulk-act-undo"),
    ("tickets/bulk/<slug:reference>/cancel/", lists.BulkActCancel, "bulk-act-cancel"),
    ("views/", lists.ViewList, "views"),
    ("views/<int:pk>/", lists.ViewDetail, "view"),
    ("views/<slug:key>/tickets/", lists.ViewTickets, "view-tickets"),
    ("calls/", calls.CallList, "calls"),
    ("calls/<int:pk>/", calls.CallDetail, "call"),
    ("exports/", exports.ExportList, "exports"),
    ("exports/<slug:reference>/", exports.ExportDetail, "export"),
    ("exports/<slug:reference>/file/", exports.ExportFile, "export-file"),
    ("attachments/<int:pk>/", attachments.AttachmentDetail, "attachment"),
    ("attachments/<int:pk>/file/", attachments.AttachmentFile, "attachment-file"),
    ("escalations/", sla.EscalationList, "escalations"),
    ("satisfaction/", satisfaction.SatisfactionList, "satisfaction"),
    ("macros/", macros.MacroList, "macros"),
    ("macros/<int:pk>/", macros.MacroDetail, "macro"),
]

_CONFIGURATION: list[tuple[str, type[APIView], str]] = [
    ("ticket-statuses/", configuration.TicketStatuses, "ticket-statuses"),
    ("ticket-statuses/<slug:key>/", configuration.TicketStatusDetail, "ticket-status"),
    ("inboxes/", desk.Inboxes, "inboxes"),
    ("inboxes/<int:pk>/", desk.InboxDetail, "inbox"),
    ("inboxes/<int:pk>/templates/", desk.InboxTemplates, "inbox-templates"),
    ("categories/", desk.Categories, "categories"),
    ("categories/<int:pk>/", desk.CategoryDetail, "category"),
    ("sla-policies/", desk.SlaPolicies, "sla-policies"),
    ("sla-policies/<int:pk>/", desk.SlaPolicyDetail, "sla-policy"),
    ("mailboxes/", mailboxes.MailboxList, "mailboxes"),
    ("mailboxes/<int:pk>/", mailboxes.MailboxDetail, "mailbox"),
    ("form-submissions/", submissions.SubmissionList, "form-submissions"),
    ("form-submissions/<int:pk>/", submissions.SubmissionDetail, "form-submission"),
    ("form-submissions/<int:pk>/accept/", submissions.SubmissionAccept, "form-submission-accept"),
    ("form-submissions/<int:pk>/refuse/", submissions.SubmissionRefuse, "form-submission-refuse"),
    ("costs/", costs.CostSettings, "costs"),
    ("outgoing-servers/", mailboxes.OutgoingServerList, "outgoing-servers"),
    ("ticket-types/", configuration.TicketTypes, "ticket-types"),
    ("ticket-types/<int:pk>/", configuration.TicketTypeDetail, "ticket-type"),
    ("ticket-fields/", configuration.TicketFields, "ticket-fields"),
    ("ticket-fields/<int:pk>/", configuration.TicketFieldDetail, "ticket-field"),
    ("tags/", configuration.Tags, "tags"),
    ("tags/<int:pk>/", configuration.TagDetail, "tag"),
    ("tags/<int:pk>/merge/", configuration.TagMerge, "tag-merge"),
]

# Below ``tickets/<id>/``, with names that begin with ``ticket``.
_TICKET: list[tuple[str, type[APIView], str]] = [
    ("", views.TicketDetail, ""),
    ("messages/", views.TicketMessages, "messages"),
    ("messages/<int:message_pk>/", views.TicketMessageDetail, "message"),
    ("messages/<int:message_pk>/split/", structure.TicketMessageSplit, "message-split"),
    ("messages/<int:message_pk>/move/", structure.TicketMessageMove, "message-move"),
    ("messages/<int:message_pk>/undo/", writing.TicketMessageUndo, "message-undo"),
    ("corrections/", views.TicketCorrections, "corrections"),
    ("sla/", sla.TicketSlaReason, "sla"),
    ("escalations/", sla.TicketEscalations, "escalations"),
    ("satisfaction/", satisfaction.TicketSatisfaction, "satisfaction"),
    ("assignment/", assignment.TicketAssignment, "assignment"),
    ("macros/<int:macro_pk>/", macros.TicketMacro, "macro"),
    ("followers/", structure.TicketFollowers, "followers"),
    ("followers/<int:user_pk>/", structure.TicketFollower, "follower"),
    ("copies/", structure.TicketCopies, "copies"),
    ("copies/<int:contact_pk>/", structure.TicketCopy, "copy"),
    ("recipients/", structure.TicketRecipients, "recipients"),
    ("links/", structure.TicketLinks, "links"),
    ("links/<int:link_pk>/", structure.TicketLinkDetail, "link"),
    ("merge/", structure.TicketMergeView, "merge"),
    ("snooze/", properties.TicketSnooze, "snooze"),
    ("given-addresses/", given_addresses.TicketGivenAddresses, "given-addresses"),
    ("checklist/", properties.TicketChecklist, "checklist"),
    ("checklist/<int:step_pk>/", properties.TicketStep, "step"),
    ("time/", properties.TicketTime, "time"),
    ("time/<int:entry_pk>/", properties.TicketTimeEntry, "time-entry"),
    ("answers/", writing.TicketAnswers, "answers"),
    ("answers/<int:draft_pk>/", writing.TicketWaitingAnswer, "answer"),
    ("drafts/<slug:kind>/", writing.TicketDraft, "draft"),
    ("presence/", writing.TicketPresence, "presence"),
]

urlpatterns: list[URLPattern] = [
    path(route, view.as_view(), name=f"api-{name}")
    for route, view, name in (
        *_LISTS,
        *_CONFIGURATION,
        *((f"tickets/<int:pk>/{route}", view, f"ticket-{name}".rstrip("-")) for route, view, name in _TICKET),
    )
]

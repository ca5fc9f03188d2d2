"""Page addresses of tickets. Every part that htmx loads has one of its own."""

from django.urls import URLPattern, URLResolver, include, path

from tickets.pages import condition_form, files, inbox, new_ticket, tickets

urlpatterns: list[URLPattern | URLResolver] = [
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/views/", inbox.views, name="inbox-views"),
    path("inbox/rows/", inbox.rows, name="inbox-rows"),
    path("inbox/changes/", inbox.changes, name="inbox-changes"),
    path("inbox/filters/", inbox.filter_form, name="inbox-filters"),
    path("inbox/conditions/options/", condition_form.condition_options, name="condition-options"),
    path("inbox/bulk/", inbox.bulk, name="inbox-bulk"),
    path("inbox/bulk/people/", inbox.bulk_people, name="inbox-bulk-people"),
    path("inbox/new/", new_ticket.new_ticket, name="ticket-new"),
    path("inbox/new/contacts/", new_ticket.known_contacts, name="ticket-new-contacts"),
    path("inbox/<int:ticket_id>/", tickets.ticket, name="inbox-ticket"),
    path("inbox/<int:ticket_id>/conversation/", tickets.conversation_pane, name="inbox-conversation"),
    path("inbox/<int:ticket_id>/head/", tickets.head, name="inbox-head"),
    path("inbox/<int:ticket_id>/thread/", tickets.thread, name="inbox-thread"),
    path("inbox/<int:ticket_id>/read/", tickets.read, name="inbox-read"),
    path("inbox/<int:ticket_id>/status/", tickets.status, name="inbox-status"),
    path("inbox/<int:ticket_id>/resolve-next/", tickets.resolve_next, name="inbox-resolve-next"),
    path("inbox/<int:ticket_id>/priority/", tickets.priority, name="inbox-priority"),
    path("inbox/<int:ticket_id>/assignees/", tickets.assignees, name="inbox-assignees"),
    path("inbox/<int:ticket_id>/assign/", tickets.assign, name="inbox-assign"),
    path("inbox/<int:ticket_id>/routing/", tickets.routing, name="inbox-routing"),
    path("inbox/<int:ticket_id>/routing/choices/", tickets.routing_menu, name="inbox-routing-choices"),
    path("inbox/<int:ticket_id>/routing/confirm/", tickets.confirm, name="inbox-confirm"),
    path("inbox/<int:ticket_id>/messages/", tickets.messages, name="inbox-messages"),
    path("inbox/<int:ticket_id>/messages/<int:message_id>/", tickets.message, name="inbox-message"),
    path("inbox/<int:ticket_id>/messages/<int:message_id>/retry/", tickets.retry, name="inbox-retry"),
    path("inbox/<int:ticket_id>/messages/<int:message_id>/frame/", files.message_frame, name="inbox-frame"),
    path(
        "inbox/<int:ticket_id>/messages/<int:message_id>/frame/images/",
        files.message_frame,
        {"remote_images": True},
        name="inbox-frame-images",
    ),
    path("inbox/<int:ticket_id>/attachments/<int:attachment_id>/", files.attachment, name="inbox-attachment"),
    path("inbox/<int:ticket_id>/context/", tickets.context, name="inbox-context"),
    path("inbox/<int:ticket_id>/panels/<slug:key>/", tickets.panel, name="inbox-panel"),
    path("settings/", include("tickets.pages.settings_urls")),
]

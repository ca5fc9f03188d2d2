"""A list of tickets as a table: its columns, which everybody chooses per view, and the cells of its rows."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.db.models import QuerySet

from people.viewer import Viewer
from tickets.list_columns import DEFAULT_COLUMNS, Column, columns_by_key, load_columns, tags_of
from tickets.list_views import ListView
from tickets.models import ListColumns, Ticket
from tickets.pages.lists import ListState, where_it_went
from tickets.registry import channel_parts
from tickets.selectors import ticket_page, visible_tickets
from tickets.ticket_facts import sla_of


def chosen_columns(viewer: Viewer, rule: ListView) -> list[Column]:
    """Return the columns of a view for a viewer: the person's choice, else the view's, else the usual ones. 1-2 queries."""
    own = (
        ListColumns.objects.filter(user_id=viewer.user_id, view=rule.key).first()
        if viewer.user_id is not None
        else None
    )
    keys: Sequence[str] = own.columns if own is not None and own.columns else rule.columns or DEFAULT_COLUMNS
    return columns_by_key(keys) or columns_by_key(DEFAULT_COLUMNS)


def table_page(viewer: Viewer, state: ListState, rule: ListView, cursor: str) -> tuple[dict[str, Any], str]:
    """Return the variables of a page of the table, and the cursor of the next one. Raises what ``ticket_list`` raises."""
    columns = chosen_columns(viewer, rule)
    tickets, next_cursor = ticket_page(
        viewer,
        view=rule,
        sort=state.sort,
        filters=state.filters,
        cursor=cursor,
        load=_loader(columns),
    )
    return _parts(tickets, columns, state), next_cursor


def table_rows_of(viewer: Viewer, state: ListState, rule: ListView, ids: Collection[int]) -> dict[str, Any]:
    """Return the variables for those rows of the table that the viewer may see."""
    columns = chosen_columns(viewer, rule)
    return _parts(list(_loader(columns)(visible_tickets(viewer).filter(pk__in=ids))), columns, state)


def _loader(columns: Collection[Column]) -> Callable[[QuerySet[Ticket]], QuerySet[Ticket]]:
    return lambda tickets: load_columns(tickets, columns)


def _parts(tickets: Sequence[Ticket], columns: Sequence[Column], state: ListState) -> dict[str, Any]:
    return {
        "columns": [
            {
                "key": column.key,
                "label": column.label,
                "numeric": column.kind in {"number", "money", "percent"},
                "sort_url": state.sorted_by(column.sort).url if column.sort else "",
                "sorted": column.sort == state.sort,
            }
            for column in columns
        ],
        "rows": [_row(ticket, columns, state) for ticket in tickets],
        "is_table": True,
    }


def _row(ticket: Ticket, columns: Sequence[Column], state: ListState) -> dict[str, Any]:
    return {
        "id": ticket.pk,
        "url": state.ticket_url(ticket.pk),
        "subject": ticket.subject,
        "unread": ticket.unread,
        "went": where_it_went(ticket.status_category),
        "cells": [_cell(ticket, column) for column in columns],
    }


def _cell(ticket: Ticket, column: Column) -> dict[str, Any]:
    """A cell as ``ui/ticket_cell.html`` draws it."""
    cell: dict[str, Any] = {"kind": column.kind, "value": column.read(ticket)}
    if column.kind == "sla":
        cell["sla"] = sla_of(ticket)
    elif column.kind == "status":
        cell["category"] = ticket.status_category
    elif column.kind == "priority":
        cell["priority"] = ticket.priority
    elif column.kind == "tags":
        cell["tags"] = tags_of(ticket)
    elif column.kind == "money":
        cell["currency"] = ticket.account.currency if ticket.account else "EUR"
    elif column.kind == "channel":
        cell["icon"], cell["value"] = channel_parts(ticket.channel)
    return cell

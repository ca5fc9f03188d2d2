"""Apply a macro to a ticket: its actions, its note and its reply, all or nothing."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from people.viewer import Viewer
from tickets.channel_texts import FittedText, fitted
from tickets.conditions import holds, in_words, is_permitted
from tickets.drafts import own_draft, writing_on
from tickets.events import MACRO_APPLIED
from tickets.macro_variables import Rendered, render, values_for
from tickets.models import Draft, Macro, Message, Ticket
from tickets.registry import macro_actions
from tickets.services.add_note import add_note
from tickets.services.reply_to_ticket import reply_to_ticket
from tickets.services.save_draft import save_draft
from tickets.services.undo_answer import undone_together
from tickets.ticket_rows import lock_ticket


@dataclass(frozen=True)
class MacroPreview:
    """What a macro would do to a ticket: texts with their variables replaced, acts in words, and why it may not be applied.

    ``unfilled`` names variables that have no value here, ``fit`` is the reply as its channel carries it.
    """

    reply: str
    note: str
    sends: bool
    acts: tuple[str, ...]
    unfilled: tuple[str, ...] = ()
    refusal: str = ""
    fit: FittedText | None = None


@dataclass(frozen=True)
class MacroResult:
    """What a macro did. ``draft`` is the reply that was not sent and belongs into the composer; empty when there is none."""

    ticket: Ticket
    acts: tuple[str, ...]
    note: Message | None = None
    answer: Message | None = None
    draft: str = ""
    unfilled: tuple[str, ...] = ()


def preview_macro(*, ticket: Ticket, macro: Macro, by: Viewer, via: int | None = None) -> MacroPreview:
    """Return what ``apply_macro`` would do; changes nothing. ``via`` is the way chosen for an answer that one sends oneself."""
    values = values_for(ticket, by)
    reply, note = render(macro.reply, values), render(macro.note, values)
    fit = fitted(ticket, reply.text, None if macro.sends else via) if reply.text else None
    refusal = _refusal(ticket, macro, by) or _misfit(macro, fit)
    if not refusal and macro.sends and reply.unfilled:
        refusal = _unfilled(reply)
    return MacroPreview(
        reply=reply.text,
        note=note.text,
        sends=macro.sends,
        acts=tuple(words_of(one) for one in macro.actions),
        unfilled=tuple(dict.fromkeys((*reply.unfilled, *note.unfilled))),
        refusal=refusal,
        fit=fit,
    )


@transaction.atomic
def apply_macro(
    *,
    ticket: Ticket,
    macro: Macro,
    by: Viewer,
    token: str = "",
    seen_message_id: int | None = None,
    keep_draft: bool = True,
    undo_seconds: int = 0,
) -> MacroResult:
    """Do everything the macro says, in one transaction: the note, the reply, then its actions in their order.

    The reply goes out only when the macro sends; else it comes back as ``draft`` and, with ``keep_draft``, is added to the
    person's draft on the ticket. ``token`` names the form, so that note and reply are written once; ``seen_message_id`` and
    ``undo_seconds`` are as in ``reply_to_ticket``; taking the reply back takes back what the actions did to the ticket.
    Raises ValidationError when the macro is not for this ticket, when a reply that would be sent has variables without a
    value, or when an action is refused; PermissionDenied; NewerMessage.
    """
    by.require("tickets.note")
    locked = lock_ticket(ticket.pk, by)
    refusal = _refusal(locked, macro, by)
    if refusal:
        raise ValidationError({"macro": refusal})
    values = values_for(locked, by)
    reply, note = render(macro.reply, values), render(macro.note, values)
    if macro.sends and reply.unfilled:
        raise ValidationError({"macro": _unfilled(reply)})
    # Where the person sends it later, the composer judges the way that is chosen then.
    misfit = _misfit(macro, fitted(locked, reply.text)) if macro.sends and reply.text else ""
    if misfit:
        raise ValidationError({"macro": misfit})
    noted = _write_note(locked, note, by, token)
    answer = None
    if macro.sends and reply.text:
        answer = reply_to_ticket(
            ticket=locked,
            body=reply.text,
            by=by,
            seen_message_id=seen_message_id,
            token=f"{token}:reply" if token else "",
            undo_seconds=undo_seconds,
        )
    draft = "" if macro.sends else reply.text
    if draft and keep_draft and by.user_id is not None and by.can("tickets.reply"):
        _add_to_draft(locked, draft, by)
    with nullcontext() if answer is None else undone_together(answer, locked):
        acts = _act(locked, macro, by)
    Macro.objects.filter(pk=macro.pk).update(use_count=F("use_count") + 1, last_used_at=timezone.now())
    MACRO_APPLIED.record(
        by=by,
        subject_id=locked.pk,
        ticket_id=locked.pk,
        account_id=locked.account_id,
        detail={"macro": macro.pk, "name": macro.name},
    )
    locked.refresh_from_db()
    return MacroResult(
        ticket=locked,
        acts=tuple(acts),
        note=noted,
        answer=answer,
        draft=draft,
        unfilled=reply.unfilled,
    )


def count_use(*, macro: Macro, by: Viewer) -> None:
    """Count that a canned reply was put into the composer; no event, the text becomes somebody's own."""
    visible = Macro.objects.visible_to(by).filter(pk=macro.pk)
    visible.update(use_count=F("use_count") + 1, last_used_at=timezone.now())


def words_of(action: Mapping[str, Any]) -> str:
    """Return one stored action in words; of one that no app brings any more, its key."""
    key = str(action["action"])
    if key not in macro_actions:
        return _("“%s”, which is not known here any more") % key
    return macro_actions.get(key).words(action)


def _act(ticket: Ticket, macro: Macro, by: Viewer) -> list[str]:
    """Do the actions after the texts, so that they have the last word on status and assignee; returns them in words."""
    acts: list[str] = []
    for one in macro.actions:
        try:
            macro_actions.get(one["action"]).apply(ticket=ticket, values=one, by=by)
        except Ticket.DoesNotExist:
            sentence = _("After “%s” you cannot see the ticket any more: let the macro do that last.")
            raise ValidationError({"macro": sentence % (acts[-1] if acts else macro.name)}) from None
        acts.append(words_of(one))
    return acts


def _add_to_draft(ticket: Ticket, text: str, by: Viewer) -> None:
    """Put the text below what the person has begun to write."""
    begun = own_draft(writing_on(ticket, by), Draft.Kind.REPLY)
    kept = "" if begun is None else begun.body.rstrip()
    body = f"{kept}\n\n{text}" if kept else text
    save_draft(ticket=ticket, kind=Draft.Kind.REPLY, body=body, by=by, cc=None if begun is None else begun.cc)


def _write_note(ticket: Ticket, note: Rendered, by: Viewer, token: str) -> Message | None:
    if not note.text:
        return None
    return add_note(ticket=ticket, body=note.text, by=by, token=f"{token}:note" if token else "")


def _refusal(ticket: Ticket, macro: Macro, by: Viewer) -> str:
    """Why the macro may not be applied here, empty when it may."""
    if not macro.is_active:
        return _("This macro is not in use any more.")
    if not is_permitted(macro.condition, by):
        return _("This macro asks about customers what you may not read.")
    if macro.condition and not holds(macro.condition, ticket, me=by.user_id, now=timezone.now()):
        return _("This macro is for other tickets: %s.") % in_words(macro.condition)
    for one in macro.actions:
        if one["action"] not in macro_actions:
            return _("This macro does something that is not known here any more: %s.") % str(one["action"])
        needed = macro_actions.get(one["action"]).permission
        if needed and not by.can(needed):
            return _("You may not do this: %s.") % words_of(one)
    return (
        _("You may not answer customers.")
        if macro.sends and macro.reply and not by.can("tickets.reply")
        else ""
    )


def _misfit(macro: Macro, fit: FittedText | None) -> str:
    """Why the reply may not leave by its channel, empty when it may; a text for the composer may be shortened there."""
    if fit is None:
        return ""
    if macro.channels and fit.channel.key not in macro.channels:
        return _("This macro is not for answers by %s.") % fit.channel.label
    if macro.sends and fit.is_too_long:
        return _("The reply is too long for %(channel)s: %(length)d characters, at most %(longest)d.") % {
            "channel": fit.channel.label,
            "length": fit.length,
            "longest": fit.longest,
        }
    return ""


def _unfilled(rendered: Rendered) -> str:
    named = ", ".join("{{" + name + "}}" for name in rendered.unfilled)
    return _("The reply is not sent: there is no value for %s.") % named

"""What people can be told about tickets. Who is told is decided in ``tickets.subscribers.notifications``."""

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from core.models import Notification
from core.notifications import NotificationKind
from people.models import User
from tickets.channels.email.events import MAILBOX_ALARM, OUTGOING_ALARM
from tickets.events import ACKNOWLEDGEMENT_PAUSED, ANSWER_HELD, CHANNEL_ALARM
from tickets.models import Ticket

ASSIGNED_KIND = "tickets.assigned_to_me"
TEAM_KIND = "tickets.team_ticket"
MENTION_KIND = "tickets.mention"
REPLY_KIND = "tickets.customer_replied"
FOLLOWED_REPLY_KIND = "tickets.followed_reply"
COLLEAGUE_KIND = "tickets.colleague_wrote"
WARNING_KIND = "tickets.sla_warning"
BREACH_KIND = "tickets.sla_breach"
PROMISE_DUE_KIND = "tickets.promise_due"
PROMISE_BROKEN_KIND = "tickets.promise_broken"
ESCALATION_KIND = "tickets.escalation"
RATING_KIND = "tickets.rating"
HELD_KIND = "tickets.answer_held"
FAILED_KIND = "tickets.answer_failed"
WOKEN_KIND = "tickets.woken"
MAILBOX_KIND = "tickets.mailbox_alarm"
INCIDENT_KIND = "tickets.incident"
CHANNEL_KIND = "tickets.channel_alarm"
ACKNOWLEDGEMENT_KIND = "tickets.acknowledgement_paused"


class TicketKind(NotificationKind):
    """Something about a ticket: only who may see tickets is told, and only as long as it sees that one."""

    permission = "tickets.view"

    def still_told(self, user: User, rows: Sequence[Notification]) -> Sequence[Notification]:
        """Leave out what is about tickets that the person no longer sees."""
        ids = {
            int(number)
            for row in rows
            for number in [row.group.removeprefix("ticket:")]
            if number.isdecimal()
        }
        visible = set(
            Ticket.objects.visible_to(user.as_viewer()).filter(pk__in=ids).values_list("pk", flat=True)
        )
        return [
            row
            for row in rows
            if not row.group.startswith("ticket:") or row.group in {f"ticket:{pk}" for pk in visible}
        ]


class Mention(TicketKind):
    """Somebody named the person in a note."""

    key = MENTION_KIND
    label = _("Somebody mentions me")
    order = 10
    mail = True
    always = True


class AssignedToMe(TicketKind):
    """A ticket was given to the person."""

    key = ASSIGNED_KIND
    label = _("A ticket is given to me")
    order = 20
    mail = True


class TeamTicket(TicketKind):
    """A ticket came to a team of the person and nobody has it."""

    key = TEAM_KIND
    label = _("A ticket without assignee comes to my team")
    order = 25
    app = False


class CustomerReplied(TicketKind):
    """The customer wrote on a ticket of the person."""

    key = REPLY_KIND
    label = _("The customer writes on my ticket")
    order = 30


class FollowedReply(TicketKind):
    """The customer wrote on a ticket that the person follows."""

    key = FOLLOWED_REPLY_KIND
    label = _("The customer writes on a ticket that I follow")
    order = 31


class ColleagueWrote(TicketKind):
    """A colleague answered on a ticket of the person, or one that it follows, or added a note."""

    key = COLLEAGUE_KIND
    label = _("A colleague answers or notes on a ticket that I have or follow")
    order = 40


class SlaWarning(TicketKind):
    """A promise is about to be broken."""

    key = WARNING_KIND
    label = _("A deadline of my ticket comes near")
    order = 50


class PromiseDue(TicketKind):
    """What the person promised a customer is due soon."""

    key = PROMISE_DUE_KIND
    label = _("What I promised a customer is due soon")
    order = 55


class PromiseBroken(TicketKind):
    """What the person, or somebody of its team, promised a customer was not done in time."""

    key = PROMISE_BROKEN_KIND
    label = _("What I or my team promised a customer was not done in time")
    order = 56


class SlaBreach(TicketKind):
    """A promise is broken."""

    key = BREACH_KIND
    label = _("A promise on my ticket is broken")
    order = 51
    mail = True


class Escalation(TicketKind):
    """A ticket was escalated to the person."""

    key = ESCALATION_KIND
    label = _("A ticket is escalated to me")
    order = 60
    mail = True


class Rating(TicketKind):
    """A customer rated a ticket of the person or, badly, one that nobody has, for whose team the person answers."""

    key = RATING_KIND
    label = _("A customer rates my ticket, or badly one of my team that nobody has")
    order = 70


class AnswerHeld(TicketKind):
    """An answer of the person did not leave at its time."""

    key = HELD_KIND
    label = _("My scheduled answer is held back")
    order = 80
    mail = True
    verbs = frozenset({ANSWER_HELD.verb})


class AnswerFailed(TicketKind):
    """An answer of the person did not arrive."""

    key = FAILED_KIND
    label = _("My answer cannot be delivered")
    order = 81


class Woken(TicketKind):
    """A ticket that the person put aside is back."""

    key = WOKEN_KIND
    label = _("A ticket that I put aside is back")
    order = 90


class IncidentProposed(TicketKind):
    """Several customers say the same, and the person leads."""

    key = INCIDENT_KIND
    label = _("Several customers of my teams report the same")
    order = 65
    mail = True


class MailboxAlarm(NotificationKind):
    """A mailbox cannot be read, has gone quiet, or mails of it are missing; or answers cannot leave by a mail server."""

    key = MAILBOX_KIND
    label = _("A mailbox cannot be read, is silent or misses mails, or a mail server takes no answers")
    group = _("Everything else")
    order = 290
    mail = True
    always = True
    permission = "settings.manage"
    verbs = frozenset({MAILBOX_ALARM.verb, OUTGOING_ALARM.verb})


class ChannelAlarm(NotificationKind):
    """A channel needs somebody."""

    key = CHANNEL_KIND
    label = _("A channel cannot be reached, refuses our credentials or is silent")
    group = _("Everything else")
    order = 291
    mail = True
    always = True
    permission = "settings.manage"
    verbs = frozenset({CHANNEL_ALARM.verb})


class AcknowledgementPaused(NotificationKind):
    """An inbox wrote so many acknowledgements that it was stopped."""

    key = ACKNOWLEDGEMENT_KIND
    label = _("The acknowledgement of an inbox is paused")
    group = _("Everything else")
    order = 292
    mail = True
    always = True
    permission = "settings.manage"
    verbs = frozenset({ACKNOWLEDGEMENT_PAUSED.verb})

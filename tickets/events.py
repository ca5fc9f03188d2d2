"""Events of tickets. The mail channel declares its own in ``tickets.channels.email.events``."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

TICKET_CREATED = EventType("tickets.created", subject="ticket", sentence=_("opened the ticket"))
MESSAGE_RECEIVED = EventType("tickets.message_received", subject="message", sentence=_("wrote"))
REPLIED = EventType("tickets.replied", subject="message", sentence=_("answered"))
NOTE_ADDED = EventType("tickets.note_added", subject="message", sentence=_("added a private note"))
ROUTED = EventType("tickets.routed", subject="ticket", sentence=_("routed the ticket"))
ROUTING_CORRECTED = EventType(
    "tickets.routing_corrected", subject="ticket", sentence=_("corrected the routing")
)
ROUTING_CONFIRMED = EventType(
    "tickets.routing_confirmed", subject="ticket", sentence=_("confirmed the routing")
)
TOPIC_SEEN = EventType("tickets.topic_seen", subject="ticket", sentence=_("saw another topic in a message"))
TOPIC_DISMISSED = EventType(
    "tickets.topic_dismissed", subject="ticket", sentence=_("left the ticket with its topic")
)
ASSIGNED = EventType("tickets.assigned", subject="ticket", sentence=_("assigned the ticket"))
UNASSIGNED = EventType("tickets.unassigned", subject="ticket", sentence=_("returned the ticket to its team"))
STATUS_CHANGED = EventType("tickets.status_changed", subject="ticket", sentence=_("changed the status"))
PRIORITY_CHANGED = EventType("tickets.priority_changed", subject="ticket", sentence=_("changed the priority"))
SENTIMENT_CHANGED = EventType(
    "tickets.sentiment_changed", subject="ticket", sentence=_("changed in mood"), feed=False
)
FIRST_RESPONSE_BREACHED = EventType(
    "tickets.first_response_breached", subject="ticket", sentence=_("missed the promise of a first answer")
)
NEXT_RESPONSE_BREACHED = EventType(
    "tickets.next_response_breached", subject="ticket", sentence=_("missed the promise of an answer")
)
RESOLUTION_BREACHED = EventType(
    "tickets.resolution_breached", subject="ticket", sentence=_("missed the promise of a solution")
)
DELIVERY_RETRIED = EventType(
    "tickets.delivery_retried", subject="message", sentence=_("sent the answer again")
)
FOLLOWED = EventType("tickets.followed", subject="ticket", sentence=_("follows the ticket"), feed=False)
UNFOLLOWED = EventType(
    "tickets.unfollowed", subject="ticket", sentence=_("no longer follows the ticket"), feed=False
)
CC_ADDED = EventType("tickets.cc_added", subject="ticket", sentence=_("put in copy"))
CC_REMOVED = EventType("tickets.cc_removed", subject="ticket", sentence=_("took out of copy"))
LINKED = EventType("tickets.linked", subject="ticket", sentence=_("linked the ticket"))
INCIDENT_PROPOSED = EventType(
    "tickets.incident_proposed", subject="ticket", sentence=_("noticed that tickets say the same")
)
INCIDENT_CONFIRMED = EventType(
    "tickets.incident_confirmed", subject="ticket", sentence=_("made one incident of tickets")
)
INCIDENT_DISMISSED = EventType(
    "tickets.incident_dismissed",
    subject="ticket",
    sentence=_("said that the tickets are no incident"),
    feed=False,
)
SIMILAR_RULES_SAVED = EventType(
    "tickets.similar_rules_saved", subject="setting", sentence=_("changed the search for similar tickets")
)
UNLINKED = EventType("tickets.unlinked", subject="ticket", sentence=_("removed the link"))
MERGED = EventType("tickets.merged", subject="ticket", sentence=_("merged the ticket"))
MERGE_RECEIVED = EventType("tickets.merge_received", subject="ticket", sentence=_("merged another ticket"))
UNMERGED = EventType("tickets.unmerged", subject="ticket", sentence=_("took the merge back"))
MERGE_RELEASED = EventType("tickets.merge_released", subject="ticket", sentence=_("took a merge back"))
SPLIT = EventType("tickets.split", subject="ticket", sentence=_("split off"))
MESSAGE_MOVED_AWAY = EventType("tickets.message_moved_away", subject="message", sentence=_("moved a message"))
MESSAGE_MOVED_HERE = EventType("tickets.message_moved_here", subject="message", sentence=_("moved a message"))
REPLY_UNDONE = EventType("tickets.reply_undone", subject="ticket", sentence=_("took an answer back"))
ANSWER_SCHEDULED = EventType("tickets.answer_scheduled", subject="ticket", sentence=_("scheduled an answer"))
ANSWER_HELD = EventType("tickets.answer_held", subject="ticket", sentence=_("held a scheduled answer back"))
SCHEDULED_ANSWER_CANCELLED = EventType(
    "tickets.scheduled_answer_cancelled", subject="ticket", sentence=_("cancelled a scheduled answer")
)
ATTACHMENT_POLICY_SAVED = EventType(
    "tickets.attachment_policy_saved", subject="setting", sentence=_("saved the rules for attachments")
)
# detail: signature, what was found. Once per content, whatever refers to it.
FILE_BLOCKED = EventType(
    "tickets.file_blocked", subject="stored_file", sentence=_("blocked a stored file"), feed=False
)
FILE_RELEASED = EventType(
    "tickets.file_released", subject="stored_file", sentence=_("released a stored file"), feed=False
)
# detail: states, the verdicts that are looked at again.
FILES_RESCANNED = EventType(
    "tickets.files_rescanned", subject="setting", sentence=_("had files scanned again"), feed=False
)
# detail: reason, what was found. Once per ticket that holds the file.
ATTACHMENT_BLOCKED = EventType(
    "tickets.attachment_blocked", subject="ticket", sentence=_("blocked an attachment")
)
ATTACHMENT_RELEASED = EventType(
    "tickets.attachment_released", subject="ticket", sentence=_("released an attachment")
)
INBOX_SAVED = EventType("tickets.inbox_saved", subject="inbox", sentence=_("saved an inbox"))
ACKNOWLEDGEMENT_SAVED = EventType(
    "tickets.acknowledgement_saved",
    subject="inbox",
    sentence=_("saved the acknowledgement of an inbox"),
    feed=False,
)
ACKNOWLEDGEMENT_PAUSED = EventType(
    "tickets.acknowledgement_paused",
    subject="inbox",
    sentence=_("paused the acknowledgement of an inbox"),
    feed=False,
)
ACKNOWLEDGEMENT_SENT = EventType(
    "tickets.acknowledgement_sent", subject="ticket", sentence=_("acknowledged the mail")
)
INBOX_CONNECTED = EventType(
    "tickets.inbox_connected", subject="inbox", sentence=_("connected the webhook of an inbox")
)
TEMPLATES_FETCHED = EventType(
    "tickets.templates_fetched", subject="inbox", sentence=_("fetched templates"), feed=False
)
CHANNEL_STATE_CHANGED = EventType(
    "tickets.channel_state_changed", subject="inbox", sentence=_("found a channel changed"), feed=False
)
CHANNEL_ALARM = EventType(
    "tickets.channel_alarm", subject="inbox", sentence=_("raised an alarm about a channel"), feed=False
)
PAYLOAD_RETRIED = EventType(
    "tickets.payload_retried", subject="payload", sentence=_("had a payload read again"), feed=False
)
MESSAGE_DELIVERED = EventType(
    "tickets.message_delivered", subject="message", sentence=_("told of the answer"), feed=False
)
MESSAGE_EDITED = EventType("tickets.message_edited", subject="message", sentence=_("changed a message"))
MESSAGE_TAKEN_BACK = EventType(
    "tickets.message_taken_back", subject="message", sentence=_("took a message back")
)
CATEGORY_SAVED = EventType("tickets.category_saved", subject="category", sentence=_("saved a category"))
SLA_POLICY_SAVED = EventType(
    "tickets.sla_policy_saved", subject="sla_policy", sentence=_("saved an SLA policy")
)
SLA_POLICY_DELETED = EventType(
    "tickets.sla_policy_deleted", subject="sla_policy", sentence=_("deleted an SLA policy")
)
SLA_TARGET_CHANGED = EventType(
    "tickets.sla_target_changed", subject="setting", sentence=_("changed the target of SLA attainment")
)
COSTS_SAVED = EventType("tickets.costs_saved", subject="setting", sentence=_("changed what work costs"))
TYPE_CHANGED = EventType("tickets.type_changed", subject="ticket", sentence=_("changed the type"))
TAGS_CHANGED = EventType("tickets.tags_changed", subject="ticket", sentence=_("changed the tags"))
# What is suggested stands in the head; what is applied has its own line.
TAGS_SUGGESTED = EventType(
    "tickets.tags_suggested", subject="ticket", sentence=_("suggested tags"), feed=False
)
TAG_DISMISSED = EventType(
    "tickets.tag_dismissed", subject="ticket", sentence=_("dismissed a suggested tag"), feed=False
)
LANGUAGE_CHANGED = EventType("tickets.language_changed", subject="ticket", sentence=_("changed the language"))
FIELDS_CHANGED = EventType("tickets.fields_changed", subject="ticket", sentence=_("changed the fields"))
SNOOZED = EventType("tickets.snoozed", subject="ticket", sentence=_("put the ticket aside"))
WOKEN = EventType("tickets.woken", subject="ticket", sentence=_("woke the ticket"))
# A line for each tick would bury the conversation.
CHECKLIST_CHANGED = EventType(
    "tickets.checklist_changed", subject="ticket", sentence=_("changed the checklist"), feed=False
)
TIME_LOGGED = EventType("tickets.time_logged", subject="ticket", sentence=_("logged time"))
STATUS_SAVED = EventType("tickets.status_saved", subject="status", sentence=_("saved a status"))
STATUS_DELETED = EventType("tickets.status_deleted", subject="status", sentence=_("deleted a status"))
TYPE_SAVED = EventType("tickets.type_saved", subject="ticket_type", sentence=_("saved a ticket type"))
TYPE_DELETED = EventType("tickets.type_deleted", subject="ticket_type", sentence=_("deleted a ticket type"))
TAG_SAVED = EventType("tickets.tag_saved", subject="tag", sentence=_("saved a tag"))
TAG_MERGED = EventType("tickets.tag_merged", subject="tag", sentence=_("merged a tag into another"))
TAG_DELETED = EventType("tickets.tag_deleted", subject="tag", sentence=_("deleted a tag"))
FIELD_SAVED = EventType("tickets.field_saved", subject="custom_field", sentence=_("saved a custom field"))
GRACE_CHANGED = EventType("tickets.grace_changed", subject="setting", sentence=_("changed the days of grace"))
MACRO_SAVED = EventType("tickets.macro_saved", subject="macro", sentence=_("saved a macro"), feed=False)
MACRO_DELETED = EventType("tickets.macro_deleted", subject="macro", sentence=_("deleted a macro"), feed=False)
MACRO_APPLIED = EventType("tickets.macro_applied", subject="ticket", sentence=_("applied the macro"))
# detail: promise, due_at, step, to (ids of the people who are to know), overdue (the deadline has passed).
SLA_WARNED = EventType("tickets.sla_warned", subject="ticket", sentence=_("warned of a deadline"))
# detail: promise, due_at, step, action, outcome.
SLA_STEP_TAKEN = EventType(
    "tickets.sla_step_taken", subject="ticket", sentence=_("took a step of the SLA policy")
)
SLA_APPLIED = EventType(
    "tickets.sla_applied", subject="ticket", sentence=_("put the ticket under an SLA policy"), feed=False
)
# detail: level, from, reason, rule, owner, owner_team, to (ids of the people who are to know).
ESCALATED = EventType("tickets.escalated", subject="ticket", sentence=_("escalated the ticket"))
ESCALATION_ACKNOWLEDGED = EventType(
    "tickets.escalation_acknowledged", subject="ticket", sentence=_("acknowledged the escalation")
)
DE_ESCALATED = EventType("tickets.de_escalated", subject="ticket", sentence=_("ended the escalation"))
ESCALATION_RULE_SAVED = EventType(
    "tickets.escalation_rule_saved", subject="escalation_rule", sentence=_("saved an escalation rule")
)
ESCALATION_RULE_DELETED = EventType(
    "tickets.escalation_rule_deleted", subject="escalation_rule", sentence=_("deleted an escalation rule")
)
SURVEY_SENT = EventType("tickets.survey_sent", subject="ticket", sentence=_("asked the customer how we did"))
TICKET_RATED = EventType("tickets.rated", subject="ticket", sentence=_("said how we did"))
SATISFACTION_RULES_SAVED = EventType(
    "tickets.satisfaction_rules_saved", subject="setting", sentence=_("changed the survey after a solution")
)
VIEW_SAVED = EventType("tickets.view_saved", subject="saved_view", sentence=_("saved a view"), feed=False)
VIEW_DELETED = EventType(
    "tickets.view_deleted", subject="saved_view", sentence=_("deleted a view"), feed=False
)
BULK_STARTED = EventType(
    "tickets.bulk_started", subject="bulk_act", sentence=_("changed many tickets at once"), feed=False
)
BULK_UNDONE = EventType(
    "tickets.bulk_undone", subject="bulk_act", sentence=_("took a change of many tickets back"), feed=False
)
# detail: view, filters, columns, format, count.
EXPORTED = EventType("tickets.exported", subject="view", sentence=_("exported tickets"), feed=False)
EXPORT_FETCHED = EventType(
    "tickets.export_fetched", subject="export", sentence=_("fetched an export of tickets"), feed=False
)
# detail: inbox, state.
FORM_SUBMITTED = EventType(
    "tickets.form_submitted", subject="form_submission", sentence=_("sent a web form"), feed=False
)
FORM_CONFIRMED = EventType(
    "tickets.form_confirmed", subject="form_submission", sentence=_("confirmed a web form"), feed=False
)
SUBMISSION_ACCEPTED = EventType(
    "tickets.submission_accepted", subject="form_submission", sentence=_("let a web form in"), feed=False
)
SUBMISSION_REFUSED = EventType(
    "tickets.submission_refused", subject="form_submission", sentence=_("refused a web form"), feed=False
)
SUBMISSION_MAILED = EventType(
    "tickets.submission_mailed",
    subject="form_submission",
    sentence=_("sent the confirmation of a web form again"),
    feed=False,
)
# One per run: the count of those that nobody confirmed.
FORMS_EXPIRED = EventType(
    "tickets.forms_expired",
    subject="form_submission",
    sentence=_("dropped unconfirmed web forms"),
    feed=False,
)
# To each person whose screen shows the call. detail: call, state.
CALL_CHANGED = EventType("tickets.call_changed", subject="user", sentence=_("sees a call change"), feed=False)
# Of a call that is over, once. detail: direction, state, seconds, agent.
CALL_ENDED = EventType("tickets.call_ended", subject="call", sentence=_("was on the phone"))
# A call and a ticket belong together. detail: the same.
CALL_LINKED = EventType("tickets.call_linked", subject="call", sentence=_("put a call to the ticket"))
# detail: the same, of a call that somebody has written down.
CALL_LOGGED = EventType("tickets.call_logged", subject="call", sentence=_("wrote down a call"))
CALL_TAKEN = EventType("tickets.call_taken", subject="call", sentence=_("took the call"), feed=False)
# detail: outcome.
CALL_NOTED = EventType(
    "tickets.call_noted", subject="call", sentence=_("noted what came of a call"), feed=False
)
# What a customer's message says. detail: kind, probability.
SIGNAL_SEEN = EventType(
    "tickets.signal_seen", subject="message", sentence=_("said something to react to"), feed=False
)
# detail: signal, kind, from, to.
SIGNAL_JUDGED = EventType(
    "tickets.signal_judged", subject="message", sentence=_("judged what a message says"), feed=False
)
# detail of the following: signal, words, due_at; of those that tell people also to (their ids).
PROMISE_MADE = EventType("tickets.promise_made", subject="message", sentence=_("promised"), feed=False)
PROMISE_DUE = EventType(
    "tickets.promise_due", subject="message", sentence=_("was reminded of a promise"), feed=False
)
PROMISE_KEPT = EventType("tickets.promise_kept", subject="message", sentence=_("kept the promise"))
PROMISE_BROKEN = EventType("tickets.promise_broken", subject="message", sentence=_("let the promise pass"))

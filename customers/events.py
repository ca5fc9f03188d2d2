"""Events of customers."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

ACCOUNT_CREATED = EventType("customers.account_created", subject="account", sentence=_("added the customer"))
ACCOUNT_CHANGED = EventType(
    "customers.account_changed", subject="account", sentence=_("changed the customer")
)
EXTERNAL_ID_ADDED = EventType(
    "customers.external_id_added", subject="account", sentence=_("added an id of another system")
)
EXTERNAL_ID_REMOVED = EventType(
    "customers.external_id_removed", subject="account", sentence=_("removed an id of another system")
)
ACCOUNTS_MERGED = EventType(
    "customers.accounts_merged", subject="account", sentence=_("merged another customer into this one")
)
ACCOUNTS_UNMERGED = EventType(
    "customers.accounts_unmerged", subject="account", sentence=_("took a merge of customers back")
)
NOTE_ADDED = EventType("customers.note_added", subject="account_note", sentence=_("wrote a note"))
NOTE_CHANGED = EventType("customers.note_changed", subject="account_note", sentence=_("changed a note"))
NOTE_DELETED = EventType("customers.note_deleted", subject="account_note", sentence=_("deleted a note"))
MEETING_SAVED = EventType("customers.meeting_saved", subject="meeting", sentence=_("saved a meeting"))
SPONSOR_CHANGE_FOUND = EventType(
    "customers.sponsor_change_found", subject="contact", sentence=_("found that somebody may have left")
)
SPONSOR_CHANGE_DECIDED = EventType(
    "customers.sponsor_change_decided", subject="contact", sentence=_("decided whether somebody has left")
)
TRAIT_SAVED = EventType("customers.trait_saved", subject="trait", sentence=_("saved a trait of customers"))
CONTACT_CREATED = EventType("customers.contact_created", subject="contact", sentence=_("added a contact"))
CONTACT_CHANGED = EventType("customers.contact_changed", subject="contact", sentence=_("changed a contact"))
IDENTITY_ADDED = EventType(
    "customers.identity_added", subject="contact", sentence=_("added an address of a contact")
)
IDENTITY_REMOVED = EventType(
    "customers.identity_removed", subject="contact", sentence=_("removed an address of a contact")
)
CONTACTS_MERGED = EventType("customers.contacts_merged", subject="contact", sentence=_("merged two contacts"))
CONTACTS_UNMERGED = EventType(
    "customers.contacts_unmerged", subject="contact", sentence=_("took a merge of contacts back")
)
EXPORT_REQUESTED = EventType(
    "customers.export_requested", subject="contact", sentence=_("asked for the data of a contact")
)
ERASURE_REQUESTED = EventType(
    "customers.erasure_requested", subject="contact", sentence=_("asked to erase a contact")
)
CONTACT_ERASED = EventType("customers.contact_erased", subject="contact", sentence=_("erased a contact"))
CONSENT_RECORDED = EventType(
    "customers.consent_recorded", subject="contact", sentence=_("recorded a consent")
)
SUBSCRIPTION_SAVED = EventType(
    "customers.subscription_saved", subject="account", sentence=_("saved a subscription")
)
REVENUE_MOVED = EventType(
    "customers.revenue_moved", subject="account", sentence=_("recorded a change of revenue")
)
RATES_SAVED = EventType(
    "customers.rates_saved", subject="money", sentence=_("recorded exchange rates"), feed=False
)
BASE_CURRENCY_SET = EventType(
    "customers.base_currency_set", subject="money", sentence=_("chose the currency of sums"), feed=False
)
MONTH_CLOSED = EventType(
    "customers.month_closed", subject="month", sentence=_("closed a month of revenue"), feed=False
)
# One per account and batch.
INVOICES_RECORDED = EventType("customers.invoices_recorded", subject="account", sentence=_("sent invoices"))
TOUCH_LOGGED = EventType(
    "customers.touch_logged", subject="account", sentence=_("was in touch with the customer")
)
# One per roll-up, not one per account: usage is telemetry. The detail lists the accounts whose days changed.
USAGE_ROLLED_UP = EventType(
    "customers.usage_rolled_up", subject="usage", sentence=_("rolled usage up"), feed=False
)
SEGMENT_SAVED = EventType("customers.segment_saved", subject="segment", sentence=_("saved a segment"))
SEGMENT_DELETED = EventType("customers.segment_deleted", subject="segment", sentence=_("deleted a segment"))
# One per batch of an evaluation, not one per account; the detail lists the accounts.
SEGMENT_ENTERED = EventType(
    "customers.segment_entered", subject="segment", sentence=_("found accounts in a segment"), feed=False
)
SEGMENT_LEFT = EventType(
    "customers.segment_left",
    subject="segment",
    sentence=_("found accounts no longer in a segment"),
    feed=False,
)
STAGE_ENTERED = EventType("customers.stage_entered", subject="account", sentence=_("moved to another stage"))
STAGE_SAVED = EventType(
    "customers.stage_saved", subject="stage", sentence=_("changed the stages of customers")
)
TODAY_MARKED = EventType(
    "customers.today_marked",
    subject="account",
    sentence=_("took the customer off their Today queue"),
    feed=False,
)
USAGE_LETTERS_RETRIED = EventType(
    "customers.usage_letters_retried", subject="usage", sentence=_("tried rejected usage again"), feed=False
)
USAGE_LETTERS_DROPPED = EventType(
    "customers.usage_letters_dropped", subject="usage", sentence=_("gave rejected usage up"), feed=False
)
USAGE_PLAN_CHANGED = EventType(
    "customers.usage_plan_changed",
    subject="usage_feature",
    sentence=_("changed the tracking plan"),
    feed=False,
)

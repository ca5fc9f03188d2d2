"""Events of success."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

PLAYBOOK_SAVED = EventType("success.playbook_saved", subject="playbook", sentence=_("saved a playbook"))
PLAYBOOK_SWITCHED = EventType(
    "success.playbook_switched", subject="playbook", sentence=_("switched a playbook on or off")
)
LIMITS_SAVED = EventType(
    "success.limits_saved", subject="setting", sentence=_("changed the limits of outreach")
)
ACCOUNT_ENROLLED = EventType(
    "success.account_enrolled", subject="enrolment", sentence=_("enrolled the account in a playbook")
)
ENROLMENT_SKIPPED = EventType(
    "success.enrolment_skipped", subject="playbook", sentence=_("did not enrol the account in a playbook")
)
ENROLMENT_ENDED = EventType(
    "success.enrolment_ended", subject="enrolment", sentence=_("ended the account's way through a playbook")
)
OUTREACH_PLANNED = EventType(
    "success.outreach_planned", subject="outreach", sentence=_("planned an outreach mail")
)
OUTREACH_SENT = EventType("success.outreach_sent", subject="outreach", sentence=_("sent an outreach mail"))
OUTREACH_WITHHELD = EventType(
    "success.outreach_withheld", subject="outreach", sentence=_("withheld an outreach mail")
)
OUTREACH_FAILED = EventType(
    "success.outreach_failed", subject="outreach", sentence=_("could not send an outreach mail")
)
CTA_OPENED = EventType("success.cta_opened", subject="cta", sentence=_("opened a call to action"))
CTA_EVIDENCE_ADDED = EventType(
    "success.cta_evidence_added", subject="cta", sentence=_("added evidence to a call to action")
)
CTA_CLOSED = EventType("success.cta_closed", subject="cta", sentence=_("closed a call to action"))

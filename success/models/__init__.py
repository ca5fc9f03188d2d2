"""Tables of success."""

from success.models.cta import CTA
from success.models.outreach import Outreach, SendDecision
from success.models.playbook import Enrolment, Playbook, StepRun

__all__ = ["CTA", "Enrolment", "Outreach", "Playbook", "SendDecision", "StepRun"]

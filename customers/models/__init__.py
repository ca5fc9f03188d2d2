"""Tables of customers."""

from customers.models.account import Account, AccountExternalId
from customers.models.account_merge import AccountMerge, AccountMergeMove
from customers.models.adoption import AdoptionRange, FeatureAdoption, UsageMonth
from customers.models.consent import ConsentEvent
from customers.models.contact import Contact, ContactIdentity, ContactMerge
from customers.models.invoice import Invoice, InvoiceRevision
from customers.models.money import ExchangeRate
from customers.models.month_close import MonthClose, Restatement
from customers.models.personal_data import ContactErasure, ContactExport
from customers.models.revenue import RevenueMovement, Subscription
from customers.models.segment import Segment, SegmentMembership
from customers.models.sponsor_change import SponsorChange
from customers.models.stage import Stage, StageStay
from customers.models.today import TodayMark
from customers.models.touch import AccountNote, Meeting
from customers.models.trait import TraitDefinition
from customers.models.usage import DirtyUsageDay, UsageDaily, UsageDailyRevision, UsageEvent
from customers.models.usage_intake import UsageDeadLetter, UsageFeature, UsageIntake

__all__ = [
    "Account",
    "AccountExternalId",
    "AccountMerge",
    "AccountMergeMove",
    "AccountNote",
    "AdoptionRange",
    "ConsentEvent",
    "Contact",
    "ContactErasure",
    "ContactExport",
    "ContactIdentity",
    "ContactMerge",
    "DirtyUsageDay",
    "ExchangeRate",
    "FeatureAdoption",
    "Invoice",
    "InvoiceRevision",
    "Meeting",
    "MonthClose",
    "Restatement",
    "RevenueMovement",
    "Segment",
    "SegmentMembership",
    "SponsorChange",
    "Stage",
    "StageStay",
    "Subscription",
    "TodayMark",
    "TraitDefinition",
    "UsageDaily",
    "UsageDailyRevision",
    "UsageDeadLetter",
    "UsageEvent",
    "UsageFeature",
    "UsageIntake",
    "UsageMonth",
]

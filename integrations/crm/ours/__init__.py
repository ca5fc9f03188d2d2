"""The fields on this side: how each is read as text and written through the services of customers.

An object knows how to read many records, to change one, to create one, and to find which of ours a record of theirs is.
"""

from collections.abc import Mapping

from integrations.crm.ours.accounts import OurAccounts
from integrations.crm.ours.base import OurObject
from integrations.crm.ours.contacts import OurContacts
from integrations.crm.ours.subscriptions import OurSubscriptions

OURS: Mapping[str, OurObject] = {one.key: one for one in (OurAccounts(), OurContacts(), OurSubscriptions())}

__all__ = ["OURS", "OurObject"]

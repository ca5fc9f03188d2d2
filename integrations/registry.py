"""Extension points of integrations."""

from integrations.crm.contract import CrmSystem, crm_systems

__all__ = ["CrmSystem", "crm_systems"]

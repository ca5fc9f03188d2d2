"""Navigation of customers."""

from django.utils.translation import gettext_lazy as _

from core.nav import OPERATIONS
from core.navigation import NavItem


class CustomersNav(NavItem):
    """The portfolio."""

    key = "customers"
    label = _("Customers")
    icon = "building-community"
    url_name = "portfolio"
    permission = "customers.view"
    order = 20
    goto = "c"
    on_phone = True


class TraitsNav(NavItem):
    """Traits of customers and contacts."""

    key = "settings-traits"
    label = _("Customer traits")
    icon = "tag"
    url_name = "settings-traits"
    place = "settings"
    group = _("Customers")
    order = 60
    permission = "settings.manage"


class NewCustomer(NavItem):
    """A new customer, in the create menu."""

    key = "customers-new"
    label = _("Customer")
    icon = "building-community"
    url_name = "account-new"
    place = "create"
    permission = "customers.edit"
    order = 30


class ExchangeRatesNav(NavItem):
    """Exchange rates and the currency of sums."""

    key = "settings-exchange-rates"
    label = _("Exchange rates")
    icon = "currency-euro"
    url_name = "settings-exchange-rates"
    place = "settings"
    group = _("Customers")
    order = 60
    permission = "settings.manage"


class UsageNav(NavItem):
    """What comes in as product usage."""

    key = "operations-usage"
    label = _("Product usage")
    icon = "chart-bar"
    url_name = "usage-intake"
    place = "settings"
    group = OPERATIONS
    order = 82
    permission = "operations.view"

"""Navigation of models."""

from django.utils.translation import gettext_lazy as _

from core.navigation import NavItem


class ModelsNav(NavItem):
    """The tasks of machine learning."""

    key = "models"
    label = _("Models")
    icon = "brain"
    url_name = "models"
    permission = "ml.view"
    order = 70
    goto = "m"

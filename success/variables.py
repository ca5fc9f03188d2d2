"""Variables in outreach texts: a fixed list of names in double braces, replaced once; no logic, no template engine."""

import re
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from customers.models import Account, Contact

VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_.]*)\s*\}\}")
NAMES = ("contact.name", "contact.first_name", "account.name", "csm.name")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


def check_variables(text: str) -> None:
    """Raise ValidationError when ``text`` uses a variable that does not exist, or braces that are no variable."""
    unknown = sorted({name for name in VARIABLE.findall(text) if name not in NAMES})
    rest = VARIABLE.sub("", text)
    if unknown or "{{" in rest or "{%" in rest:
        raise ValidationError(
            _("Only these variables can be used: %(names)s.")
            % {"names": ", ".join("{{" + name + "}}" for name in NAMES)}
        )


def values_for(contact: Contact, account: Account) -> dict[str, str]:
    """Return the value of every variable for one recipient; each is one line without invisible characters."""
    full = contact.name or contact.email.partition("@")[0]
    csm = account.csm.name if account.csm else _("Your customer success team")
    values = {
        "contact.name": full,
        "contact.first_name": full.split()[0] if full.split() else full,
        "account.name": account.name,
        "csm.name": csm,
    }
    return {name: _UNSEEN.sub(" ", value).strip() for name, value in values.items()}


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace the variables of ``text``; values are never looked at again, so a name cannot smuggle one in."""
    return VARIABLE.sub(lambda match: values.get(match.group(1), ""), text)

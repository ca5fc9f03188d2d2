"""The words with which people name a mail server, checked before they are stored."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from core import guarded_http
from core.secret_box import seal
from tickets.channels.email.server_connection import PORTS, is_allowed, is_loopback
from tickets.models import MailAccount, Security

LONGEST_PASSWORD = 1000


def clean_server(*, protocol: str, host: str, port: int, security: str) -> dict[str, Any]:
    """Host, port and security as they are stored; ``protocol`` is imap, pop3 or smtp. Raises ValidationError naming the field."""
    try:
        name = guarded_http.host_name(host.strip())
    except guarded_http.RefusedAddress as error:
        raise ValidationError({"host": _("This is no name of a server.")}) from error
    if port not in PORTS[protocol] and not is_allowed(name, port):
        ports = ", ".join(str(one) for one in sorted(PORTS[protocol]))
        words = _("%(protocol)s answers at one of these ports: %(ports)s.")
        raise ValidationError({"port": words % {"protocol": protocol.upper(), "ports": ports}})
    if security not in Security.values:
        raise ValidationError({"security": _("There is no such encryption.")})
    if security == Security.NONE and not is_loopback(name):
        raise ValidationError({"security": _("Only a server on this machine is used without encryption.")})
    return {"host": name, "port": port, "security": security}


def clean_line(name: str, text: str) -> str:
    """A word without what would end a command. Raises ValidationError naming the field."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValidationError({name: _("Write this without line breaks and control characters.")})
    return text.strip()


def sealed_password(*, stored: str, password: str, moved: bool, purpose: str) -> str:
    """The sealed password that goes with a login: the new one, or the one that is ``stored``.

    ``moved``: the login goes to another server or user, to which nobody may send a password that they do not know. Raises
    ValidationError naming the field.
    """
    if password:
        if len(password) > LONGEST_PASSWORD or any(one in password for one in "\r\n\0"):
            raise ValidationError({"password": _("This cannot be a password.")})
        return seal(password, purpose=purpose)
    if not stored:
        raise ValidationError({"password": _("Enter the password.")})
    if moved:
        raise ValidationError({"password": _("Enter the password again for another server or user.")})
    return stored


def check_account(account: MailAccount | None, host: str) -> None:
    """Raise ValidationError when a sign-in must not be shown to this server: its tokens are good for the provider's servers."""
    if account is None or account.app.provider == account.app.Provider.OTHER:
        return
    own = {
        account.app.Provider.MICROSOFT: ("outlook.office365.com", "smtp.office365.com", "smtp-mail.outlook.com"),
        account.app.Provider.GOOGLE: ("imap.gmail.com", "pop.gmail.com", "smtp.gmail.com"),
    }[account.app.Provider(account.app.provider)]  # fmt: skip
    if host not in own:
        raise ValidationError(
            {"host": _("This sign-in is for %(servers)s only.") % {"servers": ", ".join(own)}}
        )

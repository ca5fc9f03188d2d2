"""How a web page vouches for its visitor: an HMAC over the visitor's user id, under a key that only its server knows.

The key is derived from the installation's secret, the inbox and a token in its settings; it is stored nowhere. What is signed is
the user id or, when the page names an address, the user id, a line break and the address.
"""

import hashlib
import hmac

from django.conf import settings
from django.utils.crypto import salted_hmac

from customers.identities import Identity
from tickets.channels.chat.settings import ChatSettings
from tickets.models import Inbox

_SALT = "tickets.chat.identity"
LONGEST_USER_ID = 150


def identity_key(inbox: Inbox) -> str:
    """Return the key, as the 64 hex digits that a page's server uses."""
    return _key(inbox, settings.SECRET_KEY)


def signed_text(user_id: str, email: str = "") -> str:
    """Return what a page signs."""
    return f"{user_id}\n{email}" if email else user_id


def signature(key: str, user_id: str, email: str = "") -> str:
    """Return the HMAC-SHA256 in hex, as a page makes it."""
    return hmac.new(key.encode(), signed_text(user_id, email).encode(), hashlib.sha256).hexdigest()


def is_vouched_for(inbox: Inbox, user_id: str, email: str, claimed: str) -> bool:
    """Say whether the page's server has signed this; also under the installation's former secrets. Constant time."""
    if not user_id or len(user_id) > LONGEST_USER_ID or not claimed.isascii():
        return False
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(
        hmac.compare_digest(signature(_key(inbox, secret), user_id, email), claimed.lower())
        for secret in secrets
    )


def user_identity(inbox: Inbox, user_id: str) -> Identity:
    """Return whom a page of the inbox has signed for. Every inbox counts its own users, unless it says that its ids are the
    product's."""
    own = ChatSettings.of(inbox.config).product_user_ids
    return Identity("user", user_id if own else f"chat-{inbox.pk}:{user_id}")


def _key(inbox: Inbox, secret: str) -> str:
    value = f"{inbox.hook_key}:{inbox.config.get('identity_token', '')}"
    return salted_hmac(_SALT, value, secret=secret, algorithm="sha256").hexdigest()

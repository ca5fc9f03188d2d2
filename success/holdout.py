"""The control group: which accounts a playbook leaves alone, decided once and for all by a hash."""

import hashlib
import secrets

from core.models import Setting

BUCKETS = 10_000
SALT_KEY = "success.holdout_salt"


def bucket_of(salt: str, scope: str, account_id: int) -> int:
    """Return the account's place 0..9999 within ``scope``: SHA-256 over salt, scope and id, modulo 10 000."""
    digest = hashlib.sha256(f"{salt}|{scope}|{account_id}".encode()).digest()
    return int.from_bytes(digest, "big") % BUCKETS


def is_held_out(*, scope: str, account_id: int, percent: float) -> bool:
    """Say whether the account belongs to the ``percent`` (0..100) of accounts that stay controls in ``scope``."""
    return bucket_of(holdout_salt(), scope, account_id) < percent * BUCKETS / 100


def holdout_salt() -> str:
    """Return this installation's salt, made at the first use, so that groups differ between installations."""
    setting, _created = Setting.objects.get_or_create(key=SALT_KEY, defaults={"value": secrets.token_hex(16)})
    return str(setting.value)

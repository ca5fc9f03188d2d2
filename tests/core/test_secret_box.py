"""Secrets at rest: what is sealed opens again, for its purpose and under its keys only."""

from typing import Any

import pytest

from core.secret_box import CannotOpen, seal, unseal

SECRET = "pass wörd ☂ \r\n"


def test_what_is_sealed_opens_again_and_shows_nothing() -> None:
    first, second = seal(SECRET, purpose="mailbox"), seal(SECRET, purpose="mailbox")
    assert first != second
    assert SECRET not in first
    assert first.isascii()
    assert {unseal(one, purpose="mailbox") for one in (first, second)} == {SECRET}


def test_another_purpose_or_key_does_not_open_it(settings: Any) -> None:
    sealed = seal(SECRET, purpose="mailbox")
    with pytest.raises(CannotOpen):
        unseal(sealed, purpose="webhook")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert unseal(sealed, purpose="mailbox") == SECRET
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(CannotOpen):
        unseal(sealed, purpose="mailbox")


@pytest.mark.parametrize("damaged", ["", "x", "gAAAAA==", "ü"])
def test_damaged_text_is_refused(damaged: str) -> None:
    with pytest.raises(CannotOpen):
        unseal(damaged, purpose="mailbox")

"""Signed reply addresses and Message-IDs: only ours, whole, under a current or retired key, count."""

from typing import Any

import pytest

from tickets.channels.email.thread_tokens import (
    make_message_id,
    read_message_id,
    references_in_addresses,
    reply_address,
)


def test_reply_address_round_trip_survives_case_changes() -> None:
    address = reply_address("support@desk.example", "AB23CD45EF")
    assert address.startswith("support+r-")
    assert address.endswith("@desk.example")
    assert len(address.partition("@")[0]) <= 64
    assert references_in_addresses(["x@y.example", address, address.upper()]) == ["ab23cd45ef"]


def test_message_id_round_trip() -> None:
    message_id = make_message_id("AB23CD45EF", 17, "desk.example")
    assert message_id == make_message_id("AB23CD45EF", 17, "desk.example")
    assert read_message_id(message_id) == ("ab23cd45ef", 17)


def test_forgeries_prove_nothing() -> None:
    address = reply_address("support@desk.example", "AB23CD45EF")
    local, _, domain = address.partition("@")
    forged = [
        address.replace("ab23cd45ef", "zz23cd45ef"),
        f"{local[:-1]}@{domain}",
        f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}",
        f"support+r-ab23cd45ef-@{domain}",
        f"support+r-ab23cd45ef@{domain}",
    ]
    assert references_in_addresses(forged) == []
    message_id = make_message_id("AB23CD45EF", 17, "desk.example")
    signature = message_id.split(".")[3].partition("@")[0]
    for other in (
        message_id.replace(".17.", ".18."),
        message_id.replace(signature, signature[:-1]),
        message_id.replace(signature, "a" * 16),
        message_id.replace("ab23cd45ef", "zz23cd45ef"),
        f"x{message_id}",
        "<csops.ab23cd45ef.17@desk.example>",
    ):
        assert read_message_id(other) is None
    # A reply address is no Message-ID: each purpose has its own key.
    assert read_message_id(f"<csops.ab23cd45ef.17.{local.rpartition('-')[2]}@{domain}>") is None


@pytest.mark.parametrize("fallbacks", [[], ["another-old-key"]])
def test_keys_rotate(settings: Any, fallbacks: list[str]) -> None:
    settings.SECRET_KEY = "the-old-key"
    address = reply_address("support@desk.example", "AB23CD45EF")
    settings.SECRET_KEY = "the-new-key"
    settings.SECRET_KEY_FALLBACKS = fallbacks
    assert references_in_addresses([address]) == []
    settings.SECRET_KEY_FALLBACKS = [*fallbacks, "the-old-key"]
    assert references_in_addresses([address]) == ["ab23cd45ef"]

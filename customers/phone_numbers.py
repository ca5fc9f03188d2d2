"""Telephone numbers: one form to store (E.164), one to show."""

import phonenumbers
from django.conf import settings
from phonenumbers import NumberParseException, PhoneNumberFormat


def e164(text: str) -> str:
    """Return a number as it is stored (``+4930901820``), empty for what is none.

    What has no country code is read as a number of ``settings.PHONE_REGION``; without one it is none.
    """
    try:
        number = phonenumbers.parse(text.strip(), settings.PHONE_REGION or None)
    except NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number):
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def shown_number(stored: str) -> str:
    """Return a stored number as people read it (``+49 30 901820``); what is no number stays as it is."""
    try:
        number = phonenumbers.parse(stored, None)
    except NumberParseException:
        return stored
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)

"""Whom channels know somebody as: an address, a number, a handle."""

from dataclasses import dataclass

from customers.domains import normalise_address


@dataclass(frozen=True)
class Identity:
    """``kind`` of ``ContactIdentity`` and the value, unique over all customers.

    Numbers are E.164 (``+4930…``), so that one person is the same in calls, SMS and WhatsApp. A handle of one network begins
    with its channel and a colon (``telegram:4711``).
    """

    kind: str
    value: str

    @classmethod
    def email(cls, address: str) -> "Identity":
        """The identity behind a mail address, in lower case."""
        return cls("email", normalise_address(address))

    @property
    def words(self) -> str:
        """How it is shown where nobody knows a name."""
        return self.value.partition(":")[2] or self.value if self.kind == "handle" else self.value

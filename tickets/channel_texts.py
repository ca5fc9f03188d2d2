"""How a channel carries a text of ours: with or without form, how long, and by which channel an answer would leave."""

from dataclasses import dataclass

from tickets.channel import Channel
from tickets.models import Ticket
from tickets.registry import channels_in_order
from tickets.reply_routes import reply_route
from tickets.rich_text import as_plain, without_escapes


@dataclass(frozen=True)
class FittedText:
    """A text as it leaves by ``channel``, and how many characters that takes at most (None: as many as one likes)."""

    channel: Channel
    text: str
    longest: int | None = None

    @property
    def length(self) -> int:
        """How long it is, in characters."""
        return len(self.text)

    @property
    def is_too_long(self) -> bool:
        """Whether the channel refuses it."""
        return self.longest is not None and self.length > self.longest


def text_for(channel: Channel, markdown: str) -> str:
    """Return what colleagues wrote as the channel carries it: as typed where people see form (mails have it as HTML, too), else
    plain."""
    if channel.capabilities.formatting or channel.key == "email":
        return without_escapes(markdown)
    return as_plain(markdown)


def fitted(ticket: Ticket, markdown: str, via: int | None = None) -> FittedText | None:
    """Return a text as it would leave by ``via`` (None: the obvious way); None where nothing reaches the customer."""
    route = reply_route(ticket, via)
    if route is None:
        return None
    longest = route.channel.capabilities.longest_text
    return FittedText(route.channel, text_for(route.channel, markdown), longest)


def answering_channel(ticket: Ticket, via: int | None = None) -> str:
    """Return the key of the channel by which an answer would leave; empty where nothing reaches the customer."""
    route = reply_route(ticket, via)
    return "" if route is None else route.channel.key


def answering_channels() -> list[tuple[str, str]]:
    """Return (key, name) of the channels by which answers can leave."""
    return [(one.key, str(one.label)) for one in channels_in_order() if one.answers or one.key == "email"]

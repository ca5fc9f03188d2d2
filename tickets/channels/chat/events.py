"""Events of chats."""

from django.utils.translation import gettext_lazy as _

from core.events import EventType

CHAT_ENDED = EventType("tickets.chat_ended", subject="ticket", sentence=_("ended the chat"))
# The visitor had not seen the answer in the chat.
CHAT_ANSWER_MAILED = EventType(
    "tickets.chat_answer_mailed", subject="message", sentence=_("sent the answer by e-mail, too")
)

"""The file outbox of the demo: one ``.eml`` file per mail, named by its Message-ID, so a repeat is no second mail."""

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage, make_msgid


class FileOutboxBackend(BaseEmailBackend):
    """Django e-mail backend that writes to ``EMAIL_FILE_PATH``."""

    def __init__(self, *args: Any, file_path: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._folder = Path(file_path or settings.EMAIL_FILE_PATH)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write every message; returns how many."""
        for message in email_messages:
            raw = message.message()
            message_id = str(raw["Message-ID"] or make_msgid())
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".", suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(raw.as_bytes())
            Path(temporary).replace(self.path_of(message_id))
        return len(email_messages)

    def path_of(self, message_id: str) -> Path:
        """Where the mail with this Message-ID lies or would lie."""
        name = re.sub(r"[^A-Za-z0-9.@_-]+", "_", message_id.strip("<>"))[-200:].lstrip(".") or "mail"
        return self._folder / f"{name}.eml"

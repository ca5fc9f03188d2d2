"""Caps that a mail must stay under, and the typed refusal raised when it does not.

They are checked while the raw bytes are walked, before anything expensive looks at a value: each cap closes an
input that was measured to take the standard library from seconds to half a minute.
Sizes are in bytes unless the name says otherwise.
"""

from __future__ import annotations

MAX_MESSAGE_BYTES = 35 * 1024 * 1024
MAX_HEADER_BLOCK_BYTES = 256 * 1024
MAX_HEADER_LINES = 500
MAX_HEADER_BYTES = 64 * 1024
MAX_PARTS = 500
MAX_DEPTH = 30
MAX_ADDRESSES = 200
MAX_REFERENCES = 200
MAX_MESSAGE_ID_CHARS = 250
MAX_LINKS = 5_000
MAX_HTML_BYTES = 2 * 1024 * 1024
MAX_HTML_TAGS = 150_000
MAX_HTML_DEPTH = 256
MAX_TEXT_CHARS = 1_000_000
MAX_SUBJECT_CHARS = 500
MAX_FILENAME_BYTES = 255
PARSE_TIMEOUT_SECONDS = 10.0
PARSE_CPU_SECONDS = 4.0  # twice what the largest mail takes on a slow core
PARSE_MEMORY_BYTES = 256 * 1024 * 1024


class MailRefused(Exception):
    """The mail cannot be turned into a message; it is quarantined and its raw text kept.

    ``code`` is a stable word stored in the ledger, ``detail`` a sentence for the person who looks at it.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail

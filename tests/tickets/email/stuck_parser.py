"""A stand-in for the parser child that misbehaves on demand: run as a module by the tests of the parent's side."""

import os
import sys
import time

from tickets.channels.email.parse_child import LENGTH_BYTES, answer


def main() -> None:
    """Serve; a mail with the word hangs, dies or is parsed."""
    source = sys.stdin.buffer
    while prefix := source.read(LENGTH_BYTES):
        raw = source.read(int.from_bytes(prefix, "big"))
        if b"please hang" in raw:
            time.sleep(60)
        if b"please die" in raw:
            os.abort()
        answer(raw, sys.stdout.buffer)


if __name__ == "__main__":
    main()

"""Run supervisord for as long as standard input stays open: ``supervised.py CONFIG``.

The launcher holds the other end of the pipe. When it ends, by Ctrl-C or by ``kill -9``, the pipe closes and
everything is stopped, so no program outlives its launcher. Started by path, outside Django, to stay small.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from supervisor import supervisord


def stop_with_parent() -> None:
    """Wait for the end of standard input, then ask this process to stop everything."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_with_parent, daemon=True).start()
    supervisord.main(["--nodaemon", "--configuration", sys.argv[1]])

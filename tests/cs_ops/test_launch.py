"""`manage.py launch`: sentences before the start, supervision, and nothing left behind after the stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cs_ops.launch import preflight
from cs_ops.launch.preflight import CannotStart
from cs_ops.launch.programs import Layout, Program, programs, render_config
from cs_ops.launch.readiness import ask_readyz, ask_supervisor
from cs_ops.launch.stack import Stack, only_one

ROOT = Path(__file__).resolve().parents[2]

# Writes its own pid and that of a child, and takes no notice of a polite stop.
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
time.sleep(600)
"""


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Wait until the condition holds; False when it does not within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    for name in ("run", "log"):
        (tmp_path / "100% data" / name).mkdir(parents=True)
    return Layout(base=ROOT, var=tmp_path / "100% data")


@pytest.fixture
def stubborn(tmp_path: Path) -> Program:
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    return Program("stubborn", [sys.executable, str(script), str(tmp_path / "pids")], stop_seconds=1)


@pytest.fixture
def stack(layout: Layout, stubborn: Program) -> Iterator[Stack]:
    stack = Stack(layout, [stubborn])
    yield stack
    stack.stop()


def pids_of(path: Path) -> list[int]:
    assert eventually(lambda: path.exists() and len(path.read_text().split()) == 2)
    return [int(text) for text in path.read_text().split()]


@pytest.mark.parametrize("port", ["0", "65536", "web", "-1", "80.5"])
def test_a_port_that_is_no_port_is_refused_with_an_example(
    monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CannotStart, match="PORT=8001 make run"):
        preflight.chosen_port()


def test_a_busy_port_names_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(CannotStart, match=f"Port {port} is already in use.*choose another port"):
            preflight.check_port(port)
    preflight.check_port(port)


def test_a_data_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(CannotStart, match=r"cannot write to .*VAR_DIR=/path make run"):
        preflight.check_folder(tmp_path / "file" / "var")


def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 512 * 1024**2

    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: Usage)
    with pytest.raises(CannotStart, match="Only 512 MB are free"):
        preflight.check_folder(tmp_path)


def test_make_run_prints_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = subprocess.run(
        [sys.executable, str(ROOT / "cs_ops/launch/preflight.py")],
        env={**os.environ, "VAR_DIR": str(tmp_path / "file")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("CS Ops cannot write to ")


def test_a_second_launch_on_the_same_data_is_refused(layout: Layout) -> None:
    with only_one(layout), pytest.raises(CannotStart, match="already running on"), only_one(layout):
        pytest.fail("two launches hold the lock of one data folder")
    with only_one(layout):
        pass


def test_only_the_ml_worker_serves_the_queues_that_load_torch() -> None:
    commands = {
        program.name: list(program.command) for program in programs(port=8000, beat_schedule="schedule")
    }
    assert set(commands) == {"web", "worker-main", "worker-ml", "beat"}
    queues = {name: command[command.index("-Q") + 1] for name, command in commands.items() if "-Q" in command}
    assert queues == {"worker-main": "events,outbound,channels,batch", "worker-ml": "ml,train"}
    assert commands["worker-ml"][commands["worker-ml"].index("--pool") + 1] == "solo"


def test_the_configuration_keeps_spaces_and_percent_signs(layout: Layout) -> None:
    text = render_config(layout, [Program("web", ["/a b/python", "main@%h"], stop_seconds=4)])
    assert "command='/a b/python' main@%%h" in text
    assert "100%% data/log/supervisord.log" in text


def test_a_killed_program_comes_back_and_stop_leaves_nothing_behind(stack: Stack, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    stack.start()
    first = pids_of(pids)
    pids.unlink()
    os.killpg(first[0], signal.SIGKILL)
    second = pids_of(pids)
    assert second[0] != first[0]
    assert eventually(lambda: ask_supervisor(stack.layout.socket).ok)
    stack.stop()
    assert not stack.is_running
    assert [pid for pid in second if alive(pid)] == []


def test_programs_do_not_outlive_a_killed_supervisor(stack: Stack, tmp_path: Path) -> None:
    stack.start()
    pids = pids_of(tmp_path / "pids")
    assert stack.process is not None
    stack.process.kill()
    with pytest.raises(CannotStart, match=r"supervisord\.log"):
        stack.watch()
    stack.stop()
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_programs_do_not_outlive_a_killed_launcher(layout: Layout, stubborn: Program, tmp_path: Path) -> None:
    layout.config.write_text(render_config(layout, [stubborn]))
    script = (
        "import subprocess, sys, time\n"
        "subprocess.Popen(sys.argv[2:], cwd=sys.argv[1], stdin=subprocess.PIPE, start_new_session=True)\n"
        "time.sleep(600)\n"
    )
    supervised = [sys.executable, str(ROOT / "cs_ops/launch/supervised.py"), str(layout.config)]
    launcher = subprocess.Popen([sys.executable, "-c", script, str(layout.var), *supervised])
    pids = pids_of(tmp_path / "pids")
    launcher.kill()
    launcher.wait()
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def test_a_stack_that_never_gets_ready_says_what_it_waits_for(stack: Stack) -> None:
    stack.start()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    with pytest.raises(
        CannotStart, match=r"Not ready: (web: does not answer yet|stubborn: starting|supervisor).*logs are in"
    ):
        stack.wait_until_ready(port=port, site_url="http://127.0.0.1", seconds=4, news=lambda _: None)


@pytest.mark.parametrize(
    ("status", "body", "ok", "waiting_for"),
    [
        (200, '{"ok": true, "checks": {"database": {"ok": true, "detail": ""}}}', True, []),
        (
            503,
            '{"ok": false, "checks": {"models": {"ok": false, "detail": "none live"}}}',
            False,
            ["models: none live"],
        ),
        (500, "<h1>Error</h1>", False, ["web: /readyz answers 500 without a report"]),
    ],
)
def test_readyz_is_read_as_the_failing_checks(
    answering_server: Callable[[int, str], int], status: int, body: str, ok: bool, waiting_for: list[str]
) -> None:
    state = ask_readyz(port=answering_server(status, body), site_url="https://cs.example")
    assert (state.ok, state.waiting_for) == (ok, waiting_for)


@pytest.fixture
def answering_server() -> Iterator[Callable[[int, str], int]]:
    """Give a function that serves one fixed answer on a free port and returns the port."""
    import http.server
    import threading

    servers: list[http.server.HTTPServer] = []

    def serve(status: int, body: str) -> int:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.headers["Host"] == "cs.example" else 400)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return int(server.server_address[1])

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()

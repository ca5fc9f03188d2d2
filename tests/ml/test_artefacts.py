"""Model files: what is written can be read, what was changed or is foreign cannot."""

import json
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ml.artefacts import Artefact, ArtefactRefused, describe_artefact, read_artefact, write_artefact
from ml.encoders.weights import sha256_of


def fitted(seed: int = 0) -> Any:
    draw = np.random.default_rng(seed)
    return LogisticRegression().fit(draw.normal(size=(40, 3)), np.arange(40) % 2)


def small(seed: int = 0) -> Artefact:
    return Artefact(
        metadata={"model": {"kind": "test/1"}, "seconds": np.random.default_rng().random()},
        estimators={"half": fitted(seed)},
        arrays={"values": np.arange(6, dtype=np.float16).reshape(2, 3)},
    )


def test_round_trip(tmp_path: Path) -> None:
    manifest = write_artefact(tmp_path / "a", small())
    loaded = read_artefact(tmp_path / "a", manifest.files)
    rows = np.random.default_rng(9).normal(size=(5, 3))
    assert np.array_equal(loaded.estimators["half"].predict_proba(rows), fitted().predict_proba(rows))
    assert loaded.arrays["values"].dtype == np.float16


def test_equal_trainings_share_the_content_digest_but_not_the_files(tmp_path: Path) -> None:
    first = write_artefact(tmp_path / "a", small())
    again = write_artefact(tmp_path / "b", small())
    other = write_artefact(tmp_path / "c", small(seed=1))
    assert first.files != again.files
    assert first.digest == again.digest
    assert other.digest != first.digest


def test_a_changed_byte_is_refused(tmp_path: Path) -> None:
    manifest = write_artefact(tmp_path / "a", small())
    path = tmp_path / "a" / "half.skops"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ArtefactRefused, match=r"half\.skops was changed"):
        read_artefact(tmp_path / "a", manifest.files)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    manifest = write_artefact(tmp_path / "a", small())
    (tmp_path / "a" / "half.skops").unlink()
    with pytest.raises(ArtefactRefused, match="missing"):
        read_artefact(tmp_path / "a", manifest.files)


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "../secret.json", "Model.skops"])
def test_other_file_names_are_refused(tmp_path: Path, name: str) -> None:
    write_artefact(tmp_path / "a", small())
    path = tmp_path / "a" / name
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ArtefactRefused):
        read_artefact(
            tmp_path / "a",
            {"metadata.json": sha256_of(tmp_path / "a" / "metadata.json"), name: sha256_of(path)},
        )


def test_a_pickle_named_skops_is_refused(tmp_path: Path) -> None:
    write_artefact(tmp_path / "a", small())
    (tmp_path / "a" / "half.skops").write_bytes(pickle.dumps({"a": 1}))
    files = {path.name: sha256_of(path) for path in (tmp_path / "a").iterdir()}
    with pytest.raises(ArtefactRefused, match="no skops file"):
        read_artefact(tmp_path / "a", files)


def test_a_skops_file_with_a_foreign_type_is_refused(tmp_path: Path) -> None:
    write_artefact(tmp_path / "a", small())
    path = tmp_path / "a" / "half.skops"
    schema = {
        "__class__": "system",
        "__module__": "posix",
        "__loader__": "FunctionNode",
        "content": {"module_path": "posix", "function": "system"},
        "protocol": 2,
        "_skops_version": "0.11",
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    files = {each.name: sha256_of(each) for each in (tmp_path / "a").iterdir()}
    with pytest.raises(ArtefactRefused, match=r"not allowed: posix\.system"):
        read_artefact(tmp_path / "a", files)


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    write_artefact(tmp_path / "a", small())
    with pytest.raises(ArtefactRefused, match="not empty"):
        write_artefact(tmp_path / "a", small())


def test_links_and_other_kinds_of_file_make_no_model(tmp_path: Path) -> None:
    write_artefact(tmp_path / "a", small())
    (tmp_path / "a" / "more.skops").symlink_to(tmp_path / "a" / "half.skops")
    with pytest.raises(ArtefactRefused, match="more"):
        describe_artefact(tmp_path / "a")


def test_metadata_keeps_its_order_of_keys_out_of_the_digest(tmp_path: Path) -> None:
    forward = Artefact(metadata={"model": OrderedDict([("a", 1), ("b", 2)])})
    backward = Artefact(metadata={"model": OrderedDict([("b", 2), ("a", 1)])})
    assert write_artefact(tmp_path / "a", forward).digest == write_artefact(tmp_path / "b", backward).digest

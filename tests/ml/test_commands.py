"""The evaluation commands on files as people make them: what they print, and one clear sentence for every defect."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ml.corpus.splits import split_by_group
from ml.sentiment.datasets import read_corpus
from ml.sentiment.heads import HEADS
from ml.sentiment.measuring import TEST, VALIDATION
from tests.ml.fakes import WordEncoder, churn_rows, ticket_texts

TEXT_KEYS = {"accuracy", "macro_f1", "ece", "coverage", "ms_per_text", "train_seconds"}
CHURN_KEYS = {"roc_auc", "pr_auc", "brier", "ece", "lift_at_10"}


def write(path: Path, header: list[str], rows: list[list[Any]], **options: Any) -> Path:
    with path.open("w", newline="", encoding=options.pop("encoding", "utf-8")) as handle:
        writer = csv.writer(handle, **options)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def last_json(out: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(out.rstrip().rsplit("\n", 1)[-1])
    return figures


@pytest.fixture
def tickets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    monkeypatch.setattr("ml.management.commands.evaluate_routing.sentence_encoder", WordEncoder)
    rows = [list(row) for row in zip(*ticket_texts(), strict=True)]
    train = write(tmp_path / "train.csv", ["text", "label"], rows[::2])
    return train, write(tmp_path / "test.csv", ["text", "label"], rows[1::2])


def routing(train: Path, test: Path, text: str = "text", label: str = "label") -> None:
    call_command("evaluate_routing", train=train, test=test, text=text, label=label, json=True)


def test_routing_prints_both_models(tickets: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    routing(*tickets)
    captured = capsys.readouterr()
    figures = last_json(captured.out)
    assert set(figures) >= TEXT_KEYS
    assert set(figures["baseline"]) == TEXT_KEYS
    assert list(figures["coverage"]) == ["0.80", "0.90", "0.95", "0.98", "1.00"]
    assert figures["accuracy"] > figures["baseline"]["accuracy"]
    assert figures["coverage"]["1.00"] == figures["accuracy"]
    assert "baseline" in captured.out.splitlines()[0]
    assert "training on 60 rows" in captured.err


def test_unknown_texts_are_measured_apart(
    tickets: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = tickets
    strangers = tmp_path / "strangers.csv"
    rows = "".join(f"zebra saxophone moonlight {number},other\n" for number in range(4))
    strangers.write_text(test.read_text() + rows)
    call_command(
        "evaluate_routing",
        train=train,
        test=strangers,
        text="text",
        label="label",
        unknown="other",
        json=True,
    )
    figures = last_json(capsys.readouterr().out)
    assert figures["unknown"] == {"rows": 4, "called_unfamiliar": 1.0, "abstained": 1.0}
    assert (figures["rows"]["test"], figures["classes"]) == (60, 3)
    assert (
        figures["called_unfamiliar"] < 0.3
    )  # the frames of the test rows are not those of the training rows


@pytest.mark.parametrize(
    ("train_rows", "test_rows"),
    [
        ([["a", "x"], ["b", "y"]], [["a", "x"]]),
        ([["a", "x"], ["b", "x"]], [["a", "x"], ["c", "unseen"]]),
        ([['a\nb, "c"', "x"], ["", "y"], ["d", " x "], ["e", ""]], [["", "x"], ["a\r\nb", "y"]]),
    ],
)
def test_small_and_odd_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    train_rows: list[list[str]], test_rows: list[list[str]],
) -> None:  # fmt: skip
    monkeypatch.setattr("ml.management.commands.evaluate_routing.sentence_encoder", WordEncoder)
    train = write(tmp_path / "a.csv", ["text", "label"], train_rows)
    routing(train, write(tmp_path / "b.csv", ["text", "label"], test_rows))
    figures = last_json(capsys.readouterr().out)
    assert 0 <= figures["accuracy"] <= 1
    assert figures["rows"]["test"] == len(test_rows)


@pytest.mark.parametrize("form", ["bom", "semicolon", "tab", "gzip", "latin", "utf16", "short rows"])
def test_files_as_people_save_them(
    form: str, tickets: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.csv"
    rows = [["the refund of Zoë", "billing"], ["my password", "access"]]
    header = ["text", "label"]
    if form == "bom":
        write(path, header, rows, encoding="utf-8-sig")
    elif form in {"semicolon", "tab"}:
        write(path, header, rows, delimiter={"semicolon": ";", "tab": "\t"}[form])
    elif form == "latin":
        write(path, header, rows, encoding="cp1252")
    elif form == "utf16":
        write(path, header, rows, encoding="utf-16")
    elif form == "short rows":
        path.write_text("text,label,more\nthe refund,billing\n\nmy password,access,x,y,z\n", encoding="utf-8")
    else:
        write(path, header, rows)
        path.write_bytes(gzip.compress(path.read_bytes()))
    routing(tickets[0], path)
    assert last_json(capsys.readouterr().out)["rows"]["test"] == 2


def test_defects_are_named(tickets: tuple[Path, Path], tmp_path: Path) -> None:
    train, test = tickets
    with pytest.raises(CommandError, match='no column "topic"; its columns are: text, label'):
        routing(train, test, label="topic")
    with pytest.raises(CommandError, match=r"absent\.csv cannot be read"):
        routing(tmp_path / "absent.csv", test)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(CommandError, match="is empty"):
        routing(tmp_path / "empty.csv", test)
    with pytest.raises(CommandError, match="no rows"):
        routing(write(tmp_path / "header.csv", ["text", "label"], []), test)
    with pytest.raises(CommandError, match="every cell"):
        routing(write(tmp_path / "bare.csv", ["text", "label"], [["a", ""], ["b", " "]]), test)
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"text,label\na,b\n" * 99)[:30])
    with pytest.raises(CommandError, match="cannot be read"):
        routing(tmp_path / "cut.csv.gz", test)


MOODS = [["I love it, thank you", 1], ["this is terrible", 0], ["great work", 1], ["I hate this, so bad", 0]]


def sentiment(test: Path, **options: Any) -> None:
    call_command("evaluate_sentiment", test=test, text="text", label="label", json=True, **options)


def test_sentiment_of_two_classes_leaves_neutral_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentiment(write(tmp_path / "a.csv", ["text", "label"], MOODS))
    figures = last_json(capsys.readouterr().out)
    assert set(figures) >= TEXT_KEYS
    assert set(figures["baseline"]) == TEXT_KEYS
    assert figures["accuracy"] == 1.0
    assert figures["baseline"]["accuracy"] == 0.5


def test_sentiment_of_three_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [["I love it, thank you", "Positive"], ["how do I add a user?", "NEUTRAL"], ["terrible", "neg"]]
    sentiment(write(tmp_path / "a.csv", ["text", "label"], rows))
    assert last_json(capsys.readouterr().out)["accuracy"] == 1.0


@pytest.mark.parametrize(
    "rows", [MOODS[:2], MOODS * 12, [["fine", "neutral"]] * 3 + [["bad", "negative"]] * 3]
)
def test_sentiment_adapts_to_own_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[list[Any]]
) -> None:
    path = write(tmp_path / "a.csv", ["text", "label"], rows)
    sentiment(path, train=path)
    figures = last_json(capsys.readouterr().out)
    assert figures["rows"] == {"train": len(rows), "test": len(rows)}
    assert figures["train_seconds"] > 0
    assert figures["accuracy"] >= 0.5


def test_many_own_labels_train_the_adapter_further(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A domain whose words mean the opposite is learned."""
    monkeypatch.setattr("ml.sentiment.adapting.FINE_TUNED_FROM", 40)
    odd = [[f"this ride was sick, number {n}", "positive"] for n in range(150)]
    odd += [[f"this ride was tame, number {n}", "negative"] for n in range(150)]
    test = write(tmp_path / "b.csv", ["text", "label"], [["that was sick", 1], ["that was tame", 0]])
    path = write(
        tmp_path / "a.csv", ["text", "label"], [[text, int(label == "positive")] for text, label in odd]
    )
    sentiment(test, train=path)
    captured = capsys.readouterr()
    assert last_json(captured.out)["accuracy"] == 1.0
    assert "minilm-adapter/" in captured.err


def test_without_a_file_our_held_out_messages_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "ml.management.commands.evaluate_sentiment"
    held_out = split_by_group(read_corpus(), VALIDATION, TEST)[2]
    monkeypatch.setattr(f"{command}.read_corpus", lambda: held_out[::6])
    monkeypatch.setattr(f"{command}.foreign_figures", lambda _model: {})
    call_command("evaluate_sentiment", json=True)
    lines = capsys.readouterr().out
    figures = last_json(lines)
    assert figures["all"]["rows"] == len(held_out[::6])
    low, high = figures["all"]["macro_f1_95"]
    assert 0 < low <= figures["all"]["macro_f1"] <= high <= 1
    assert set(figures["heads"]) == set(HEADS)
    assert set(figures["robustness"]) == {
        "capitals",
        "typing errors",
        "no punctuation",
        "greeting and closing",
    }
    assert figures["robustness"]["capitals"]["same answer"] == 1.0  # the encoder reads no capitals
    assert "hard: sarcasm" in lines
    with pytest.raises(CommandError, match="--train needs --test"):
        call_command("evaluate_sentiment", train=Path("x.csv"))


def test_a_word_that_is_no_sentiment_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match='"meh" is no sentiment'):
        sentiment(write(tmp_path / "a.csv", ["text", "label"], [["a", "meh"], ["b", "positive"]]))


def churn_file(path: Path, label: tuple[Any, Any] = ("No", "Yes")) -> Path:
    rows, outcomes = churn_rows()
    return write(
        path,
        ["customerID", "use", "plan", "noise", "Churn"],
        [
            [
                f"C-{number}",
                row["use"] if row["use"] is not None else " ",
                row["plan"],
                row["noise"],
                label[outcome],
            ]
            for number, (row, outcome) in enumerate(zip(rows, outcomes, strict=True))
        ],
    )


def churn(path: Path, **options: Any) -> None:
    call_command("evaluate_churn", data=path, json=True, **{"label": "Churn", "folds": 3, **options})


@pytest.mark.parametrize(
    "label", [("No", "Yes"), ("0", "1"), ("False", "True"), ("stayed", "gone"), ("here", "left")]
)
def test_churn_prints_both_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], label: tuple[str, str]
) -> None:
    churn(churn_file(tmp_path / "a.csv", label), drop=["noise"])
    captured = capsys.readouterr()
    figures = last_json(captured.out)
    assert set(figures) >= CHURN_KEYS
    assert set(figures["baseline"]) == CHURN_KEYS
    assert figures["roc_auc"] > 0.75
    assert figures["brier"] < figures["baseline"]["brier"]
    assert figures["baseline"]["lift_at_10"] == pytest.approx(1.0, abs=0.3)
    assert figures["positives"] == sum(churn_rows()[1])
    assert "customerID" in captured.err


def test_churn_defects_are_named(tmp_path: Path) -> None:
    path = churn_file(tmp_path / "a.csv")
    with pytest.raises(CommandError, match='no column "gone"'):
        churn(path, label="gone")
    with pytest.raises(CommandError, match='no column "nothing"'):
        churn(path, drop=["nothing"])
    with pytest.raises(CommandError, match="exactly two values, it has"):
        churn(path, label="use")
    with pytest.raises(CommandError, match="at least 2"):
        churn(path, folds=1)
    with pytest.raises(CommandError, match="each outcome needs"):
        churn(write(tmp_path / "b.csv", ["x", "Churn"], [[1, "yes"], [2, "no"]]))


def test_sentiment_training_writes_an_adapter_that_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ml.sentiment.scorer import AdapterModel

    source = tmp_path / "emotions.tsv"
    words = {1: "awful sad angry", 2: "the table is round", 3: "lovely happy great"}
    source.write_text(
        "".join(f"{words[i % 3 + 1]} {i}\t{i % 3 + 1}\tid{i}\n" for i in range(120)), encoding="utf-8"
    )
    call_command(
        "train_sentiment",
        "--goemotions",
        str(source),
        "--output",
        str(tmp_path / "new"),
        "--limit",
        "64",
        "--epochs",
        "1",
    )
    card = last_json(capsys.readouterr().out)
    assert card["measured"]["corpus_held_out"]["all"]["rows"] > 50
    assert AdapterModel(tmp_path / "new").probabilities(["hello"]).sum() == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(CommandError, match="no such file"):
        call_command("train_sentiment", "--goemotions", str(tmp_path / "absent.tsv"))

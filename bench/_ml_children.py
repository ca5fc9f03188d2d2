"""What the processes of bench/ml.py do: ``_ml_children.py TASK ARGUMENTS``; what they say is one JSON value on a line."""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")

LENGTHS = {"20 tokens": (20, 20), "mixed": (10, 200), "long": (200, 200)}
WORDS = [
    *(
        "invoice",
        "refund",
        "login",
        "password",
        "parcel",
        "delivery",
        "export",
        "report",
        "dashboard",
        "error",
    ),
    *("account", "customer", "please", "since", "yesterday", "morning", "the", "our", "we", "cannot", "open"),
    *("change", "update", "team", "user", "need", "help", "with", "for", "again", "when", "after", "before"),
]


def tell(what: Any) -> None:
    """Say something to the parent."""
    print(json.dumps(what), flush=True)


def _measured(turn: Callable[[], int | None]) -> None:
    """Say that all is ready, wait, take turns until one gives None; say how many were done and how long it took."""
    tell("ready")
    sys.stdin.readline()
    started, used, done = time.perf_counter(), time.process_time(), 0
    while (more := turn()) is not None:
        done += more
    tell({"done": done, "seconds": time.perf_counter() - started, "cpu": time.process_time() - used})


def _encode(which: str, kind: str, seconds: str) -> None:
    from ml.encoders import sentence_encoder
    from ml.encoders.runtime import prepare_torch
    from ml.encoders.weights import packaged_minilm

    encoder = sentence_encoder()
    texts = _texts(kind, 256)
    if which == "ours":

        def encode(some: list[str]) -> object:
            encoder.forget()
            return encoder.encode(some)

        size = len(texts)
    else:
        from transformers import pipeline as transformers_pipeline

        prepare_torch()
        extract = transformers_pipeline("feature-extraction", model=packaged_minilm().location, device="cpu")

        def encode(some: list[str]) -> object:
            return [extract(text, truncation=True, max_length=256) for text in some]

        size = 8
    encode(texts[:size])
    taken = 0
    until: list[float] = []

    def turn() -> int | None:
        nonlocal taken
        until[:] = until or [time.perf_counter() + float(seconds)]
        if time.perf_counter() > until[0]:
            return None
        some = [texts[(taken + n) % len(texts)] for n in range(size)]
        taken += size
        encode(some)
        return size

    _measured(turn)


def _texts(kind: str, count: int) -> list[str]:
    """Invented texts with exactly so many tokens as their kind says, both special ones included."""
    from tokenizers import Tokenizer

    from ml.encoders.weights import packaged_minilm_folder

    tokenizer = Tokenizer.from_file(str(packaged_minilm_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    draw, texts = random.Random(0), []
    while len(texts) < count:
        wanted, text = draw.randint(*LENGTHS[kind]), draw.choice(WORDS)
        while (tokens := len(tokenizer.encode(text).ids)) < wanted:
            text += " " + draw.choice(WORDS)
        if tokens == wanted:
            texts.append(text)
    return texts


def _write(count: str, run: str) -> None:
    """Store tickets as an integration opens them; says the id of the first event and of the first ticket."""
    from people.viewer import system_viewer
    from tickets.services.create_ticket import create_ticket

    draw, by = random.Random(run), system_viewer("task")
    ids = []
    for number in range(int(count)):
        received = create_ticket(
            subject=" ".join(draw.choices(WORDS, k=5)),
            body=" ".join(draw.choices(WORDS, k=draw.randint(12, 24))) + f" {number}.",
            contact_email=f"person{draw.randrange(300)}@customer{draw.randrange(60)}.example",
            by=by,
        )
        ids.append(received.ticket.pk)
    tell(ids[0])


def _left(first_ticket: int) -> int:
    """How many answers about tickets are still missing: routing, sentiment, similar."""
    from ml.models import Prediction
    from tickets.models import Message, SimilarTickets, Ticket
    from tickets.ticket_facts import ROUTING_TASK, SENTIMENT_TASK

    tickets = Ticket.objects.filter(pk__gte=first_ticket).values("pk")
    messages = Message.objects.filter(ticket__in=tickets).values("pk")
    return (
        3 * tickets.count()
        - Prediction.objects.filter(task=ROUTING_TASK, subject_id__in=tickets).count()
        - Prediction.objects.filter(task=SENTIMENT_TASK, subject_id__in=messages).count()
        - SimilarTickets.objects.filter(ticket__in=tickets).count()
    )


def _work(first_ticket: str) -> None:
    from core.delivery import pump
    from ml.services.report_models import report_models

    detail = report_models()
    assert not detail["errors"], detail
    # Priority has a model only where it beats the rules; routing is what the figure is about.
    assert "routing" in detail["models"], detail

    def turn() -> int | None:
        return None if not _left(int(first_ticket)) else pump("ml")

    _measured(turn)


def _answer(count: str) -> None:
    """Route, read and look for what is similar, as the subscribers do in batches, without writing a row."""
    from ml.encoders import sentence_encoder
    from ml.retrieval import vector_index
    from ml.sentiment.scorer import score_messages
    from ml.services.report_models import report_models
    from tickets.routing import suggest_routing
    from tickets.signal_answers import said_in
    from tickets.similar import TICKET_VECTORS

    report_models()
    draw, encoder = random.Random(os.getpid()), sentence_encoder()
    index = vector_index(TICKET_VECTORS, encoder.digest, encoder.encode(["warm"]).shape[1])
    subjects = [" ".join(draw.choices(WORDS, k=5)) for _ in range(int(count))]
    bodies = [" ".join(draw.choices(WORDS, k=draw.randint(12, 24))) + f" {n}." for n in range(int(count))]
    done = 0

    def turn() -> int | None:
        nonlocal done
        some = range(done, min(done + 50, len(bodies)))
        if not some:
            return None
        texts = [f"{subjects[n]}\n{bodies[n]}" for n in some]
        suggest_routing(texts)
        said_in(score_messages([bodies[n] for n in some]), list(some))
        index.search(encoder.encode(texts), 40)
        done += len(some)
        return len(some)

    _measured(turn)


def _predict() -> None:
    ready = time.time()
    from ml.sentiment.scorer import score_messages
    from ml.services.report_models import report_models
    from tickets.routing import suggest_routing

    report_models()  # what a worker does first
    text = "The invoice of March shows the wrong amount, please correct it today."
    [suggestion], [reading] = suggest_routing([text]), score_messages([text])
    assert reading.supported
    tell({"ready": ready, "at": time.time(), "cpu": time.process_time(), "by": suggestion.served.source})


def _wait_for_work(first_ticket: str) -> None:
    until = time.monotonic() + 300
    while _left(int(first_ticket)):
        if time.monotonic() > until:
            raise SystemExit("the worker did not answer in five minutes")
        time.sleep(1)
    tell("done")


CHILDREN: dict[str, Callable[..., None]] = {
    "encode": _encode,
    "write": _write,
    "work": _work,
    "answer": _answer,
    "predict": _predict,
    "wait": _wait_for_work,
}

if __name__ == "__main__":
    django.setup()
    CHILDREN[sys.argv[1]](*sys.argv[2:])

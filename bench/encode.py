"""Throughput of the sentence encoder against a plain transformers pipeline, one text at a time.

    python bench/encode.py [--texts 200] [--repeats 5]

Prints the machine, and the median texts per core-second of both over short, long and mixed invented messages, with the
mean cosine between their vectors. Both run on one thread in this process; processor time is counted instead of wall
time, so that other work on the machine does not decide the result.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cs_ops.settings")

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


def invented_texts(kind: str, count: int, draw: random.Random) -> list[str]:
    """Messages of about 18 (short), 170 (long) or 5 to 170 (mixed) words; all different."""
    lengths = {"short": (14, 22), "long": (150, 190), "mixed": (5, 170)}[kind]
    return [" ".join(draw.choices(WORDS, k=draw.randint(*lengths))) + f" {n}" for n in range(count)]


def median_rate(run: Callable[[], Any], texts: int, repeats: int) -> float:
    """Texts per second of processor time, the median of ``repeats`` runs."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return texts / statistics.median(seconds)


def plain_pipeline() -> Callable[[list[str]], np.ndarray[Any, Any]]:
    """transformers' feature-extraction pipeline in float32, batch size 1, mean-pooled and normalised."""
    from transformers import pipeline

    from ml.encoders.weights import packaged_minilm

    extract = pipeline("feature-extraction", model=packaged_minilm().location, framework="pt", device="cpu")

    def encode(texts: list[str]) -> np.ndarray[Any, Any]:
        rows = [np.asarray(extract(text, truncation=True, max_length=256)[0]).mean(axis=0) for text in texts]
        return np.stack([row / np.linalg.norm(row) for row in rows])

    return encode


def processor() -> str:
    """Name of the processor, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    import django

    django.setup()
    from ml.encoders import sentence_encoder
    from ml.encoders.runtime import best_dtype, prepare_torch

    torch = prepare_torch()
    ours, plain = sentence_encoder(), plain_pipeline()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{processor()}, {os.cpu_count()} cores, load {load:.1f}, torch {torch.__version__}, ours in {best_dtype()}"
    )
    print(f"{'texts':<8}{'ours/s':>10}{'pipeline/s':>12}{'times':>8}{'cosine':>10}")
    for kind in ("short", "long", "mixed"):
        texts = invented_texts(kind, options.texts, random.Random(0))
        cosine = float((ours.encode(texts) * plain(texts)).sum(axis=1).mean())

        def encode_fresh(texts: list[str] = texts) -> None:
            ours._cache.clear()
            ours.encode(texts)

        def encode_plain(texts: list[str] = texts) -> None:
            plain(texts)

        own_rate = median_rate(encode_fresh, len(texts), options.repeats)
        plain_rate = median_rate(encode_plain, len(texts), options.repeats)
        print(f"{kind:<8}{own_rate:>10.0f}{plain_rate:>12.0f}{own_rate / plain_rate:>8.1f}{cosine:>10.4f}")


if __name__ == "__main__":
    main()

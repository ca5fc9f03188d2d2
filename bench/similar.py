"""Milliseconds of one search by cosine, and the memory it takes, at 10,000, 100,000 and 200,000 stored vectors.

    python bench/similar.py [--sizes 10000 100000 200000] [--repeats 15]

Fills a database of its own (a temporary SQLite file) with invented unit vectors, reads them into the index as an ml worker
does, and searches for one vector, then for 50 at once (a batch of new tickets). One thread; the median and the best processor
time of the repeats, as other work on the machine does not count in it.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
DIMENSION = 384
KIND = "bench"


def fill(until: int, draw: Any) -> None:
    """Store vectors with the ids up to ``until``, in slices."""
    import numpy as np

    from ml.models import SubjectVector

    held = SubjectVector.objects.count()
    for start in range(held, until, 5_000):
        rows = draw.standard_normal((min(5_000, until - start), DIMENSION)).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        SubjectVector.objects.bulk_create(
            [
                SubjectVector(
                    subject_kind=KIND,
                    subject_id=start + place,
                    encoder="bench",
                    vector=row.astype("<f2").tobytes(),
                )
                for place, row in enumerate(rows)
            ]
        )


def milliseconds(run: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """(median, best) of ``repeats`` runs."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return 1_000 * statistics.median(seconds), 1_000 * min(seconds)


def resident() -> float:
    """Megabytes that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 200_000])
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"VAR_DIR": folder, "DJANGO_SETTINGS_MODULE": "cs_ops.settings"}
        os.environ.pop("DATABASE_URL", None)
        import django

        django.setup()
        import numpy as np
        from django.core.management import call_command

        from ml.retrieval import VectorIndex

        call_command("migrate", verbosity=0)
        draw = np.random.default_rng(0)
        print("vectors  read s  index MB   one: median/best ms   50: median/best ms each")
        for size in sorted(options.sizes):
            fill(size, draw)
            before = resident()
            index = VectorIndex(KIND, "bench", DIMENSION)
            started = time.perf_counter()
            index.refresh()
            read = time.perf_counter() - started
            held = resident() - before
            questions = draw.standard_normal((50, DIMENSION)).astype(np.float32)
            questions /= np.linalg.norm(questions, axis=1, keepdims=True)
            one = milliseconds(partial(index.search, questions[:1], 30), options.repeats)
            many = milliseconds(partial(index.search, questions, 30), options.repeats)
            print(
                f"{size:>7}{read:>8.1f}{held:>10.0f}{one[0]:>15.1f} / {one[1]:.1f}"
                f"{many[0] / 50:>17.2f} / {many[1] / 50:.2f}"
            )


if __name__ == "__main__":
    main()

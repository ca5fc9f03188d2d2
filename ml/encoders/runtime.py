"""How torch runs in our processes: threads, precision and offline mode, set once before the first model."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.encoders.weights import ModelSource


@cache
def prepare_torch() -> Any:
    """Import torch with one thread (setting ``ML_THREADS``) and return the module.

    One thread per worker process: with two torch threads and both cores busy, OpenMP barriers turn steps of 0.4 s
    into 5 s; two single-threaded workers give more throughput (measured).
    """
    from django.conf import settings

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if not getattr(settings, "ENCODER_MODEL", "") and not getattr(settings, "SENTIMENT_MODEL", ""):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch

    torch.set_num_threads(int(getattr(settings, "ML_THREADS", 1)))
    # fp32 matrix products in bf16x3 passes: up to 1.6 times faster on AMD, error 3e-7.
    torch.set_float32_matmul_precision("medium")
    return torch


def best_dtype() -> Any:
    """bfloat16 where the processor computes in it (2.5-3.4 times faster, cosine 0.9999), else float32."""
    torch = prepare_torch()
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if supported else torch.float32


def load_transformer(
    source: ModelSource, dtype: Any = None, auto_class: str = "AutoModel", attention: str | None = None
) -> tuple[Any, Any]:
    """Load ``(tokenizer, model)`` in evaluation mode: safetensors only, no remote code.

    ``attention`` names another implementation than the model's own: "eager" halves the time of training on processors.
    Raises ``ModelUnavailable`` with the source's name when transformers cannot load it.
    """
    from ml.encoders.weights import ModelUnavailable

    prepare_torch()
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    options: dict[str, Any] = {"local_files_only": source.local_only, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.location, **options)
        if attention:
            options["attn_implementation"] = attention
        model = getattr(transformers, auto_class).from_pretrained(
            source.location, use_safetensors=True, dtype=dtype or best_dtype(), **options
        )
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"The model {source.name} cannot be loaded: {error}") from error
    model.eval()
    return tokenizer, model

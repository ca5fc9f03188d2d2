"""Low-rank adapters (Hu et al. 2021) on every linear layer of a BERT encoder, and a pooled classification head.

The adapter is two thin matrices per layer, y = W x + (alpha / rank) * B (A x); merged into W at load it costs nothing
at inference. Stored as one float16 safetensors file of about 1.3 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml.encoders.runtime import prepare_torch

RANK = 16
ALPHA = 32.0
LAYERS = ("query", "key", "value", "dense")


def _adapted_linears(encoder: Any) -> dict[str, Any]:
    """Name -> linear layer of every attention and feed-forward layer; the unused pooler is left out."""
    torch = prepare_torch()
    return {
        name: module
        for name, module in encoder.named_modules()
        if isinstance(module, torch.nn.Linear) and name.rsplit(".", 1)[-1] in LAYERS and "pooler" not in name
    }


def attach(encoder: Any, rank: int = RANK, alpha: float = ALPHA) -> dict[str, Any]:
    """Freeze ``encoder`` and hook trainable low-rank matrices onto it; returns name -> parameter.

    B starts at zero, so the adapted encoder first computes exactly what the frozen one does.
    """
    torch = prepare_torch()
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    parameters: dict[str, Any] = {}
    for name, layer in _adapted_linears(encoder).items():
        down = torch.nn.Parameter(torch.empty(rank, layer.in_features))
        torch.nn.init.kaiming_uniform_(down, a=5**0.5)
        up = torch.nn.Parameter(torch.zeros(layer.out_features, rank))

        def add_low_rank(_: Any, inputs: Any, output: Any, down: Any = down, up: Any = up) -> Any:
            step = torch.nn.functional.linear(inputs[0], down)
            return output + torch.nn.functional.linear(step, up) * (alpha / rank)

        layer.register_forward_hook(add_low_rank)
        parameters[f"{name}.down"] = down
        parameters[f"{name}.up"] = up
    return parameters


def change_by(tensors: dict[str, Any], alpha: float = ALPHA) -> Callable[[str], Any]:
    """Tell what a stored adapter adds to the weights of a layer, by its name: float32 in their shape, None for nothing."""

    def change(name: str) -> Any:
        if f"{name}.up" not in tensors:
            return None
        down = tensors[f"{name}.down"].float()
        return tensors[f"{name}.up"].float() @ down * (alpha / len(down))

    return change


def save(path: Path, tensors: dict[str, Any], metadata: dict[str, str]) -> None:
    """Write parameters as float16 safetensors with string metadata."""
    from safetensors.torch import save_file

    torch = prepare_torch()
    packed = {name: value.detach().to(torch.float16).contiguous() for name, value in sorted(tensors.items())}
    save_file(packed, str(path), metadata=metadata)


def load(path: Path) -> dict[str, Any]:
    """Read the parameters of an adapter file."""
    from safetensors.torch import load_file

    return dict(load_file(str(path)))

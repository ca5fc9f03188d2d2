"""The forward pass of BERT encoders on a processor: the states of tokens, without padding and the same in any company.

The tokens of many texts lie one after the other, and each product of weights takes ``TILE`` of them; attention takes texts of
one length together. So nothing is computed for padding, and every number comes from operations whose shapes do not depend on
the other texts: a text has the same states, to the bit, whatever else is encoded with it (docs/decisions/0036).

Weights are read from ``model.safetensors`` and packed once for oneDNN; neither transformers nor a second copy of them stays in
memory. ``BertStates.of`` gives None for what this pass does not know; ``ml.encoders.states`` then asks transformers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ml.encoders.runtime import best_dtype, prepare_torch

# Larger tiles gain little more, and a single short text pays for a whole one.
TILE = 128
TOKENS_PER_PASS = 1_024

Product = Callable[[Any], Any]
Change = Callable[[str], Any]  # name of a layer -> what is added to its weights, or None


@cache
def _table_of_words(weights: Path, name: str) -> Any:
    """The embeddings of words, mapped from the file: only rows that are asked for take memory, once for all processes.

    A mapping of its own, because tensors read together keep all pages of the file.
    """
    from safetensors import safe_open

    with safe_open(str(weights), framework="pt") as stored:
        return stored.get_tensor(name)


def passes(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Split positions into passes of at most ``TOKENS_PER_PASS`` tokens (or one text), shortest texts first."""
    taken: list[int] = []
    tokens = 0
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        if taken and tokens + lengths[position] > TOKENS_PER_PASS:
            yield taken
            taken, tokens = [], 0
        taken.append(position)
        tokens += lengths[position]
    if taken:
        yield taken


class BertStates:
    """One encoder in memory. ``change`` tells what is added to the weights of a layer: so an adapter is merged."""

    steady = True

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        max_tokens: int,
        change: Change | None = None,
    ) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        prepare_torch()
        self.width = int(config["hidden_size"])
        self.depth = int(config["num_hidden_layers"])
        self._heads = int(config["num_attention_heads"])
        self._epsilon = float(config["layer_norm_eps"])
        self._dtype = best_dtype()
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(min(max_tokens, int(config["max_position_embeddings"])))
        weights = folder / "model.safetensors"
        read = load_file(str(weights))
        names = {name.removeprefix("bert."): name for name in read}
        stored = {name: read[full] for name, full in names.items()}
        self._words = _table_of_words(weights, names["embeddings.word_embeddings.weight"])
        kinds = stored["embeddings.token_type_embeddings.weight"]
        self._places = (stored["embeddings.position_embeddings.weight"] + kinds[0]).float()
        self._first_norm = self._norm(stored, "embeddings.LayerNorm", keep=True)
        self._layers = [self._packed(stored, f"encoder.layer.{n}.", change) for n in range(self.depth)]

    @classmethod
    def of(cls, folder: Path, max_tokens: int, change: Change | None = None) -> BertStates | None:
        """Load the encoder of a folder, or None when it is no plain BERT with one weights file and a fast tokenizer."""
        if not all(
            (folder / name).is_file() for name in ("config.json", "model.safetensors", "tokenizer.json")
        ):
            return None
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        known = (
            config.get("model_type") == "bert"
            and config.get("hidden_act") == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and not config.get("is_decoder", False)
        )
        return cls(folder, config, max_tokens, change) if known else None

    def states(self, texts: Sequence[str], layers: Sequence[int]) -> Iterator[tuple[list[int], list[Any]]]:
        """Token states of the asked layers (0 is the embedding, ``depth`` the last), for a few texts at a time.

        Yields the positions of texts of one length, and per layer their states ``(texts, tokens, width)``, unpadded.
        """
        torch = prepare_torch()
        ids = [one.ids for one in self._tokenizer.encode_batch(list(texts))]
        lengths = [len(one) for one in ids]
        for taken in passes(lengths):
            with torch.inference_mode():
                groups = _groups([lengths[n] for n in taken])
                found = self._pass([ids[n] for n in taken], groups, set(layers))
            for first, count, start, tokens in groups:
                rows = slice(start, start + count * tokens)
                yield (
                    taken[first : first + count],
                    [found[layer][rows].view(count, tokens, self.width) for layer in layers],
                )

    def _pass(
        self, ids: Sequence[Sequence[int]], groups: Sequence[tuple[int, int, int, int]], wanted: set[int]
    ) -> dict[int, Any]:
        """The states after each wanted layer, ``(tokens, width)``; the rows behind the last token mean nothing."""
        torch = prepare_torch()
        used = sum(map(len, ids))
        rows = -(-used // TILE) * TILE
        spare = [0] * (rows - used)
        words = torch.tensor([one for text in ids for one in text] + spare)
        places = torch.tensor([place for text in ids for place in range(len(text))] + spare)
        x = self._normed(self._words[words].float() + self._places[places], self._first_norm).to(self._dtype)
        tiles = [slice(start, start + TILE) for start in range(0, rows, TILE)]
        attended = torch.zeros_like(x)
        found = {0: x} if 0 in wanted else {}
        for number, (together, out, after, widen, narrow, last) in enumerate(self._layers, start=1):
            self._attend(torch.cat([together(x[tile]) for tile in tiles]), groups, attended)
            parts = []
            for tile in tiles:
                seen = self._normed(out(attended[tile]).add_(x[tile]), after)
                parts.append(self._normed(narrow(widen(seen)).add_(seen), last))
            x = torch.cat(parts)
            if number in wanted:
                found[number] = x
        return found

    def _attend(self, together: Any, groups: Sequence[tuple[int, int, int, int]], into: Any) -> None:
        """Attention among the tokens of each text; ``together`` holds queries (scaled), keys and values side by side."""
        torch = prepare_torch()
        for _first, count, start, tokens in groups:
            rows = slice(start, start + count * tokens)
            parts = together[rows].view(count, tokens, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            query, key, value = parts.reshape(3, count * self._heads, tokens, -1).unbind(0)
            shares = torch.softmax(torch.bmm(query, key.transpose(1, 2)), -1, dtype=torch.float32)
            seen = torch.bmm(shares.to(self._dtype), value).view(count, self._heads, tokens, -1)
            into[rows].view(count, tokens, self._heads, -1).copy_(seen.transpose(1, 2))

    def _normed(self, x: Any, parameters: tuple[Any, Any]) -> Any:
        layer_norm: Any = prepare_torch().nn.functional.layer_norm
        return layer_norm(x, (self.width,), *parameters, self._epsilon)

    # --- loading -------------------------------------------------------------------------------------------------------

    def _packed(self, stored: Mapping[str, Any], prefix: str, change: Change | None) -> tuple[Any, ...]:
        torch = prepare_torch()

        def linear(name: str) -> tuple[Any, Any]:
            weight = stored[f"{prefix}{name}.weight"].float()
            added = change(f"{prefix}{name}") if change else None
            if added is not None:
                weight = weight + added
            return weight, stored[f"{prefix}{name}.bias"].float()

        query, key, value = (linear(f"attention.self.{name}") for name in ("query", "key", "value"))
        scale = (self.width // self._heads) ** -0.5
        weights = torch.cat([query[0] * scale, key[0], value[0]])
        return (
            self._product(weights, torch.cat([query[1] * scale, key[1], value[1]])),
            self._product(*linear("attention.output.dense")),
            self._norm(stored, f"{prefix}attention.output.LayerNorm"),
            self._product(*linear("intermediate.dense"), gelu=True),
            self._product(*linear("output.dense")),
            self._norm(stored, f"{prefix}output.LayerNorm"),
        )

    def _norm(self, stored: Mapping[str, Any], name: str, keep: bool = False) -> tuple[Any, Any]:
        dtype = prepare_torch().float32 if keep else self._dtype
        return stored[f"{name}.weight"].to(dtype), stored[f"{name}.bias"].to(dtype)

    def _product(self, weight: Any, bias: Any, gelu: bool = False) -> Product:
        """``x @ weight.T + bias``, and GELU of it, for ``TILE`` rows; with weights laid out for oneDNN where it is."""
        torch = prepare_torch()
        weight, bias = weight.to(self._dtype), bias.to(self._dtype)
        functional = torch.nn.functional
        if not torch.backends.mkldnn.is_available():
            if gelu:
                return lambda x: functional.gelu(functional.linear(x, weight, bias))
            return lambda x: functional.linear(x, weight, bias)
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, TILE)
        run = torch.ops.mkldnn._linear_pointwise
        then: tuple[Any, ...] = ("gelu", [], "none") if gelu else ("none", [], "")
        return lambda x: run(x, packed, bias, *then)


def _groups(lengths: Sequence[int]) -> list[tuple[int, int, int, int]]:
    """Runs of equal lengths: first text, number of texts, first token, tokens of each."""
    groups: list[tuple[int, int, int, int]] = []
    first = start = 0
    while first < len(lengths):
        count = 1
        while first + count < len(lengths) and lengths[first + count] == lengths[first]:
            count += 1
        groups.append((first, count, start, lengths[first]))
        start += count * lengths[first]
        first += count
    return groups

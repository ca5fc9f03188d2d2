"""Training of the adapter: all sources and all answers jointly, length-sorted batches, one thread.

The recipe follows our measurements: rank 16 on all linear layers, AdamW at 1e-3 with warm-up and linear decay, bf16 where
the processor has it, plain attention (torch's fused one takes half of a step for its gradients on processors), and the mean
of the parameters over the last steps.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.encoders.runtime import best_dtype, load_transformer, prepare_torch
from ml.encoders.weights import packaged_minilm
from ml.sentiment import heads, lora
from ml.sentiment.datasets import LABELS, LabelledText
from ml.sentiment.signs import readable

MAX_TOKENS = 160
TOKENS_PER_BATCH = 2_048
TEXTS_PER_BATCH = 64


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides the result of a run besides the data."""

    epochs: int = 2
    learning_rate: float = 1e-3
    warm_up: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.1
    label_smoothing: float = 0.05
    heads_weight: float = 14.0
    averaged: float = 0.2  # the last share of the steps, whose parameters are averaged
    seed: int = 0


def _batches(lengths: Sequence[int], draw: random.Random) -> list[list[int]]:
    """Shuffled batches of similar length: sort with a little noise, cut by token budget, shuffle the batches."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i] + draw.random() * 4)
    batches: list[list[int]] = [[]]
    for position in order:
        current = batches[-1]
        if current and (
            len(current) == TEXTS_PER_BATCH or (len(current) + 1) * lengths[position] > TOKENS_PER_BATCH
        ):
            batches.append([])
        batches[-1].append(position)
    draw.shuffle(batches)
    return batches


class AdapterTrainer:
    """Holds the frozen encoder, the low-rank matrices and the head during a run."""

    def __init__(self, plan: TrainingPlan) -> None:
        torch = prepare_torch()
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.source = packaged_minilm()
        self.tokenizer, self.encoder = load_transformer(self.source, torch.float32, attention="eager")
        self.parameters = lora.attach(self.encoder)
        self.parameters |= heads.new_parameters(self.encoder.config.hidden_size)

    def start_from(self, adapter: Path) -> None:
        """Begin with the parameters of an adapter file instead of at the frozen encoder."""
        torch = prepare_torch()
        stored = lora.load(adapter)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(stored[name].float())

    def logits(self, tokens: dict[str, Any], positions: list[int], training: bool) -> Any:
        """Logits ``(len(positions), heads.OUTPUTS)`` in float32."""
        torch = prepare_torch()
        inputs = self.tokenizer.pad(
            {key: [values[i] for i in positions] for key, values in tokens.items()}, return_tensors="pt"
        )
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=best_dtype() == torch.bfloat16):
            states = self.encoder(**inputs).last_hidden_state
        dropout = self.plan.dropout if training else 0.0
        return heads.logits(states, inputs["attention_mask"], self.parameters, dropout)

    def tokens(self, texts: Sequence[str]) -> dict[str, Any]:
        """Unpadded token ids of the texts, cut at 160 word pieces."""
        return dict(
            self.tokenizer([readable(text) for text in texts], truncation=True, max_length=MAX_TOKENS)
        )

    def train(self, epochs: Sequence[Sequence[LabelledText]], report: Callable[[str], None]) -> float:
        """Fit on the rows of each epoch in turn; returns the wall-clock seconds. Reports about every 100 steps."""
        torch = prepare_torch()
        draw = random.Random(self.plan.seed)  # noqa: S311 - order of rows, no secret
        rows = [row for epoch in epochs for row in epoch]
        tokens = self.tokens([row.text for row in rows])
        lengths = [len(ids) for ids in tokens["input_ids"]]
        targets = torch.tensor([LABELS.index(row.label) for row in rows])
        told = torch.tensor([row.answers or (False,) * len(heads.HEADS) for row in rows]).float()
        asked = torch.tensor([row.answers is not None for row in rows]).float().unsqueeze(1)
        schedule: list[list[int]] = []
        first = 0
        for epoch in epochs:
            part = lengths[first : first + len(epoch)]
            schedule += [[first + position for position in batch] for batch in _batches(part, draw)]
            first += len(epoch)
        optimiser = torch.optim.AdamW(
            list(self.parameters.values()), lr=self.plan.learning_rate, weight_decay=self.plan.weight_decay
        )
        mean = _Mean()
        started = time.perf_counter()
        running = math.log(len(LABELS))
        for step, batch in enumerate(schedule):
            for group in optimiser.param_groups:
                group["lr"] = self.plan.learning_rate * self._rate(step / len(schedule))
            logits = self.logits(tokens, batch, training=True)
            loss = torch.nn.functional.cross_entropy(
                logits[:, : len(LABELS)], targets[batch], label_smoothing=self.plan.label_smoothing
            )
            doubts = torch.nn.functional.binary_cross_entropy_with_logits(
                logits[:, len(LABELS) :], told[batch], reduction="none"
            )
            # By the size of the batch: a batch in which few rows were asked must not shake the heads.
            loss = loss + self.plan.heads_weight * (doubts * asked[batch]).mean()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), 1.0)
            optimiser.step()
            if step >= (1 - self.plan.averaged) * len(schedule):
                mean.add(self.parameters)
            running += (float(loss.detach()) - running) * 0.02
            if step % 100 == 99 or step + 1 == len(schedule):
                report(
                    f"step {step + 1}/{len(schedule)}  loss {running:.3f}  {time.perf_counter() - started:.0f} s"
                )
        mean.write(self.parameters)
        return time.perf_counter() - started

    def _rate(self, progress: float) -> float:
        if progress < self.plan.warm_up:
            return (progress + 1e-3) / self.plan.warm_up
        return max(0.02, (1 - progress) / (1 - self.plan.warm_up))

    def save(self, folder: Path, card: dict[str, Any]) -> None:
        """Write ``adapter.safetensors`` and ``adapter.json`` (the card, with base digest, labels and heads)."""
        folder.mkdir(parents=True, exist_ok=True)
        lora.save(
            folder / "adapter.safetensors",
            self.parameters,
            {"format": "cs-ops-lora", "base": self.source.digest},
        )
        write_card(
            folder,
            {"base": self.source.digest, "labels": list(LABELS), "heads": list(heads.HEADS), **card},
        )


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write ``adapter.json``: what the adapter belongs to, its calibration, and what was measured."""
    text = json.dumps(card, indent=1, sort_keys=True) + "\n"
    (folder / "adapter.json").write_text(text, encoding="utf-8")


class _Mean:
    """The running mean of parameters over steps."""

    def __init__(self) -> None:
        self._sums: dict[str, Any] = {}
        self._steps = 0

    def add(self, parameters: dict[str, Any]) -> None:
        """Count the parameters as they are now."""
        self._steps += 1
        for name, parameter in parameters.items():
            now = parameter.detach()
            self._sums[name] = self._sums[name].add_(now) if name in self._sums else now.clone()

    def write(self, parameters: dict[str, Any]) -> None:
        """Put the means in place of the parameters."""
        torch = prepare_torch()
        with torch.no_grad():
            for name, total in self._sums.items():
                parameters[name].copy_(total / self._steps)


def shuffled(rows: Sequence[LabelledText], seed: int) -> Iterator[LabelledText]:
    """The rows in a seeded random order."""
    order = list(rows)
    random.Random(seed).shuffle(order)  # noqa: S311 - order of rows, no secret
    yield from order

"""What else a message says, read in the same pass as its sentiment: names of the answers and the layer that gives them.

Each answer weighs the words for itself (a learned query over the token states, Yang et al. 2016) and looks at that weighted
mean beside the plain one: in a long mail the sentence that decides about "churn" is not the one that decides about "bug".
"""

from __future__ import annotations

from typing import Any

from ml.corpus.messages import EMOTIONS, SENTIMENTS, SIGNALS
from ml.encoders.runtime import prepare_torch

# "pressing": wanted within days or at once; "now": at once.
URGENCY = ("pressing", "now")
HEADS = (*EMOTIONS, *URGENCY, *SIGNALS)
OUTPUTS = len(SENTIMENTS) + len(HEADS)
PARAMETERS = ("head.query", "head.weight", "head.bias")


def new_parameters(width: int) -> dict[str, Any]:
    """Untrained parameters for states of ``width`` numbers; queries of zero weigh all words alike."""
    torch = prepare_torch()
    weight = torch.empty(OUTPUTS, 2 * width)
    torch.nn.init.uniform_(weight, -(width**-0.5), width**-0.5)
    values = (torch.zeros(OUTPUTS, width), weight, torch.zeros(OUTPUTS))
    return {name: torch.nn.Parameter(value) for name, value in zip(PARAMETERS, values, strict=True)}


def logits(states: Any, mask: Any, parameters: dict[str, Any], dropout: float = 0.0) -> Any:
    """Logits ``(n, OUTPUTS)`` in float32 of token states ``(n, tokens, width)``: the sentiments, then ``HEADS``.

    ``mask`` ``(n, tokens)`` is 0 for padding; None says that there is none.
    """
    torch = prepare_torch()
    query, weight, bias = (parameters[name] for name in PARAMETERS)
    states = states.float()
    scores = states @ query.T / query.shape[1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask.unsqueeze(-1) == 0, -1e9)
    weighed = torch.softmax(scores, dim=1).transpose(1, 2) @ states
    mean = _mean(states, mask).unsqueeze(1).expand_as(weighed)
    seen = torch.nn.functional.dropout(torch.cat([mean, weighed], dim=2), dropout, dropout > 0)
    return (seen * weight).sum(2) + bias


def _mean(states: Any, mask: Any) -> Any:
    if mask is None:
        return states.mean(1)
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)

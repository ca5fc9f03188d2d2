"""Gates: what a version must pass before a person may propose it. One class in ``<any app>/gates/<name>.py``.

A gate looks at a ``Contender`` and gives a ``Verdict``; it reads no table. One that does not apply is skipped and says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from core.registry import Label, Part, Registry
from ml.datasets.rows import Example

if TYPE_CHECKING:
    from ml.registry import HeldOut, MLTask, TrainedModel

Pair = tuple["HeldOut", "HeldOut"]


@dataclass(frozen=True)
class Contender:
    """A stored version with everything that is known about it.

    ``held`` are the rows behind ``trained.held_out``, in its order. ``model`` was loaded from the stored files, which are
    ``file_megabytes`` large and hold ``memory_megabytes`` unpacked. ``pairs`` are (its, the champion's) answers about rows
    that neither had seen, and ``champion`` its name, "" without one. ``built_again`` are some held rows, each with its features
    built again from what was recorded by its moment.
    """

    task: MLTask
    trained: TrainedModel
    model: Any
    held: Sequence[Example] = ()
    file_megabytes: float = 0.0
    memory_megabytes: float = 0.0
    champion: str = ""
    pairs: Sequence[Pair] = ()
    golden: Sequence[Example] = ()
    failed_checks: Mapping[str, str] = field(default_factory=dict)
    built_again: Sequence[tuple[Example, Mapping[str, Any] | None]] = ()


@dataclass(frozen=True)
class Verdict:
    """Passed (True), failed (False) or skipped (None), with what was seen and what is asked, in words; ``detail`` is shown."""

    ok: bool | None
    observed: str
    threshold: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class Gate(Part):
    """One thing asked of every version; ``label`` is shown to people."""

    label: ClassVar[Label] = ""

    def judge(self, contender: Contender) -> Verdict:
        """Look at a version."""
        raise NotImplementedError


gates: Registry[Gate] = Registry(Gate, "gates")

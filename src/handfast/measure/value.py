"""What a handoff is worth before anybody works on it: the chance that one like it comes to a meeting.

Alike are handoffs with the same next step and the same twenty points of fit. The rate of each kind is drawn towards that of its step, and
that towards the rate of all, each as if `AS_IF` handoffs had been seen there: the posterior mean under a beta prior (Gelman et al.,
*Bayesian Data Analysis*, 3rd ed., ch. 2). So a kind of which little is known is worth about what its step is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

#: A handoff counts once it is so old, by whether its first meeting was set within this time.
WINDOW: Final = timedelta(days=14)
BAND: Final = 20
AS_IF: Final = 10
#: With fewer handoffs whose end is known nothing is said of any.
MINIMUM: Final = 30


@dataclass(frozen=True, slots=True)
class Worth:
    """The chance of a meeting by kind. `seen`: how many handoffs it rests on."""

    by_kind: Mapping[tuple[str, int], float]
    by_step: Mapping[str, float]
    of_all: float
    seen: int

    def of(self, step: str, fit: int) -> float:
        """The chance for a handoff with this next step and these points of fit, 0 to 1."""
        return self.by_kind.get((step, fit // BAND), self.by_step.get(step, self.of_all))


def worth(found: Sequence[tuple[str, int, int, int]]) -> Worth | None:
    """From (next step, band of fit, handoffs, of them with a meeting); None where too few ends are known."""
    seen, met = sum(n for _, _, n, _ in found), sum(hits for *_, hits in found)
    if seen < MINIMUM:
        return None
    of_all = met / seen
    steps: dict[str, tuple[int, int]] = {}
    for step, _, n, hits in found:
        before = steps.get(step, (0, 0))
        steps[step] = before[0] + n, before[1] + hits
    by_step = {step: (hits + AS_IF * of_all) / (n + AS_IF) for step, (n, hits) in steps.items()}
    by_kind = {(step, band): (hits + AS_IF * by_step[step]) / (n + AS_IF) for step, band, n, hits in found}
    return Worth(by_kind, by_step, of_all, seen)


__all__ = ["AS_IF", "BAND", "MINIMUM", "WINDOW", "Worth", "worth"]

"""A business refusal: nothing broke, but what was asked for may not be done now."""

from __future__ import annotations

from handfast.problem import Problem


class Refused(Exception):
    """Carries the Problem that says what is wrong and what to do instead. HTTP shows it as 409, the CLI as exit code 1."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem

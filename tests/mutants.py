"""Make small changes to a solution, one at a time, by cosmic-ray's operators."""

from __future__ import annotations

from collections.abc import Iterator

from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

# These two need to be told variable names; renaming a variable rarely models a slip.
_LEFT_OUT = {"VariableReplacer", "VariableInserter"}


def mutants(source: str) -> Iterator[str]:
    """Yield every variant of ``source`` with one operator, number or keyword replaced."""
    provider = OperatorProvider()
    seen = {source}
    for name in provider:
        if name in _LEFT_OUT:
            continue
        occurrence = 0
        while (mutant := mutate_code(source, provider[name](), occurrence)) is not None:
            occurrence += 1
            if mutant not in seen:
                seen.add(mutant)
                yield mutant

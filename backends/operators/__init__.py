"""Which operators a model is made of, and where each of them runs on a path."""

from backends.operators.placement import Evidence, OperatorPlacement, Where

__all__ = ["Evidence", "OperatorPlacement", "Where"]

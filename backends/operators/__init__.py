"""Which operators a model is made of, and where each of them runs on a path."""

from backends.operators.placement import Evidence, OperatorPlacement, Place, Where, place_nodes

__all__ = ["Evidence", "OperatorPlacement", "Place", "Where", "place_nodes"]

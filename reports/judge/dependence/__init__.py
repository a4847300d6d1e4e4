"""What is lost without the controlled chips, and how much of a gap is silicon, precision or software."""

from reports.judge.dependence.decompose import Factors, Term, difference, factors
from reports.judge.dependence.loss import Candidate, Loss, World, energy_loss, throughput_loss
from reports.judge.dependence.match import Match, devices_to_match
from reports.judge.dependence.study import Study, dependence

__all__ = [
    "Candidate",
    "Factors",
    "Loss",
    "Match",
    "Study",
    "Term",
    "World",
    "dependence",
    "devices_to_match",
    "difference",
    "energy_loss",
    "factors",
    "throughput_loss",
]

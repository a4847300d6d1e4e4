"""What a report concludes of its bundles, computed once and handed to every format."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from reports.judge.comparison.comparison import Comparison, Group
from reports.judge.dependence.study import Study, dependence
from reports.judge.projection.projection import Projection, project


@dataclass(frozen=True)
class GroupJudgement:
    """One group of targets that did identical work, and what follows from their figures.

    Each conclusion is computed when it is first read, and then held.
    """

    group: Group
    comparison: Comparison

    @cached_property
    def study(self) -> Study:
        """The dependence study of the group."""
        return dependence(self.group, self.comparison)

    @cached_property
    def projection(self) -> Projection | None:
        """The group's model and workload on the chips the user asked for; None if they asked for none."""
        asked = self.comparison.project_on
        if not asked:
            return None
        first, *others = self.group.bundles
        return project(asked, bundle=first, more_bundles=others, overlay=self.comparison.chips_file)


@dataclass(frozen=True)
class Judgement:
    """A whole report as numbers: the comparison, and one judgement a group, in the same order."""

    comparison: Comparison
    groups: tuple[GroupJudgement, ...]


def judge(comparison: Comparison) -> Judgement:
    """Judge every group of ``comparison``."""
    return Judgement(comparison, tuple(GroupJudgement(group, comparison) for group in comparison.groups))

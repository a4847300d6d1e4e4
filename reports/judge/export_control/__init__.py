"""Export-control classification: rules as data, exact figures, three-valued answers, by date and destination."""

from reports.judge.export_control.classification import Classification, Comparison, Finding, Listing
from reports.judge.export_control.engine import Period, classify, timeline
from reports.judge.export_control.subject import Numbers

__all__ = [
    "Classification",
    "Comparison",
    "Finding",
    "Listing",
    "Numbers",
    "Period",
    "classify",
    "timeline",
]

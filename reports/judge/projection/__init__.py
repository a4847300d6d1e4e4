"""What the measured work would do on chips that are not here, and how well such projections have held.

:func:`project` answers for any chips of the catalogue; :func:`track_record` says how far the same model was off on
results it was not fitted to. A projection never stands among measured figures.
"""

from reports.judge.projection.projection import MODEL_VERSION, ChipProjection, Projected, Projection, project
from reports.judge.projection.track_record import TrackRecord, track_record

__all__ = [
    "MODEL_VERSION", "ChipProjection", "Projected", "Projection", "TrackRecord", "project", "track_record",
]  # fmt: skip

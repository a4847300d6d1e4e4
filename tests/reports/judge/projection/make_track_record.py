"""Make ``reports/judge/projection/data/track_record.json`` anew, after data or model have changed."""

from pathlib import Path

import msgspec

from reports.judge.projection import data
from reports.judge.projection.track_record import make_track_record

if __name__ == "__main__":
    path = Path(data.__file__).with_name("track_record.json")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(make_track_record()), indent=1) + b"\n")

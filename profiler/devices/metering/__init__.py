"""What meters share: counters, streams of readings, and the faults of both."""

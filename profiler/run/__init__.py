"""One run: planned, executed in worker processes, repeated until precise, checked for parity."""

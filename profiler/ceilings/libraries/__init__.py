"""Libraries that multiply matrices and read memory on the processor, one a file."""

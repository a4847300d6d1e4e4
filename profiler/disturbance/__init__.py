"""What spoils a repetition, on the host and on the device, and whether a run can carry a conclusion."""

"""Hardware that can be read: one vendor a folder or file, each with its tool, meter, monitor and checks."""

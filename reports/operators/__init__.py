"""Which operators each path of a report runs, and how much of the work lies outside its accelerator."""

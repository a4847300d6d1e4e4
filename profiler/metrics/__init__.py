"""The figures of a target, one class a metric, each with its unit and definition."""

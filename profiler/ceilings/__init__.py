"""What a device can do at best, measured in the same run by the fastest library at hand."""

"""What readers of vendors' command-line tools share."""

"""What a backend is, how targets are named, and what every engine receives and returns."""

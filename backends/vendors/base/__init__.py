"""What vendor paths share: one decoder layer and the head, compiled, simulated and placed."""

"""The gate for CI: runs against a baseline and a budget, judged so that a noisy machine does not turn a commit red."""

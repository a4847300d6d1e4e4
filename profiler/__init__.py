"""The middle floor: plans a run, isolates each target in its own process, meters it, and stores what came out.

It knows hardware and statistics, drives backends through their contract, and writes run bundles. Judging them is the
business of ``reports``.
"""

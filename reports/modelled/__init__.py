"""What vendors' compilers and simulators say of chips that are not here: in words, in tables, and as plain values.

Nothing in it was run, so it stands in blocks and panels of its own and takes part in no conclusion.
"""

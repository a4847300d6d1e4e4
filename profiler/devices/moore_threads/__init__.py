"""Moore Threads boards, through ``mthreads-gmi`` and MTML."""

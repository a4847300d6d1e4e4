"""The ground floor: the contract of a backend, and one engine a file.

A backend loads a Qwen model, runs token ids through it and says when each token came out. It knows nothing of metering,
bundles or reports, and imports its engine only inside the worker, so that listing backends needs no engine at all.
"""

"""PyTorch on an accelerator: static KV cache, the whole decode step as one graph, tokens timed by the device.

``kinds`` says which device types there are, ``discovery`` what is here; ``decoder``, ``linears`` and ``attention`` are
the network; ``steps`` makes replayable graphs of it; ``runner`` generates and scores; ``backend`` fulfils the contract.
"""

"""The part of torch.nn that is looked at on import."""

from typing import Any, NoReturn


class Module:
    """A base class to derive from; making one is refused."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        raise NotImplementedError("torch.nn.Module: PyTorch is not in this environment, only chipassay's stand-in")


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotImplementedError(f"torch.nn.{name}: PyTorch is not in this environment, only chipassay's stand-in")

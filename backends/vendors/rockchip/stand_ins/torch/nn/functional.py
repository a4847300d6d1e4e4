"""Nothing of torch.nn.functional is here."""

from typing import NoReturn


def __getattr__(name: str) -> NoReturn:
    if name.startswith("__"):
        raise AttributeError(name)
    raise NotImplementedError(f"torch.nn.functional.{name}: PyTorch is not in this environment, only a stand-in")

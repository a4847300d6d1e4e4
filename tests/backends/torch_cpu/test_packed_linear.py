"""A packed layer computes what the plain layer computes."""

import pytest
import torch
from torch import nn

from backends.contract.backend import Execution
from backends.qwen.synthetic import synthetic_model
from backends.torch_cpu.backend import TorchCpu
from backends.torch_cpu.packed_linear import PackedLinear, can_pack, pack_linears
from tests.backends.conftest import quiet


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(48,), (1, 48), (5, 48), (2, 3, 48)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_it_equals_the_plain_layer(bias, shape, dtype, tolerance):
    if not can_pack(dtype):
        pytest.skip(f"oneDNN packs no {dtype} on this processor")
    torch.manual_seed(1)
    plain = nn.Linear(48, 32, bias=bias).to(dtype).requires_grad_(False)
    x = torch.randn(shape, dtype=dtype)
    packed = PackedLinear(plain.weight, plain.bias)(x)
    assert packed.shape == plain(x).shape
    torch.testing.assert_close(packed, plain(x), rtol=tolerance, atol=tolerance)


def test_every_linear_layer_is_replaced_however_deep():
    assert can_pack(torch.float32)
    network = nn.Sequential(nn.Linear(8, 8), nn.ModuleDict({"inner": nn.Sequential(nn.ReLU(), nn.Linear(8, 4))}))
    pack_linears(network.requires_grad_(False))
    kinds = [type(module) for module in network.modules()]
    assert kinds.count(PackedLinear) == 2
    assert nn.Linear not in kinds


def test_a_processor_that_cannot_pack_bfloat16_keeps_plain_layers(monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    assert not can_pack(torch.bfloat16)
    assert can_pack(torch.float32)


def test_the_backend_then_computes_with_plain_layers_and_says_so(make_spec, monkeypatch):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    facts = TorchCpu().load(Execution(synthetic_model(make_spec()), "bfloat16", 1, 1, 8), quiet)
    assert facts.details["linear"] == "torch.nn.functional.linear"
    assert facts.arithmetic == "bfloat16"

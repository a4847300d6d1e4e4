"""Running portable graphs on ONNX Runtime, step by step, as a host with the cache in its own hands would."""

import numpy as np
import onnxruntime
import pytest

from backends.portable.attention import rotary_tables
from backends.portable.export import LOWEST, Form, build_graph, save_graph
from backends.portable.rewrites import apply_rewrites


def is_state(name):
    return name.endswith((".conv", ".recurrent"))


class Session:
    """A graph on ONNX Runtime: arrays by name in and out."""

    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def __call__(self, **inputs):
        names = [out.name for out in self.session.get_outputs()]
        return dict(zip(names, self.session.run(None, inputs), strict=True))


@pytest.fixture
def session_of(tmp_path):
    """Builds, rewrites, saves and opens the graph of a form."""

    def make(model, form, rewrites=()):
        graph = build_graph(model, form)
        changed = apply_rewrites(graph, rewrites)
        path = tmp_path / f"{form.name}-{form.cache}-{'-'.join(rewrites)}.onnx"
        save_graph(graph, path)
        session = Session(path)
        session.path, session.changed = path, changed
        return session

    return make


@pytest.fixture
def logits_of(session_of):
    """Teacher-forced logits at every output position by prefill and decode graphs, for one kind of cache."""

    def run(model, workload, tokens, cache="rows", rewrites=()):
        spec, prompt, batch = model.spec, workload.prompt_tokens, workload.batch
        room = workload.total_tokens
        prefill = session_of(model, Form("prefill", "whole", prompt, room, batch, cache), rewrites)
        decode = session_of(model, Form("decode", "whole", 1, room, batch, cache), rewrites)
        out = prefill(input_ids=np.asarray(workload.prompt_ids))
        logits = [out["logits"]]
        past = {}
        for name, value in out.items():
            if is_state(name):
                past[name.replace("present", "past")] = value
            elif name != "logits":
                whole = np.zeros((batch, spec.kv_heads, room, spec.head_dim), np.float32)
                whole[:, :, : value.shape[2]] = value
                past[name.replace("present", "past")] = whole
        for step in range(workload.output_tokens - 1):
            at = prompt + step
            cos, sin = rotary_tables(spec, np.asarray([at]))
            mask = np.full((1, 1, 1, room + (cache == "rows")), LOWEST, np.float32)
            mask[..., :at] = 0
            inputs = {"input_ids": tokens[:, step : step + 1], "cos": cos, "sin": sin, "mask": mask, **past}
            if cache == "rows":
                mask[..., -1] = 0
            else:
                mask[..., at] = 0
                inputs["slot"] = (np.arange(room) == at)[None, None, :, None]
            out = decode(**inputs)
            logits.append(out["logits"])
            for name, value in out.items():
                if name == "logits":
                    continue
                if cache == "rows" and not is_state(name):
                    past[name.replace("present", "past")][:, :, at] = value[:, :, 0]
                else:
                    past[name.replace("present", "past")] = value
        return np.concatenate(logits, axis=1)

    return run

"""Run by the stand-in inside the rehearsed process: what CANN would compile is computed by ONNX Runtime on the CPU."""

import ctypes
import traceback

import numpy as np
import onnxruntime


class Dims(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char * 128), ("count", ctypes.c_size_t), ("dims", ctypes.c_int64 * 128)]


class Model(ctypes.Structure):
    _fields_ = [
        ("inputs", ctypes.c_int),
        ("input_bytes", ctypes.c_size_t * 128),
        ("outputs", ctypes.c_int),
        ("output_bytes", ctypes.c_size_t * 128),
        ("output_dims", Dims * 128),
    ]


KINDS = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
sessions = {}


def told(function):
    def call(*arguments):
        try:
            function(*arguments)
            return 0
        except Exception:  # noqa: BLE001 - told to the stand-in as a status
            traceback.print_exc()
            return 1

    return call


def array(where, node):
    kind = np.dtype(KINDS[node.type])
    size = int(np.prod(node.shape)) * kind.itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(where), kind).reshape(node.shape)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(Model))
@told
def load(number, where, size, model):
    session = onnxruntime.InferenceSession(ctypes.string_at(where, size), providers=["CPUExecutionProvider"])
    sessions[number] = session
    told_model = model.contents
    for what, nodes in (("input", session.get_inputs()), ("output", session.get_outputs())):
        setattr(told_model, f"{what}s", len(nodes))
        for index, node in enumerate(nodes):
            bytes_of = np.dtype(KINDS[node.type]).itemsize * int(np.prod(node.shape))
            getattr(told_model, f"{what}_bytes")[index] = bytes_of
            if what == "output":
                told_model.output_dims[index].count = len(node.shape)
                for axis, length in enumerate(node.shape):
                    told_model.output_dims[index].dims[axis] = length


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_void_p))
@told
def run(number, inputs, outputs):
    session = sessions[number]
    given = {node.name: array(inputs[index], node) for index, node in enumerate(session.get_inputs())}
    for index, (node, found) in enumerate(zip(session.get_outputs(), session.run(None, given), strict=True)):
        array(outputs[index], node)[...] = found


ctypes.CDLL("libascendcl.so").stand_in_register(load, run)

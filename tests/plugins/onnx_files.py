"""Small ONNX files, for the tests of the extractor onnx."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NORMAL = {"mean": [10, 20, 30], "std": [2, 4, 5]}


def own_model(folder, layout="nchw", batch="n", size=(8, 8), kind=TensorProto.FLOAT, second=False, records=()):
    """Writes a model that gives the mean of each channel, after a matrix that tells channels apart."""
    shape = [batch, 3, *size] if layout == "nchw" else [batch, *size, 3]
    nodes = []
    value = "x"
    if kind != TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", [value], ["floats"], to=TensorProto.FLOAT))
        value = "floats"
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", [value], ["channels"], perm=[0, 3, 1, 2]))
        value = "channels"
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    nodes.append(helper.make_node("MatMul", ["flat", "matrix"], ["descriptor"]))
    outputs = [helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, [batch, 4])]
    if second:
        outputs.append(helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [batch, 3, 1, 1]))
        outputs.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
        nodes.append(helper.make_node("Identity", [value], ["map"]))
        outputs[-1] = helper.make_tensor_value_info("map", TensorProto.FLOAT, None)
    matrix = numpy_helper.from_array(np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]], np.float32), "matrix")
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", kind, shape)], outputs, [matrix])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(model, dict(records))
    onnx.save(model, folder / "my.onnx")

"""The files that the extractor onnx writes are those of ONNX's own package."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from seealso_onnx import onnx_file


def test_a_file_is_what_the_package_makes_of_it():
    rng = np.random.default_rng(0)
    arrays = {
        "weight": rng.normal(size=(5, 3, 3, 3)).astype(np.float32),
        "bias": rng.normal(size=5).astype(np.float32),
        "many": rng.normal(size=(1, 5, 1, 300)).astype(np.float32),
        "six": np.float32(6),
        "none": np.empty((0, 4), np.float32),
    }
    nodes = [
        (
            "Conv",
            ["x", "weight", "bias"],
            "a",
            {"group": 1, "kernel_shape": [3, 3], "pads": [1] * 4, "strides": [2, 2]},
        ),
        ("Clip", ["a", "", "six"], "b", {}),
        ("Transpose", ["b"], "größe", {"perm": [0, 3, 1, 2]}),
        ("Cast", ["größe"], "y", {"to": onnx_file.UINT8}),
    ]
    written = onnx_file.model(
        "a graph",
        [onnx_file.node(*each) for each in nodes],
        [onnx_file.tensor(name, array) for name, array in arrays.items()],
        [onnx_file.value("x", onnx_file.FLOAT, ["n", 3, 16384, "width"])],
        [onnx_file.value("y", onnx_file.UINT8, [])],
        ir_version=8,
        opset=17,
    )
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, [output], **has) for operator, inputs, output, has in nodes],
        "a graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16384, "width"])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    assert onnx.load_from_string(written) == helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )

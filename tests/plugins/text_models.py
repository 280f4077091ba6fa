"""A small pair of models, made by hand: what turns an image into its mean colour, and what turns the names of colours into these."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY = ["[UNK]", "[PAD]", "<s>", "</s>", "red", "green", "blue", "a", "photo", "of"]
"""The words that the tokenizer knows, by their numbers."""

DIRECTIONS = {"red": [1, 0, 0], "green": [0, 1, 0], "blue": [0, 0, 1]}
"""Where the model puts them; all others are near nothing."""

COLOURS = {"red": (250, 5, 10), "green": (5, 200, 5), "blue": (0, 10, 240), "purple": (120, 0, 120)}
"""Of images, for tests that look for them."""


def write_tokenizer(folder: Path, **changed) -> Path:
    """Write ``tokenizer.json``: words between ``<s>`` and ``</s>``. Parts of it may be ``changed``."""
    parts = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {
                token: {"id": token, "ids": [VOCABULARY.index(token)], "tokens": [token]} for token in ("<s>", "</s>")
            },
        },
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {word: number for number, word in enumerate(VOCABULARY)},
            "unk_token": "[UNK]",
        },
    }
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(parts | changed))
    return path


def padding(length: int | None, direction: str = "Right") -> dict[str, object]:
    """What a tokenizer says of filling up; ``length`` None: as long as the longest."""
    strategy = "BatchLongest" if length is None else {"Fixed": length}
    return {
        "strategy": strategy,
        "direction": direction,
        "pad_to_multiple_of": None,
        "pad_id": 1,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }


def write_text_model(
    folder: Path,
    inputs: tuple[str, ...] = ("input_ids", "attention_mask"),
    kind: int = TensorProto.INT64,
    shape: tuple[object, ...] = ("b", "n"),
    dim: int = 3,
    output: int = TensorProto.FLOAT,
    second: bool = False,
    scale: float = 7,
    name: str = "text.onnx",
) -> Path:
    """Write a model that adds up the directions of the tokens; what fills up counts where nothing says that it does not."""
    table = np.full((len(VOCABULARY), dim), 0.001, np.float32)
    table[VOCABULARY.index("[PAD]")] = 100
    for word, direction in DIRECTIONS.items():
        table[VOCABULARY.index(word), :3] = np.array(direction)[: dim if dim < 3 else 3]
    with np.errstate(over="ignore"):
        constants = [numpy_helper.from_array(table * np.float32(scale), "table")]
    nodes = [helper.make_node("Gather", ["table", inputs[0]], ["embedded"])]
    value = "embedded"
    if "attention_mask" in inputs[1:]:
        constants.append(numpy_helper.from_array(np.array([2], np.int64), "last"))
        nodes += [
            helper.make_node("Cast", ["attention_mask"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["floats", "last"], ["mask"]),
            helper.make_node("Mul", ["embedded", "mask"], ["counted"]),
        ]
        value = "counted"
    constants.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    nodes.append(helper.make_node("ReduceSum", [value, "axis"], ["sum"], keepdims=0))
    nodes.append(helper.make_node("Cast", ["sum"], ["text_embeds"], to=output))
    outputs = [helper.make_tensor_value_info("text_embeds", output, [shape[0], dim])]
    if second:
        nodes.append(helper.make_node("Identity", [value], ["last_hidden_state"]))
        outputs.append(helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, None))
    taken = [helper.make_tensor_value_info(each, kind, shape) for each in inputs]
    graph = helper.make_graph(nodes, "text", taken, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / name
    onnx.save(model, path)
    return path


def write_image_model(folder: Path) -> Path:
    """Write ``image.onnx``: the mean of each channel of 8 × 8 pixels."""
    nodes = [
        helper.make_node("Cast", ["x"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats"], ["descriptor"], axes=[1, 2], keepdims=0),
    ]
    outputs = [helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, ["n", 3])]
    taken = [helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", 8, 8, 3])]
    graph = helper.make_graph(nodes, "image", taken, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "image.onnx"
    onnx.save(model, path)
    return path

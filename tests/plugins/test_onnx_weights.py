"""Weight files of PyTorch's legacy layout: the one of the built-in model, and what strangers may make of the format."""

import hashlib
import os
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

import seealso
from seealso_onnx import efficientnet_lite, legacy

LITE0 = efficientnet_lite.NETWORKS["efficientnet-lite0"]


def test_all_tensors_are_read():
    data = efficientnet_lite.weight_file(LITE0).read_bytes()
    tensors = legacy.read_legacy_weights(data, LITE0.sha256)
    assert len(tensors) == 296
    assert sum(each.size for each in tensors.values() if each.dtype == np.float32) > 4_600_000
    assert next(iter(tensors.values())).shape == (32, 3, 3, 3)
    # As `torch.load(..., weights_only=True)` reads it: names, types, shapes and values.
    whole = hashlib.sha256()
    for name, values in tensors.items():
        whole.update(f"{name} {values.dtype.str} {values.shape}".encode() + values.tobytes())
    assert whole.hexdigest() == "5cd1277bb2fa700432e06715d2cd971cdb459ad8db4dad7c2da41bec008d9700"
    with pytest.raises(seealso.PluginError, match="SHA-256 is"):
        legacy.read_legacy_weights(data + b"\0", LITE0.sha256)


class Reduce:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def legacy_file(state: object, keys: object = (), storages: bytes = b"") -> bytes:
    parts = [legacy.MAGIC, legacy.PROTOCOL, {"little_endian": True}, state, list(keys)]
    return b"".join(pickle.dumps(part, protocol=2) for part in parts) + storages


def tensor_file(pid=None, **changes) -> bytes:
    """A weight file with one tensor, opcode by opcode, for nothing of PyTorch is installed here."""
    pid = pid or ("storage", "0", "cpu", 6, None)
    kind, key, device, length, view = pid
    values = {"offset": 0, "shape": (2, 3), "stride": (3, 1)} | {
        name: changes.pop(name) for name in ("offset", "shape", "stride") if name in changes
    }
    dump = lambda value: pickle.dumps(value, protocol=2)[2:-1]  # noqa: E731 - without its header and its end
    body = b"\x80\x02ccollections\nOrderedDict\n)R("
    body += dump("w") + changes.pop("rebuild", b"ctorch._utils\n_rebuild_tensor_v2\n")
    body += b"((" + dump(kind) + changes.pop("storage", b"ctorch\nFloatStorage\n")
    body += dump(key) + dump(device) + dump(length) + dump(view) + b"tQ"
    body += dump(values["offset"]) + dump(values["shape"]) + dump(values["stride"]) + b"\x89"
    body += b"ccollections\nOrderedDict\n)RtRu."
    head = b"".join(pickle.dumps(part, protocol=2) for part in (legacy.MAGIC, legacy.PROTOCOL, {}))
    content = changes.pop("content", struct.pack("<q6f", 6, *range(6)))
    assert not changes
    return head + body + pickle.dumps(["0"], protocol=2) + content


def test_a_small_weight_file():
    assert legacy.read_tensors(tensor_file())["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    transposed = legacy.read_tensors(tensor_file(shape=(3, 2), stride=(1, 3)))
    assert transposed["w"].tolist() == [[0, 3], [1, 4], [2, 5]]
    part = legacy.read_tensors(tensor_file(offset=4, shape=(2,), stride=(1,)))
    assert part["w"].tolist() == [4, 5]


@pytest.mark.parametrize(
    "changes",
    [
        {"offset": 1},
        {"offset": -1},
        {"shape": (3, 3)},
        {"shape": (1 << 40, 1 << 40), "stride": (0, 0)},
        {"shape": (2, -3)},
        {"stride": (4, 1)},
        {"stride": (-3, 1)},
        {"stride": (3,)},
        {"shape": "ab"},
        {"rebuild": b"ctorch._utils\n_rebuild_qtensor\n"},
        {"storage": b"ctorch\nQInt8Storage\n"},
        {"storage": b"cos\nsystem\n"},
        {"pid": ("module", "0", "cpu", 6, None)},
        {"pid": ("storage", "0", "cpu", -6, None)},
        {"pid": ("storage", "0", "cpu", 1 << 60, None)},
        {"pid": ("storage", 0, "cpu", 6, None)},
        {"pid": ("storage", "1", "cpu", 6, None)},
        {"pid": ("storage", "0", "cpu", 6, ("0", 0, 6))},
        {"content": b""},
        {"content": struct.pack("<q", 6)},
        {"content": struct.pack("<q5f", 6, *range(5))},
        {"content": struct.pack("<q6f", 7, *range(6))},
        {"content": struct.pack("<q6f", -1, *range(6))},
    ],
)
def test_a_weight_file_that_lies_is_refused(changes):
    with pytest.raises(seealso.PluginError, match="the weight file cannot be read"):
        legacy.read_tensors(tensor_file(**changes))


@pytest.mark.parametrize("function", [os.system, eval, print, getattr, pickle.loads, open, np.load])
def test_code_in_a_weight_file_does_not_run(function, tmp_path):
    marker = tmp_path / "ran"
    argument = {os.system: f"touch {marker}", eval: f"open({str(marker)!r}, 'w')", open: str(marker)}.get(function, "x")
    extra = ("w",) if function is open else ()
    for state in (Reduce(function, argument, *extra), OrderedDict(w=Reduce(function, argument, *extra))):
        with pytest.raises(seealso.PluginError, match="is not allowed in a weight file"):
            legacy.read_tensors(legacy_file(state))
    assert not marker.exists()


@pytest.mark.parametrize("state", [[], None, 5, OrderedDict(w=5), OrderedDict({3: 4})])
def test_what_holds_no_tensors_is_refused(state):
    with pytest.raises(seealso.PluginError, match="the weight file cannot be read"):
        legacy.read_tensors(legacy_file(state))


def test_a_truncated_weight_file_is_refused():
    data = efficientnet_lite.weight_file(LITE0).read_bytes()
    for length in (0, 1, 50, 1000, 20_000, len(data) // 2, len(data) - 1):
        with pytest.raises(seealso.PluginError, match="the weight file cannot be read"):
            legacy.read_tensors(data[:length])
    with pytest.raises(seealso.PluginError):
        legacy.read_tensors(b"PK\x03\x04" + data)


# What BUILD, memo numbers and references can do to a careless reader


def dumped(value: object) -> bytes:
    return pickle.dumps(value, protocol=2)[2:-1]


def reference(kind: bytes = b"FloatStorage", length: object = 6) -> bytes:
    return (
        b"("
        + dumped("storage")
        + b"ctorch\n"
        + kind
        + b"\n"
        + b"".join(map(dumped, ("0", "cpu", length, None)))
        + b"tQ"
    )


def tensor(storage: bytes, count: int = 6) -> bytes:
    arguments = dumped(0) + dumped((count,)) + dumped((1,))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + arguments + b"\x89ccollections\nOrderedDict\n)RtR"


def table(**tensors: bytes) -> bytes:
    items = b"".join(dumped(name) + code for name, code in tensors.items())
    return b"ccollections\nOrderedDict\n)R(" + items + b"u"


def file_of(state: bytes, keys: object = ("0",)) -> bytes:
    head = b"".join(pickle.dumps(part, protocol=2) for part in (legacy.MAGIC, legacy.PROTOCOL, {}))
    content = struct.pack("<q6f", 6, *range(6))
    return head + b"\x80\x02" + state + b"." + pickle.dumps(list(keys), protocol=2) + content


HUGE = 10**9


def test_a_file_put_together_by_hand():
    found = legacy.read_tensors(file_of(table(a=tensor(reference()), b=tensor(reference(), 2))))
    assert {name: values.tolist() for name, values in found.items()} == {"a": [0, 1, 2, 3, 4, 5], "b": [0, 1]}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        # One storage with two lengths: a tensor checked against the longer would be read from the shorter.
        (table(a=tensor(reference(length=HUGE), HUGE), b=tensor(reference())), "described in two ways"),
        (table(a=tensor(reference()), b=tensor(reference(b"LongStorage"))), "described in two ways"),
        # Fields changed after they were checked.
        (table(a=tensor(reference()) + b"}" + dumped("shape") + dumped((HUGE,)) + b"sb"), "__dict__"),
        (table(a=tensor(reference() + b"}" + dumped("length") + dumped(HUGE) + b"sb")), "__dict__"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n}" + dumped("a") + b"Nsb", "__dict__"),
        # A table of remembered objects of some gigabytes.
        (b"Nr\xff\xff\xff\x7f0" + table(a=tensor(reference())), "object number 2147483647"),
        # Instructions that no such file needs.
        (b"(S'x'\nios\nsystem\n", "the instruction STRING is not allowed"),
        (b"(ios\nsystem\n", "the instruction INST is not allowed"),
        (b"ccollections\nOrderedDict\n)\x81", "the instruction NEWOBJ is not allowed"),
        # References that are not to storages.
        (table(a=tensor(b"NQ")), "a reference that is not to a storage"),
        (table(a=tensor(dumped(("storage", "0")) + b"Q")), "a reference that is not to a storage"),
        (table(a=tensor(reference(length=HUGE), HUGE)), "another length"),
    ],
)
def test_a_weight_file_made_to_mislead_is_refused(state, expected):
    with pytest.raises(seealso.PluginError, match=f"the weight file cannot be read: .*{expected}"):
        legacy.read_tensors(file_of(state))
    # Nothing of it stays behind.
    assert legacy.read_tensors(file_of(table(a=tensor(reference()))))["a"].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("keys", [(), ("0", "0"), ("0", "1"), (0,), ([],)])
def test_storages_have_to_be_those_of_the_tensors(keys):
    with pytest.raises(seealso.PluginError, match="the weight file cannot be read"):
        legacy.read_tensors(file_of(table(a=tensor(reference())), keys))

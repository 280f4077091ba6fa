"""A strict reader of PyTorch's legacy weight files (the layout before the zip archives of 1.6).

Such a file is four pickles (a magic number, a protocol version, facts of the machine, the state), a fifth with the keys of
the storages, and then for each storage its length and its bytes. A pickle can make a careless reader run anything; this one
knows tensors, storages and the dictionary that holds them, and refuses every other name and every instruction that such
a file has no need of. What it makes of them are tuples of its own, which nothing in the file can alter afterwards.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
import pickletools
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from seealso import PluginError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES: dict[str, np.dtype] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

# fmt: off
INSTRUCTIONS = frozenset([
    "PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE",
    "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM",
    "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "GLOBAL", "REDUCE", "BUILD", "BINPERSID",
])
# fmt: on
"""The pickle instructions that torch writes; others have no place in such a file."""


# Tuples, and callables without attributes: the instruction BUILD could change the fields of an ordinary object, and so
# make a tensor longer after it was checked.


class _StorageType(NamedTuple):
    dtype: np.dtype


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class _NewDictionary:
    __slots__ = ()

    def __call__(self) -> OrderedDict[Any, Any]:
        return OrderedDict()


class _DescribeTensor:
    __slots__ = ()

    def __call__(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: object) -> _Tensor:
        if not isinstance(storage, _Storage) or not isinstance(shape, tuple) or not isinstance(stride, tuple):
            raise pickle.UnpicklingError("a tensor that is none")
        if not all(isinstance(n, int) and n >= 0 for n in (offset, *shape, *stride)):
            raise pickle.UnpicklingError("a tensor whose offset, shape or strides are no sizes")
        return _Tensor(storage, offset, shape, stride)


def read_legacy_weights(data: bytes, sha256: str) -> dict[str, np.ndarray]:
    """The tensors of a legacy weight file by name, in their order.

    Args:
        data: the file's bytes.
        sha256: what their SHA-256 has to be, hexadecimal; looked at before anything else.

    Raises:
        PluginError: they are another file's, or not of that layout.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise PluginError(f"the weight file's SHA-256 is {found}, not {sha256}: it is damaged, or another file")
    return read_tensors(data)


def read_tensors(data: bytes) -> dict[str, np.ndarray]:
    """The same, without a look at the checksum.

    Raises:
        PluginError: the file is not of the layout, or holds anything but tensors.
    """
    file = io.BytesIO(data)
    try:
        if _load(file) != MAGIC or _load(file) != PROTOCOL:
            raise pickle.UnpicklingError("not a legacy weight file")
        _load(file)
        tensors = _checked(_load(file))
        storages = _read_storages(tensors, _load(file), file)
        return {name: _view(tensor, storages[tensor.storage.key]) for name, tensor in tensors.items()}
    except Exception as error:
        raise PluginError(f"the weight file cannot be read: {' '.join(str(error).split())}") from error


def _load(file: io.BytesIO) -> Any:
    """The next pickle of the file, looked through before it is followed."""
    start = file.tell()
    for instruction, argument, _ in pickletools.genops(file):
        if instruction.name not in INSTRUCTIONS:
            raise pickle.UnpicklingError(f"the instruction {instruction.name} is not allowed in a weight file")
        # The table of remembered objects is made as long as the highest number that is used.
        if instruction.name.endswith("BINPUT") and isinstance(argument, int) and argument > file.tell() - start:
            raise pickle.UnpicklingError(f"object number {argument} in a file that has not so many")
    file.seek(start)
    return _Unpickler(file).load()


class _Unpickler(pickle.Unpickler):
    """Admits tensors and their containers, as inert descriptions of ours."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return _NewDictionary()
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _DescribeTensor()
        if module == "torch" and name in DTYPES:
            return _StorageType(DTYPES[name])
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a weight file")

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) != 6:
            raise pickle.UnpicklingError("a reference that is not to a storage")
        kind, storage_type, key, _, length, view = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType) or view is not None:
            raise pickle.UnpicklingError("an unknown kind of storage")
        if not isinstance(key, str) or not isinstance(length, int) or length < 0:
            raise pickle.UnpicklingError("a storage without a sensible key or length")
        return _Storage(key, storage_type.dtype, length)


def _checked(state: Any) -> dict[str, _Tensor]:
    if not isinstance(state, dict):
        raise pickle.UnpicklingError("it holds no table of tensors")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise pickle.UnpicklingError("its table holds something that is no tensor")
    return state


def _read_storages(tensors: dict[str, _Tensor], keys: Any, file: io.BytesIO) -> dict[str, np.ndarray]:
    wanted: dict[str, _Storage] = {}
    for tensor in tensors.values():
        if wanted.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise pickle.UnpicklingError(f"storage {tensor.storage.key} is described in two ways")
    if not isinstance(keys, list) or sorted(keys) != sorted(wanted):
        raise pickle.UnpicklingError("its storages are not those of its tensors")
    return {key: _read_storage(wanted[key], file) for key in keys}


def _read_storage(storage: _Storage, file: io.BytesIO) -> np.ndarray:
    if int.from_bytes(file.read(8), "little", signed=True) != storage.length:
        raise pickle.UnpicklingError(f"storage {storage.key} has another length than its tensors say")
    size = storage.length * storage.dtype.itemsize
    if size > len(file.getbuffer()) - file.tell():
        raise pickle.UnpicklingError(f"the file ends within storage {storage.key}")
    return np.frombuffer(file.read(size), storage.dtype)


def _view(tensor: _Tensor, values: np.ndarray) -> np.ndarray:
    shape, stride = tensor.shape, tensor.stride
    if len(shape) != len(stride):
        raise pickle.UnpicklingError("a tensor whose shape and strides do not fit together")
    last = tensor.offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True))
    if min(shape, default=1) < 1 or last >= values.size or math.prod(shape) > values.size:
        raise pickle.UnpicklingError("a tensor beyond the end of its storage")
    steps = tuple(step * values.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], shape, steps, writeable=False)

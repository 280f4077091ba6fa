"""A strict reader of PyTorch's legacy weight files (the layout before the zip archives of 1.6).

Such a file is four pickles (a magic number, a protocol version, facts of the machine, the state), a fifth with the keys of
the storages, and then for each storage its length and its bytes. A pickle can make a careless reader run anything; this one
knows tensors, storages and the dictionary that holds them, and refuses every other name.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seealso import PluginError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES: dict[str, np.dtype] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True)
class _StorageType:
    dtype: np.dtype


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype
    length: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


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
        if _Unpickler(file).load() != MAGIC or _Unpickler(file).load() != PROTOCOL:
            raise pickle.UnpicklingError("not a legacy weight file")
        _Unpickler(file).load()
        state = _Unpickler(file).load()
        keys = _Unpickler(file).load()
        if not isinstance(state, Mapping) or not isinstance(keys, list):
            raise pickle.UnpicklingError("it holds no table of tensors")
        return _assemble(state, _read_storages(state, keys, file))
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"the weight file cannot be read: {' '.join(str(error).split())}") from error


class _Unpickler(pickle.Unpickler):
    """Admits tensors and their containers, as inert descriptions of ours."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _describe_tensor
        if module == "torch" and name in DTYPES:
            return _StorageType(DTYPES[name])
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a weight file")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _, length, view = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType) or view is not None:
            raise pickle.UnpicklingError("an unknown kind of storage")
        if not isinstance(key, str) or not isinstance(length, int) or length < 0:
            raise pickle.UnpicklingError("a storage without a sensible key or length")
        return _Storage(key, storage_type.dtype, length)


def _describe_tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: object) -> _Tensor:
    if not isinstance(storage, _Storage) or not all(isinstance(n, int) and n >= 0 for n in (offset, *shape, *stride)):
        raise pickle.UnpicklingError("a tensor that is none")
    if len(shape) != len(stride):
        raise pickle.UnpicklingError("a tensor whose shape and strides do not fit together")
    last = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True))
    if min(shape, default=1) < 1 or last >= storage.length or math.prod(shape) > storage.length:
        raise pickle.UnpicklingError("a tensor beyond the end of its storage")
    return _Tensor(storage, offset, tuple(shape), tuple(stride))


def _read_storages(state: Mapping[Any, Any], keys: list[Any], file: io.BytesIO) -> dict[str, np.ndarray]:
    wanted = {tensor.storage.key: tensor.storage for tensor in state.values() if isinstance(tensor, _Tensor)}
    storages: dict[str, np.ndarray] = {}
    for key in keys:
        storage = wanted[key]
        length = int.from_bytes(file.read(8), "little", signed=True)
        if length != storage.length:
            raise pickle.UnpicklingError("a storage of another length than its tensors say")
        content = file.read(length * storage.dtype.itemsize)
        if len(content) != length * storage.dtype.itemsize:
            raise pickle.UnpicklingError("the file ends too early")
        storages[key] = np.frombuffer(content, storage.dtype)
    return storages


def _assemble(state: Mapping[Any, Any], storages: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    tensors = {}
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor):
            raise pickle.UnpicklingError("something that is no tensor")
        values = storages[tensor.storage.key][tensor.offset :]
        steps = tuple(step * values.itemsize for step in tensor.stride)
        # Within the storage: `_describe_tensor` has seen to that.
        tensors[name] = np.lib.stride_tricks.as_strided(values, tensor.shape, steps, writeable=False)
    return tensors

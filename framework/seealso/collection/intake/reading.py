"""From a file to what the extractor wants: read, hash, decode, prepare. Runs in worker threads."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from seealso.catalogue.rows import Annotation, FileState
from seealso.collection.intake.keywords import Annotator
from seealso.collection.intake.scan import ScannedFile, is_absent
from seealso.errors import ImageError, ImageTooLarge
from seealso.images.decoding import DecodedImage, decode_image
from seealso.images.ways import Way
from seealso.interfaces.extractor import Extractor
from seealso.interfaces.image_limits import ImageLimits
from seealso.interfaces.records import Damage

SETTLED_NS = 2_000_000_000
"""A file that changed less than this before it was read is read again next time: the clocks of file systems tick slowly
(FAT: every two seconds), so a later change could leave the very same state."""


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """An image ready for the extractor; ``width`` and ``height`` of the upright image, ``bytes`` of its file, and what is wrong with it."""

    digest: bytes
    array: np.ndarray
    width: int
    height: int
    bytes: int
    damage: Damage | None = None


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that was read.

    Attributes:
        path: which.
        state: its state when it was read; without a signature where it could not be read at all.
        digest: SHA-256 of its bytes.
        image: the image, unless its content is known already, or it failed.
        failure: why it failed.
        reached: the file was there as ``state`` says; if not, what it holds now is not known.
        vanished: it is there no more, since the scan: neither an image nor a failure.
        forgotten: its content was forgotten, and stays out.
        annotation: what the keyword sources say of it; None where it is no image.
        problems: what of theirs could not be read, one line each.
    """

    path: bytes
    state: FileState
    digest: bytes = b""
    image: PreparedImage | None = None
    failure: str = ""
    reached: bool = True
    vanished: bool = False
    forgotten: bool = False
    annotation: Annotation | None = None
    problems: tuple[str, ...] = ()


class FileReader:
    """Reads files and prepares images; its call may run in several threads at once.

    Args:
        extractor: what prepares.
        limits: on the image files.
        way: in which they are decoded.
        is_known: whether an image with this SHA-256 needs no preparing.
        annotator: says which words describe a file.
        tell_decoded: told the SHA-256, the bytes and the image, once one was prepared.
        is_forgotten: whether content with this SHA-256 stays out.
    """

    def __init__(
        self,
        extractor: Extractor,
        limits: ImageLimits,
        way: Way,
        is_known: Callable[[bytes], bool],
        annotator: Annotator,
        tell_decoded: Callable[[bytes, bytes, DecodedImage], None],
        is_forgotten: Callable[[bytes], bool],
    ) -> None:
        self._extractor = extractor
        self._limits = limits
        self._way = way
        self._is_known = is_known
        self._annotator = annotator
        self._tell_decoded = tell_decoded
        self._is_forgotten = is_forgotten

    def __call__(self, file: ScannedFile) -> ReadFile:
        """Read one file. Whatever is wrong with it is in the result; nothing is raised for it."""
        unread = FileState(b"", file.state.device)
        try:
            data, state = read_file(file.path, self._limits)
        except ImageTooLarge as error:
            return ReadFile(file.path, file.state, failure=str(error))
        except OSError as error:
            reason = f"cannot be read: {os.strerror(error.errno or 0)}"
            return ReadFile(file.path, unread, failure=reason, reached=False, vanished=is_absent(file.path))
        digest = hashlib.sha256(data).digest()
        if self._is_forgotten(digest):
            return ReadFile(file.path, state, digest, forgotten=True)
        if self._is_known(digest):
            return self._annotated(ReadFile(file.path, state, digest), data)
        try:
            decoded = decode_image(data, min_side=self._extractor.min_side, limits=self._limits, way=self._way)
            array = self._extractor.prepare(decoded.image)
        except ImageError as error:
            return ReadFile(file.path, state, digest, failure=str(error))
        except Exception as error:  # an extractor's own failure on one image must not end the run
            reason = f"{self._extractor.name}.prepare raised {type(error).__name__}: {' '.join(str(error).split())}"
            return ReadFile(file.path, unread, digest, failure=reason)
        self._tell_decoded(digest, data, decoded)
        image = PreparedImage(digest, array, decoded.width, decoded.height, len(data), decoded.damage)
        return self._annotated(ReadFile(file.path, state, digest, image), data)

    def _annotated(self, file: ReadFile, data: bytes) -> ReadFile:
        annotation, problems = self._annotator.annotate(file.path, data)
        return replace(file, annotation=annotation, problems=tuple(problems))


def read_file(path: bytes, limits: ImageLimits) -> tuple[bytes, FileState]:
    """A file's bytes, and its state as of then.

    Raises:
        ImageTooLarge: it is over the limit on bytes; nothing was read.
        OSError: it cannot be read.
    """
    # O_NONBLOCK: should the file have become a pipe since the scan, opening it does not hang.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        before = os.fstat(descriptor)
        if before.st_size > limits.max_bytes:
            raise ImageTooLarge(f"{before.st_size} bytes; the limit is {limits.max_bytes} (images: max_bytes)")
        data = file.read(limits.max_bytes + 1) or b""
        while len(data) < before.st_size and (more := file.read(limits.max_bytes + 1 - len(data))):
            data += more
        after = os.fstat(descriptor)
    state = FileState.of(before)
    newest = max(before.st_mtime_ns, before.st_ctime_ns)
    settled = state == FileState.of(after) and len(data) == before.st_size and time.time_ns() - newest > SETTLED_NS
    return data, state if settled else state.unsettled()

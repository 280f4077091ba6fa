"""The trained weights that others have published: where they are, and how to know them.

Nothing here is fetched unless a person asks for it (`seealso weights fetch`).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from seealso import SeealsoError


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file of trained weights.

    Attributes:
        name: what it is called here.
        url: where it is; its last part is the file's name.
        algorithm: the hash that was published with it.
        digest: that hash, hexadecimal; or as much of its beginning as was published.
        about: what it is, in a few words.
    """

    name: str
    url: str
    algorithm: Literal["sha1", "sha256"]
    digest: str
    about: str

    @property
    def file_name(self) -> str:
        """The name that its publisher gave the file."""
        return self.url.rpartition("/")[2]

    @property
    def known_by(self) -> str:
        """The published hash, for people: ``SHA-1 4c8d…``."""
        begins = "" if len(self.digest) in (40, 64) else " begins"
        return f"{self.algorithm.upper().replace('SHA', 'SHA-')}{begins} {self.digest}"


PUBLISHED = (
    PublishedFile(
        "bvlc_reference_caffenet",
        "http://dl.caffe.berkeleyvision.org/bvlc_reference_caffenet.caffemodel",
        "sha1",
        "4c8d77deb20ea792f84eb5e6d0a11ca0a8660a46",
        "Caffe's reference network (network: caffenet), the one of DeCAF7",
    ),
    PublishedFile(
        "bvlc_alexnet",
        "http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel",
        "sha1",
        "9116a64c0fbe4459d18f4bb6b56d647b63920377",
        "Caffe's AlexNet (network: alexnet)",
    ),
    PublishedFile(
        "torchvision_alexnet",
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        "sha256",
        "7be5be79",
        "torchvision's AlexNet: a narrower network, trained anew",
    ),
)


def find_published(name: str) -> PublishedFile:
    """The published file of that name, or with that file name.

    Raises:
        SeealsoError: none is known; suggests the nearest.
    """
    for file in PUBLISHED:
        if name in (file.name, file.file_name):
            return file
    names = [file.name for file in PUBLISHED]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    raise SeealsoError(f"no published weights are called {name!r}; {hint}")

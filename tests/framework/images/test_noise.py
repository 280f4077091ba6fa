"""What decoders written in C print."""

import io
import threading
from random import Random

import pytest
from PIL import Image

from seealso import ImageError
from seealso.images.decoding import decode_image


def damaged(compression: str, mode: str = "1") -> bytes:
    """A TIFF with other bytes in the midst of its pixels."""
    file = io.BytesIO()
    Image.effect_noise((200, 200), 80).convert(mode).save(file, "TIFF", compression=compression)
    with Image.open(file) as image:
        start, size = image.tag_v2[273][0], image.tag_v2[279][0]
    data = bytearray(file.getvalue())
    data[start + size // 2 : start + size // 2 + 60] = Random(1).randbytes(60)
    return bytes(data)


FAX = damaged("group4")
FAILING = damaged("tiff_adobe_deflate", "RGB")


def by_pillow(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("PIL.ImageFile.LOAD_TRUNCATED_IMAGES", True)
        Image.open(io.BytesIO(data)).load()


def test_it_prints_nothing(capfd):
    assert decode_image(FAX).image.size == (200, 200)
    with pytest.raises(ImageError):
        decode_image(FAILING)
    assert capfd.readouterr() == ("", "")


def test_it_says_why_a_file_failed():
    with pytest.raises(ImageError, match=r"^damaged or not an image \(TIFF\): .* \(ZIPDecode: .+\)$") as caught:
        decode_image(FAILING)
    assert "\n" not in str(caught.value)
    with pytest.raises(ImageError) as other:
        decode_image(b"II*\0" + bytes(40))
    assert "ZIPDecode" not in str(other.value)


def test_others_are_told_as_before(capfd):
    """A program that decodes by itself, also at the same moment, hears what it heard without seealso."""
    decode_image(FAX)
    by_pillow(FAX)
    assert "Fax4Decode" in capfd.readouterr().err

    def decode() -> None:
        for _ in range(50):
            decode_image(FAX)

    here = threading.Thread(target=decode)
    here.start()
    there = threading.Thread(target=by_pillow, args=(FAX,))
    there.start()
    for thread in (here, there):
        thread.join()
    once = capfd.readouterr().err.count("\n")
    by_pillow(FAX)
    assert capfd.readouterr().err.count("\n") == once > 0

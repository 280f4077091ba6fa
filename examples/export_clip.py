"""Writes a model that was trained with words as the files that the extractor onnx takes: image.onnx, text.onnx and tokenizer.json.

Of CLIP or SigLIP, by transformers; the name is that on the Hugging Face Hub, or a folder:

    python export_clip.py openai/clip-vit-base-patch32

Of MobileCLIP and other models of OpenCLIP that have CLIP's vocabulary, a model and which weights of it:

    python export_clip.py MobileCLIP-S1 datacompdr

It fetches the weights once. pip install 'seealso[torch,words]' and transformers, or open_clip_torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx
import tokenizers
import torch
from PIL import Image
from torch import Tensor, nn

import seealso

CLIP = "openai/clip-vit-base-patch32"
"""OpenCLIP has its vocabulary, and no tokenizer.json."""


@dataclass
class Pair:
    """Both sides of a model.

    Attributes:
        network: all of it.
        images: the network and normalised images ``(n, 3, height, width)`` → descriptors.
        words: the network and tokens ``(n, length)`` → descriptors.
        mean: what images are normalised by, for R, G and B, in units of 0 to 1.
        std: the same.
        preparation: how images are resized.
        tokenizer: it fills phrases up to what the network reads.
    """

    network: nn.Module
    images: Callable[[Any, Tensor], Tensor]
    words: Callable[[Any, Tensor], Tensor]
    mean: list[float]
    std: list[float]
    preparation: seealso.Preparation
    tokenizer: tokenizers.Tokenizer


class Images(nn.Module):
    """Images as bytes, ``(n, height, width, 3)`` → descriptors."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.network = pair.network
        self.run = pair.images
        self.register_buffer("mean", 255 * torch.tensor(pair.mean))
        self.register_buffer("std", 255 * torch.tensor(pair.std))

    def forward(self, images: Tensor) -> Tensor:
        """Normalise, and run."""
        return self.run(self.network, ((images - self.mean) / self.std).permute(0, 3, 1, 2))


class Words(nn.Module):
    """Tokens ``(1, length)`` → descriptors."""

    def __init__(self, pair: Pair) -> None:
        super().__init__()
        self.network = pair.network
        self.run = pair.words

    def forward(self, tokens: Tensor) -> Tensor:
        """Run."""
        return self.run(self.network, tokens)


def by_transformers(name: str) -> Pair:
    """A CLIP or SigLIP."""
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer
    from transformers.utils import cached_file

    network = AutoModel.from_pretrained(name, attn_implementation="eager")
    images, pad = AutoImageProcessor.from_pretrained(name), AutoTokenizer.from_pretrained(name)
    side = network.config.vision_config.image_size
    tokenizer = tokenizers.Tokenizer.from_file(cached_file(name, "tokenizer.json"))
    length = network.config.text_config.max_position_embeddings
    tokenizer.enable_padding(length=length, pad_id=pad.pad_token_id, pad_token=pad.pad_token)

    def descriptors(found: Any) -> Tensor:
        # transformers 5 gives more than the descriptors.
        return getattr(found, "pooler_output", found)

    return Pair(
        network,
        lambda network, images: descriptors(network.get_image_features(pixel_values=images)),
        lambda network, tokens: descriptors(network.get_text_features(input_ids=tokens)),
        list(images.image_mean),
        list(images.image_std),
        # SigLIP squeezes an image, where CLIP cuts out its middle.
        seealso.Preparation(
            (side, side),
            (side, side),
            squash=network.config.model_type.startswith("siglip"),
            interpolation=Image.Resampling(images.resample).name.lower(),
        ),
        tokenizer,
    )


def by_open_clip(name: str, weights: str) -> Pair:
    """A model of OpenCLIP."""
    import open_clip
    from timm.utils import reparameterize_model

    network, _, _ = open_clip.create_model_and_transforms(name, pretrained=weights)
    images = open_clip.get_model_preprocess_cfg(network)
    size = images["size"]
    sides = (size, size) if isinstance(size, int) else tuple(size)
    tokenizer = tokenizers.Tokenizer.from_pretrained(CLIP)
    tokenizer.enable_padding(length=network.context_length, pad_id=0, pad_token=tokenizer.id_to_token(0))
    return Pair(
        reparameterize_model(network.eval()),
        lambda network, images: network.encode_image(images),
        lambda network, tokens: network.encode_text(tokens),
        list(images["mean"]),
        list(images["std"]),
        seealso.Preparation(
            sides, sides, squash=images["resize_mode"] == "squash", interpolation=images["interpolation"]
        ),
        tokenizer,
    )


def write(pair: Pair) -> None:
    """Write the three files into the current folder."""
    height, width = pair.preparation.size
    pictures = torch.zeros((2, height, width, 3), dtype=torch.uint8)
    export(Images(pair), pictures, "image", "image.onnx", dynamic_shapes=({0: torch.export.Dim("n")},))
    export(Words(pair), torch.ones((1, pair.tokenizer.padding["length"]), dtype=torch.int64), "input_ids", "text.onnx")
    # With this the configuration need not say how images are prepared.
    model = onnx.load("image.onnx")
    onnx.helper.set_model_props(model, {seealso.Preparation.RECORD: pair.preparation.as_json()})
    onnx.save(model, "image.onnx")
    pair.tokenizer.save("tokenizer.json")


def export(module: nn.Module, example: Tensor, name: str, file: str, **options: Any) -> None:
    """Write one side, with its weights in the file itself."""
    torch.onnx.export(
        module.eval(),
        (example,),
        file,
        input_names=[name],
        output_names=["descriptor"],
        dynamo=True,
        external_data=False,
        **options,
    )


if __name__ == "__main__":
    write(by_transformers(sys.argv[1]) if len(sys.argv) == 2 else by_open_clip(*sys.argv[1:]))

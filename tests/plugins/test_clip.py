"""The text side of the extractor onnx against the original: small CLIP and SigLIP models of transformers with random weights, exported by
examples/export_clip.py."""

import contextlib
import importlib.util
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

import seealso
from doc_blocks import ROOT, blocks
from seealso_onnx.extractor import OnnxExtractor
from seealso_onnx.options import OnnxOptions

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers")

WITHIN = 1e-4
START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = [("c", "a"), ("ca", "t</w>"), ("d", "o"), ("do", "g</w>"), ("r", "e"), ("re", "d</w>")]
PHRASES = ["cat", "a red dog", "A photo of a CAT, at night", "犬 и щенок", "<|endoftext|>", "x" * 9]

VISION = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
TEXT = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
}


def program():
    """The program that is tested, as a module."""
    specification = importlib.util.spec_from_file_location("export_clip", ROOT / "examples" / "export_clip.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # its dataclass looks for it there
    specification.loader.exec_module(module)
    return module


def byte_pairs() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A vocabulary as CLIP's is, with as good as no merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in MERGES), START, END]
    return {token: number for number, token in enumerate(tokens)}, MERGES


def clip_tokenizer() -> Tokenizer:
    """Its pipeline is that of CLIP's tokenizer.json."""
    vocabulary, merges = byte_pairs()
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=END, end_of_word_suffix="</w>"))
    tokenizer.add_special_tokens([START, END])
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    ends = (END, vocabulary[END]), (START, vocabulary[START])
    tokenizer.post_processor = processors.RobertaProcessing(*ends, trim_offsets=False, add_prefix_space=False)
    return tokenizer


def siglip_tokenizer() -> Tokenizer:
    """Single letters, and an end that also fills up."""
    letters = ["</s>", "<unk>", *map(chr, range(32, 127))]
    tokenizer = Tokenizer(
        models.WordLevel({letter: number for number, letter in enumerate(letters)}, unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 0)])
    return tokenizer


def write_original(folder: Path, kind: str) -> transformers.PreTrainedModel:
    """A model with random weights, in the files that the Hugging Face Hub would have."""
    torch.manual_seed(0)
    if kind == "clip":
        tokenizer, pad = clip_tokenizer(), END
        text = TEXT | {"vocab_size": tokenizer.get_vocab_size(), "eos_token_id": tokenizer.token_to_id(END)}
        config = transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=24)
        model = transformers.CLIPModel(config)
    else:
        tokenizer, pad = siglip_tokenizer(), "</s>"
        text = TEXT | {"vocab_size": tokenizer.get_vocab_size(), "projection_size": 32}
        model = transformers.SiglipModel(transformers.SiglipConfig(text_config=text, vision_config=VISION))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.3)
    model.eval().save_pretrained(folder)
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=pad).save_pretrained(folder)
    prepares = {
        "image_processor_type": "CLIPImageProcessor" if kind == "clip" else "SiglipImageProcessor",
        "image_mean": [0.48, 0.46, 0.41],
        "image_std": [0.27, 0.26, 0.28],
        "resample": 3,
        "size": {"shortest_edge": 32} if kind == "clip" else {"height": 32, "width": 32},
        "crop_size": {"height": 32, "width": 32},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(prepares))
    return model


def features(found) -> np.ndarray:
    return getattr(found, "pooler_output", found).detach().numpy()


def unit(descriptors: np.ndarray) -> np.ndarray:
    return descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)


@pytest.fixture(scope="module", params=["clip", "siglip"])
def pair(request, tmp_path_factory):
    """The original model, its tokenizer, and a folder with the files that the program makes of them."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "original").mkdir()
    model = write_original(folder / "original", request.param)
    with warnings.catch_warnings(), contextlib.chdir(folder):
        warnings.simplefilter("ignore")  # torch's exporter warns of itself
        export_clip = program()
        export_clip.write(export_clip.by_transformers(str(folder / "original")))
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder / "original")
    return model, tokenizer, folder


def extractor_of(folder: Path) -> OnnxExtractor:
    (configuration,) = (
        loaded["collections"]["photos"]
        for loaded in (yaml.safe_load(block.text) for block in blocks("docs/words.md", "yaml"))
        if loaded["collections"]["photos"]["extractor"]["model"] == "./image.onnx"
    )
    assert configuration["distance"] == "cosine"
    options = {key: value for key, value in configuration["extractor"].items() if key != "plugin"}
    return OnnxExtractor(
        OnnxOptions.model_validate(options, context={"base": folder}), seealso.ExtractorContext(folder / "cache", 1)
    )


def test_words_and_images_are_what_the_original_makes_of_them(pair, photographs):
    model, tokenizer, folder = pair
    extractor = extractor_of(folder)
    given = tokenizer(PHRASES, padding="max_length", max_length=TEXT["max_position_embeddings"], return_tensors="pt")
    with torch.inference_mode():
        expected = unit(features(model.get_text_features(input_ids=given["input_ids"])))
    found = extractor.extract_words(PHRASES)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= WITHIN
    # They are far apart, or that would say nothing.
    assert np.linalg.norm(expected[0] - expected[1]) > 100 * WITHIN
    images = np.stack([extractor.prepare(photographs[name]) for name in ("coffee", "chelsea", "rocket")])
    prepares = transformers.AutoImageProcessor.from_pretrained(folder / "original")
    pixels = (images / 255 - np.array(prepares.image_mean)) / np.array(prepares.image_std)
    with torch.inference_mode():
        described = features(
            model.get_image_features(pixel_values=torch.tensor(pixels, dtype=torch.float32).permute(0, 3, 1, 2))
        )
    assert np.abs(unit(extractor.extract(images)) - unit(described)).max() <= WITHIN
    # And they are prepared nearly as the original has it.
    original = prepares([photographs["coffee"]], return_tensors="pt")["pixel_values"].permute(0, 2, 3, 1).numpy()[0]
    assert np.abs(original - pixels[0]).max() < 0.1
    # So the ranking is the original's.
    for phrase, direction in zip(PHRASES, expected, strict=True):
        angles = np.arccos(unit(described) @ direction)
        np.testing.assert_allclose(extractor.words_distances(phrase, described), angles, atol=10 * WITHIN)
    extractor.close()


def test_what_fills_a_phrase_up_makes_no_difference_to_clip(pair):
    """As its documentation says; SigLIP reads it."""
    model, tokenizer, folder = pair
    if isinstance(model, transformers.SiglipModel):
        pytest.skip("it does there")
    with torch.inference_mode():
        alone = features(model.get_text_features(**tokenizer(["a red dog"], return_tensors="pt")))
    assert np.abs(extractor_of(folder).extract_words(["a red dog"]) - unit(alone)).max() <= WITHIN


def test_what_the_documentation_says_of_files_of_others_is_understood(tmp_path):
    for block in blocks("docs/words.md", "yaml"):
        options = dict(yaml.safe_load(block.text)["collections"]["photos"]["extractor"])
        assert options.pop("plugin") == "onnx"
        OnnxOptions.model_validate(options, context={"base": tmp_path})

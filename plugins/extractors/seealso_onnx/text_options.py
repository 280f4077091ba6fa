"""The options of a model's text side: ``words:`` of the extractor ``onnx``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictInt, field_validator

from seealso import PluginOptions, RelativePath

PHRASE = "{}"
"""What stands for the words in a template."""

MOST_TOKENS = 4096
"""Of a phrase; the text models that go with images read 32 to 512."""


class WordsOptions(PluginOptions):
    """The files of a text side, and what they do not say themselves."""

    model: RelativePath = Field(description="the ONNX file that turns tokens into a descriptor of the images' kind")
    tokenizer: RelativePath = Field(description="the tokenizer.json that turns words into its tokens")
    length: StrictInt | None = Field(
        default=None,
        ge=1,
        le=MOST_TOKENS,
        description="how many tokens it reads (CLIP: 77, SigLIP: 64); default: what the files say",
    )
    pad: Annotated[StrictInt, Field(ge=0)] | str | None = Field(
        default=None,
        description="the token, or its number, that fills a phrase up to that many; default: what the tokenizer says, else it is not filled up",
    )
    template: str = Field(
        default=PHRASE,
        max_length=1000,
        description="the sentence that the words are put into, at {}, as in: a photo of {}",
    )
    output: str | None = Field(
        default=None, description="name of the output that is the descriptor; default: the only one"
    )

    @field_validator("template")
    @classmethod
    def _takes_words(cls, template: str) -> str:
        if template.count(PHRASE) != 1:
            raise ValueError(f"the words have to go in at one place, as in `a photo of {PHRASE}`")
        return template

"""Writes docs/configuration.md from the models of the framework and of the built-in plugins: python docs/configuration.py"""

import inspect
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

import seealso
from seealso.configuration.models import CollectionConfig, Config

PAGE = Path(__file__).with_name("configuration.md")

HEAD = """\
# The configuration

Every key of `seealso.yaml`, and every option of the plugins that come with seealso. (Written by `docs/configuration.py` from the models
that check it; `seealso plugins show NAME` says the same of any plugin that is installed.)

A configuration is found at `--config`, then in the variable `SEEALSO_CONFIG`, then as `./seealso.yaml`; without any there is one
collection, `default`, in your data directory. `seealso init` writes one with every key explained. [Operating it](operating.md) says how
values come from the environment, and how several collections share what they have in common.

```yaml
collections:
  photos:
    path: ./photos.seealso
    extractor: onnx
    store: {plugin: flat-file, codec: sparse}
frontends:
  - {plugin: web, port: 8080}
```

Where a plugin is chosen, its name alone will do (`store: lmdb`), or its name and its options (`store: {plugin: lmdb, codec: zstd}`).
What is left out is the best that the installed plugins give.
"""

WORDS = {
    "extractor": "Extractors: `extractor:`",
    "distance": "Distances: `distance:`",
    "index": "Metric indexes: `index:`",
    "sketch": "Sketches: `sketch:`",
    "codec": "Codecs: `codec:` of a store",
    "store": "Stores: `store:`",
    "keywords": "Keyword sources: `keywords:`",
    "text": "Text indexes: `text:`",
    "frontend": "Frontends: `frontends:`",
}
PLAIN = {"plugins", "collections", "frontends"}


def table(model: type[BaseModel]) -> Iterator[str]:
    """The keys of a model."""
    yield "| key | what it may be | default | meaning |"
    yield "|---|---|---|---|"
    for option in seealso.options_of(model):
        default = "required" if option.default is None else f"`{option.default}`"
        cells = [f"`{option.name}`", option.type, default, option.description]
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def page() -> str:
    """The whole page."""
    plugins = seealso.load_plugins()
    lines = [HEAD, "## At the top", ""]
    lines += [f"- `{key}:` {field.description}" for key, field in Config.model_fields.items()]
    lines += ["- `x-…:` anything: a place for YAML's anchors", "", "## A collection: `collections: NAME:`", ""]
    lines += table(CollectionConfig)
    for key in ("scan", "search", "images"):
        model = CollectionConfig.model_fields[key].annotation
        assert isinstance(model, type)
        lines += ["", f"### `{key}:`", "", *table(model)]
    for kind, title in WORDS.items():
        lines += ["", f"## {title}"]
        for name, cls in sorted(plugins.classes(kind).items()):
            if not cls.__module__.startswith("seealso"):
                continue
            default = (
                " (auto)" if name in plugins.offered(kind) else " (default)" if name in plugins.defaults(kind) else ""
            )
            summary = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
            lines += ["", f"### {kind} `{name}`{default}", "", summary]
            if cls.Options.model_fields:
                lines += ["", *table(cls.Options)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())

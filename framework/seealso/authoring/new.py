"""Writes a new plugin: one of the `samples`, with another name, as a package or as one file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from seealso.durability import writing_to
from seealso.errors import FileError, PluginError
from seealso.registry.kinds import KINDS
from seealso.registry.registry import Plugins, did_you_mean

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class _Written:
    """What differs by kind: the end of the class's name; and how a collection, and a configuration, choose the plugin."""

    ending: str
    setting: str
    configuration: str


_COLLECTION = "collections:\n  photos:\n    path: ./photos.seealso\n    "
_WRITTEN = {
    "extractor": _Written("Extractor", 'extractor="acme"', f"{_COLLECTION}extractor: acme"),
    "distance": _Written("Distance", 'distance="acme"', f"{_COLLECTION}distance: acme"),
    "index": _Written("Index", 'index="acme"', f"{_COLLECTION}index: acme"),
    "codec": _Written(
        "Codec",
        'store={"plugin": "flat-file", "codec": "acme"}',
        f"{_COLLECTION}store: {{plugin: flat-file, codec: acme}}",
    ),
    "store": _Written("Store", 'store="acme"', f"{_COLLECTION}store: acme"),
    "keywords": _Written("Keywords", 'keywords=["acme"]', f"{_COLLECTION}keywords: [embedded, acme]"),
    "text": _Written("TextIndex", 'text="acme"', f"{_COLLECTION}text: acme"),
    "frontend": _Written("Frontend", "", "collections:\n  photos:\n    path: ./photos.seealso\nfrontends: [acme]"),
}


def write_new_plugin(plugins: Plugins, kind: str, name: str, folder: Path, *, one_file: bool = False) -> Path:
    """Write a plugin to start from.

    Args:
        plugins: what is installed; the name has to be free among them.
        kind: a word of the configuration, as ``extractor``.
        name: how the configuration will select it.
        folder: where it is written; made where it is missing.
        one_file: as one Python file, instead of a package with its tests.

    Returns:
        The package's folder, or the file.

    Raises:
        PluginError: the kind or the name will not do.
        FileError: something of that name is there already, or it cannot be written.
        DiskFull: no space is left for it.
    """
    _check(plugins, kind, name)
    path = folder / (f"{name.replace('-', '_')}.py" if one_file else f"seealso-{name}")
    contents = {path: _one_file(kind, name)} if one_file else _package(kind, name, path)
    if path.exists():
        raise FileError(f"{path} is there already; choose another name, or another place with `--folder`")
    for file, text in contents.items():
        with writing_to(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return path


def _check(plugins: Plugins, kind: str, name: str) -> None:
    if kind not in KINDS:
        raise PluginError(f"there is no kind {kind!r}{did_you_mean(kind, KINDS)} (there are: {', '.join(KINDS)})")
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise PluginError(
            f"{name!r} is no name for a plugin: lower-case words joined by hyphens, as `colour-moments`, "
            f"{LONGEST_NAME} letters at most"
        )
    if name in plugins.classes(kind):
        cls = plugins.classes(kind)[name]
        raise PluginError(f"there is {kind} {name} already ({cls.__module__}); choose another name")


def _one_file(kind: str, name: str) -> str:
    """The plugin and its hook in one file."""
    head, body = _read(f"samples/{kind}.py").split("\n", 1)
    title = head.strip('"').rstrip(".")
    hint = f"Name it in a configuration: plugins: [./{name.replace('-', '_')}.py]"
    hook = (
        "\n\n@seealso.hookimpl\n"
        f"def {KINDS[kind].hook}() -> list[type[seealso.{KINDS[kind].interface}]]:\n"
        f'    """The {kind} acme."""\n'
        "    return [Acme]\n"
    )
    return _named(f'"""{title}.\n\n{hint}\n"""\n{body}{hook}', kind, name)


def _package(kind: str, name: str, path: Path) -> dict[Path, str]:
    """The files of a package."""
    written = _WRITTEN[kind]
    package = f"seealso_{name.replace('-', '_')}"
    installed = _read("package/installed.txt")
    if not written.setting:
        # There is no collection that it would be a part of.
        installed = installed.partition("\n\n@pytest")[0].replace("import pytest\n\n", "") + "\n"
        installed = installed.replace(", and does its work in a collection", "")
    texts = {
        "pyproject.toml": _read("package/pyproject.txt"),
        "README.md": _read("package/README.md").replace("CONFIGURATION", written.configuration),
        ".gitignore": _read("package/gitignore"),
        ".github/workflows/tests.yml": _read("package/ci.yml"),
        f"src/{package}/__init__.py": _read("package/init.txt"),
        f"src/{package}/py.typed": "",
        f"src/{package}/{kind}.py": _read(f"samples/{kind}.py"),
        f"tests/test_{kind}.py": _own_import_last(_read(f"samples/test_{kind}.py")),
        "tests/test_installed.py": installed.replace("SETTING", written.setting),
    }
    return {path / file: _named(text, kind, name) for file, text in texts.items()}


def _own_import_last(text: str) -> str:
    """The test of a sample with the import of the sample behind the others, as that of the package's own."""
    own = re.search(r"^from seealso\.authoring\.samples\..*\n", text, re.MULTILINE)
    assert own is not None
    last = list(re.finditer(r"^(import|from) .*\n", text, re.MULTILINE))[-1]
    return text[: own.start()] + text[own.end() : last.end()] + "\n" + own[0] + text[last.end() :]


def _read(name: str) -> str:
    return (files("seealso.authoring") / name).read_text(encoding="utf-8")


def _named(text: str, kind: str, name: str) -> str:
    """A text of the samples, under the plugin's own name."""
    words = "".join(word.capitalize() for word in name.split("-"))
    ending = _WRITTEN[kind].ending
    replacements = {
        "seealso.authoring.samples.": "seealso_acme.",
        "SEEALSO_VERSION": ".".join(version("seealso").split(".")[:2]),
        "INTERFACE": KINDS[kind].interface,
        "HOOK": KINDS[kind].hook,
        "KIND": kind,
        "AcmeOptions": f"{words.removesuffix(ending)}{ending}Options",
        "TestAcme": f"Test{words}",
        "Acme": f"{words.removesuffix(ending)}{ending}",
        "seealso_acme": f"seealso_{name.replace('-', '_')}",
        "acme": name,
    }
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text

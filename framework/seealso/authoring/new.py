"""Writes a new plugin: one of the `samples`, with another name, as a package or as one file."""

from __future__ import annotations

import re
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from seealso.durability import writing_to
from seealso.errors import FileError, PluginError
from seealso.registry.kinds import Kind
from seealso.registry.registry import Plugins, kind_of

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 40
COLLECTION = "collections:\n  photos:\n    path: ./photos.seealso"


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
    made = kind_of(kind)
    _check(plugins, made, name)
    path = folder / (f"{name.replace('-', '_')}.py" if one_file else f"seealso-{name}")
    contents = {path: _one_file(made, name)} if one_file else _package(plugins, made, name, path)
    if path.exists():
        raise FileError(f"{path} is there already; choose another name, or another place with `--folder`")
    for file, text in contents.items():
        with writing_to(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return path


def _check(plugins: Plugins, kind: Kind[Any], name: str) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise PluginError(
            f"{name!r} is no name for a plugin: lower-case words joined by hyphens, as `colour-moments`, "
            f"{LONGEST_NAME} letters at most"
        )
    if name in plugins.classes(kind):
        cls = plugins.classes(kind)[name]
        raise PluginError(f"there is {kind.word} {name} already ({cls.__module__}); choose another name")


def _one_file(kind: Kind[Any], name: str) -> str:
    """The plugin and its hook in one file."""
    head, body = _read(f"samples/{kind.word}.py").split("\n", 1)
    title = head.strip('"').rstrip(".")
    hint = f"Name it in a configuration: plugins: [./{name.replace('-', '_')}.py]"
    hook = (
        "\n\n@seealso.hookimpl\n"
        f"def {kind.hook}() -> list[type[seealso.{kind.interface}]]:\n"
        f'    """The {kind.word} acme."""\n'
        "    return [Acme]\n"
    )
    return _named(f'"""{title}.\n\n{hint}\n"""\n{body}{hook}', kind, name)


def _package(plugins: Plugins, kind: Kind[Any], name: str, path: Path) -> dict[Path, str]:
    """The files of a package."""
    setting, configuration = _choosing(plugins, kind)
    package = f"seealso_{name.replace('-', '_')}"
    installed = _read("package/installed.txt")
    if not setting:
        # There is no collection that it would be a part of.
        installed = installed.partition("\n\n@pytest")[0].replace("import pytest\n\n", "") + "\n"
        installed = installed.replace(", and does its work in a collection", "")
    texts = {
        "pyproject.toml": _read("package/pyproject.txt"),
        "README.md": _read("package/README.md").replace("CONFIGURATION", configuration),
        ".gitignore": _read("package/gitignore"),
        ".github/workflows/tests.yml": _read("package/ci.yml"),
        f"src/{package}/__init__.py": _read("package/init.txt"),
        f"src/{package}/py.typed": "",
        f"src/{package}/{kind.word}.py": _read(f"samples/{kind.word}.py"),
        f"tests/test_{kind.word}.py": _test_of(kind),
        "tests/test_installed.py": installed.replace("SETTING", setting),
    }
    return {path / file: _named(text, kind, name) for file, text in texts.items()}


def _choosing(plugins: Plugins, kind: Kind[Any]) -> tuple[str, str]:
    """How the plugin is chosen: as a setting of a collection, empty where it is no part of one; and in a configuration."""
    word = kind.word
    if kind.within:
        outer = plugins.preferred(kind.within)
        setting = f'{kind.within}={{"plugin": "{outer}", "{word}": "acme"}}'
        chosen = f"{kind.within}: {{plugin: {outer}, {word}: acme}}"
    elif kind.several:
        setting, chosen = f'{word}=["acme"]', f"{word}: [acme]"
    elif kind.meaning:
        setting, chosen = f'{word}="acme"', f"{word}: acme"
    else:
        return "", f"{COLLECTION}\n{word}s: [acme]"
    return setting, f"{COLLECTION}\n    {chosen}"


def _test_of(kind: Kind[Any]) -> str:
    """The test beside the sample, where there is one: for a plugin that needs more than the name of its class."""
    own = f"samples/test_{kind.word}.py"
    if (files("seealso.authoring") / own).is_file():
        return _own_import_last(_read(own))
    return _read("package/test.txt")


def _own_import_last(text: str) -> str:
    """The test of a sample with the import of the sample behind the others, as that of the package's own."""
    own = re.search(r"^from seealso\.authoring\.samples\..*\n", text, re.MULTILINE)
    assert own is not None
    last = list(re.finditer(r"^(import|from) .*\n", text, re.MULTILINE))[-1]
    return text[: own.start()] + text[own.end() : last.end()] + "\n" + own[0] + text[last.end() :]


def _read(name: str) -> str:
    return (files("seealso.authoring") / name).read_text(encoding="utf-8")


def _named(text: str, kind: Kind[Any], name: str) -> str:
    """A text of the samples, under the plugin's own name."""
    words = "".join(word.capitalize() for word in name.split("-"))
    ending = kind.ending
    replacements = {
        "seealso.authoring.samples.": "seealso_acme.",
        "SEEALSO_VERSION": ".".join(version("seealso").split(".")[:2]),
        "INTERFACE": kind.interface,
        "HOOK": kind.hook,
        "KIND": kind.word,
        "AcmeOptions": f"{words.removesuffix(ending)}{ending}Options",
        "TestAcme": f"Test{words}",
        "Acme": f"{words.removesuffix(ending)}{ending}",
        "seealso_acme": f"seealso_{name.replace('-', '_')}",
        "acme": name,
    }
    for old, new in replacements.items():
        text = text.replace(old, new)
    return text

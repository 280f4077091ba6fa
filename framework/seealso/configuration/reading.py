"""The configuration as a file: where it is found, and what its YAML holds, line by line.

Apart from `seealso.configuration.models` because it is light: every command looks for the plugins that a configuration names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seealso.configuration.variables import expand
from seealso.errors import ConfigError
from seealso.messages import one_line, reason_of

if TYPE_CHECKING:
    import yaml

FILE_NAME = "seealso.yaml"
MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 50

Location = tuple[str | int, ...]
"""Where a value stands: the keys that lead to it."""


def find_config(path: Path | None = None) -> Path | None:
    """The configuration file in force: ``path``, else ``SEEALSO_CONFIG``, else ``./seealso.yaml``, else none."""
    if path is not None:
        return path
    named = os.environ.get("SEEALSO_CONFIG")
    if named:
        return Path(named)
    here = Path(FILE_NAME)
    return here if here.is_file() else None


def read_plugin_files(path: Path) -> list[Path]:
    """Just the ``plugins:`` of a configuration file, leniently: `load_config` says what is wrong with the rest."""
    data, _ = read_yaml(path)
    named = data.get("plugins") if isinstance(data, dict) else None
    files = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    return [Path(os.path.abspath(path.parent / os.path.expanduser(name))) for name in files]


def read_yaml(path: Path) -> tuple[Any, dict[Location, int]]:
    """A YAML file's data, and the line of every key.

    Raises:
        ConfigError: it is not there, too large, not UTF-8, or not YAML; says which line.
    """
    import yaml

    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; `seealso init` writes a new one") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (at byte {error.start}); save it as UTF-8") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes, which no configuration is")
    try:
        loader = _loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        lines = dict(_lines(node, path))
        _put_in_variables(loader, node, path)
        _refuse_traps(node, path)
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_explain_syntax(error, text, path)) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: not YAML: {reason_of(error)}") from None


def read_value(text: str) -> Any:
    """The value that a line of YAML stands for; the text itself where it is no YAML, or a number that YAML reads in another way."""
    import yaml

    try:
        loader = _loader(text)
        node = loader.get_single_node()
        if node is None or _trap(node):
            return None if node is None else text
        return loader.construct_document(node)
    except (yaml.YAMLError, RecursionError):
        return text


def _loader(text: str) -> yaml.SafeLoader:
    """A safe loader for which a value that cannot be made is an error of YAML with its line."""
    import yaml

    class Loader(yaml.SafeLoader):
        def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
            """The value of a node. A conversion of Python's makes it, which raises what it likes: over `!!bool x` a KeyError."""
            try:
                return super().construct_object(node, deep)
            except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError):
                told = f"{one_line(repr(node.value), 60)} cannot be read as {node.tag.rpartition(':')[2]}"
                raise yaml.constructor.ConstructorError(None, None, told, node.start_mark) from None

    return Loader(text)


def _explain_syntax(error: yaml.MarkedYAMLError, text: str, path: Path) -> str:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    if "\t" in (lines[line - 1] if line <= len(lines) else ""):
        return f"{path}, line {line}: a tab; YAML is indented with spaces"
    if "${" in (lines[line - 1] if line <= len(lines) else ""):
        return f"{path}, line {line}: inside {{ }} or [ ] a value such as ${{NAME}} needs quotes, or a line of its own outside"
    return f"{path}, line {line}: {error.problem or error.context}"


def _put_in_variables(loader: yaml.SafeLoader, root: yaml.Node, path: Path) -> None:
    """Replace ``${NAME}`` in every value; what stands there without quotes is then the number or the word that it looks like."""
    import yaml

    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue  # an alias: once is enough
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            waiting.extend(value for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
        elif isinstance(node, yaml.ScalarNode) and "${" in node.value:
            try:
                node.value = expand(node.value, os.environ)
            except ValueError as error:
                raise ConfigError(f"{path}, line {node.start_mark.line + 1}: {error}") from None
            if node.style is None:
                node.tag = loader.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]


_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_BY_SIXTY = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_TEXTS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge", "tag:yaml.org,2002:value")
_READ_AS = {"bool": "true or false", "null": "nothing", "timestamp": "a date", "int": "a number", "float": "a number"}


def _trap(node: yaml.Node) -> str:
    """What YAML makes of a value that its author hardly meant; empty where it is none such."""
    import yaml

    if not isinstance(node, yaml.ScalarNode) or node.style is not None or node.tag not in _NUMBERS:
        return ""
    if _OCTAL.fullmatch(node.value):
        return "a number of base 8, since it begins with 0; leave the 0 out"
    return "a number of base 60, as of minutes and seconds" if _BY_SIXTY.fullmatch(node.value) else ""


def _refuse_traps(root: yaml.Node, path: Path) -> None:
    """Refuse numbers and keys that YAML 1.1 reads as something else than they look like.

    Raises:
        ConfigError: says which, where, and what to write.
    """
    import yaml

    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if trap := _trap(node):
            line = node.start_mark.line + 1
            raise ConfigError(f"{path}, line {line}: YAML reads {node.value} as {trap}, or write it in quotes")
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.tag not in _TEXTS:
                    what = _READ_AS.get(key.tag.rpartition(":")[2], "something else")
                    line = key.start_mark.line + 1
                    raise ConfigError(
                        f'{path}, line {line}: YAML reads the key {key.value} as {what}; write it in quotes: "{key.value}":'
                    )
                waiting.append(value)


def _lines(root: yaml.Node, path: Path) -> Iterator[tuple[Location, int]]:
    """The line of every key, counted from 1; refuses keys that stand twice and aliases that multiply."""
    import yaml

    waiting: list[tuple[Location, yaml.Node]] = [((), root)]
    seen = 0
    while waiting:
        location, node = waiting.pop()
        seen += 1
        if seen > MAX_NODES or len(location) > MAX_DEPTH:
            raise ConfigError(f"{path}: more values, or deeper, than any configuration needs (aliases followed)")
        if not location or isinstance(location[-1], int):
            yield location, node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            keys = set()
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise ConfigError(
                        f"{path}, line {key.start_mark.line + 1}: a key has to be a word, not a list or a mapping"
                    )
                if key.value in keys:
                    raise ConfigError(f"{path}, line {key.start_mark.line + 1}: the key `{key.value}` stands twice")
                keys.add(key.value)
                yield (*location, key.value), key.start_mark.line + 1
                waiting.append(((*location, key.value), value))
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(((*location, place), value) for place, value in enumerate(node.value))

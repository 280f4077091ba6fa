"""Changing one value in a configuration file, and nothing else: its comments, order and style stay as they are."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seealso.durability import write_atomically
from seealso.errors import ConfigError

if TYPE_CHECKING:
    import yaml

INDENT = "  "


def set_configuration_value(path: Path, keys: Sequence[str], value: int, comment: str) -> None:
    """Set the number at some keys, as ``("collections", "photos", "search", "candidates")``; those that are missing are added.

    Args:
        path: the file.
        keys: where the number stands; the first two have to be there.
        value: the number.
        comment: a line that is put before it, or behind it, where it stands among others in a line.

    Raises:
        ConfigError: it cannot be read or written, or the value stands where it cannot be changed alone, as in what several
            places share by an anchor; says what to write.
    """
    import yaml

    by_hand = f"write it yourself: {'.'.join(keys)}: {value}"
    try:
        text = path.read_text(encoding="utf-8")
        changed = _changed(text, keys, value, comment)
        same = changed is not None and _data(changed) == _with(_data(text), keys, value)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be changed: {error.strerror}; {by_hand}") from None
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be changed: {' '.join(str(error).split())}; {by_hand}") from None
    if changed is None or not same:
        raise ConfigError(f"{path}: {'.'.join(keys)} cannot be changed there without changing more; {by_hand}")
    # Through a link to the file that it leads to, which stays in its place.
    write_atomically(Path(os.path.realpath(path)), changed.encode())


def _data(text: str) -> Any:
    import yaml

    return yaml.safe_load(text)


def _with(data: Any, keys: Sequence[str], value: int) -> Any:
    changed = copy.deepcopy(data)
    place = changed
    for key in keys[:-1]:
        place = place.setdefault(key, {})
    place[keys[-1]] = value
    return changed


def _changed(text: str, keys: Sequence[str], value: int, comment: str) -> str | None:
    """The text with the value; None where there is no mapping to put it into."""
    import yaml

    node = yaml.compose(text, yaml.SafeLoader)
    for place, key in enumerate(keys):
        if not isinstance(node, yaml.MappingNode):
            return None
        found = next((pair for pair in node.value if pair[0].value == key), None)
        if found is None:
            return _inserted(text, node, keys[place:], value, comment)
        if found[1].start_mark.index < found[0].start_mark.index:
            return None  # an alias: what it stands for is shared
        node = found[1]
    assert node is not None
    start, end = node.start_mark.index, node.end_mark.index
    line = text.rfind("\n", 0, start) + 1
    alone = text[line:start].strip() == f"{keys[-1]}:"
    indent = text[line:start][: len(text[line:start]) - len(text[line:start].lstrip())]
    if alone:
        return f"{text[:line]}{indent}# {comment}\n{text[line:start]}{value}{text[end:]}"
    return f"{text[:start]}{value}{_commented(text[end:], comment)}"


def _commented(rest: str, comment: str) -> str:
    """The rest of a text with a comment at the end of its first line, unless there is one."""
    line, newline, further = rest.partition("\n")
    return rest if "#" in line else f"{line.rstrip()}  # {comment}{newline}{further}"


def _inserted(text: str, node: yaml.MappingNode, keys: Sequence[str], value: int, comment: str) -> str | None:
    """The text with keys that were missing, behind all others of a mapping."""
    if not node.value:
        return None
    if node.flow_style:
        end = node.value[-1][1].end_mark.index
        inner = str(value)
        for key in reversed(keys[1:]):
            inner = f"{{{key}: {inner}}}"
        return f"{text[:end]}, {keys[0]}: {inner}{_commented(text[end:], comment)}"
    indent = " " * node.value[0][0].start_mark.column
    lines = [f"{indent}{INDENT * depth}{key}:" for depth, key in enumerate(keys)]
    lines[-1] = f"{indent}{INDENT * (len(keys) - 1)}# {comment}\n{lines[-1]} {value}"
    # Behind the line that the last value ends in; comments that follow stay with what they are about.
    last = node.value[-1][1]
    end = last.end_mark.index
    body = text[:end].rstrip()
    cut = text.find("\n", len(body))
    head, tail = (text, "") if cut < 0 else (text[: cut + 1], text[cut + 1 :])
    return (head if head.endswith("\n") else head + "\n") + "\n".join(lines) + "\n" + tail

"""Whose fault an exception is that nobody raised on purpose: a plugin's, or seealso's own."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING

from seealso.messages import one_line, reason_of

if TYPE_CHECKING:
    from seealso.registry.registry import LoadedPlugin, Plugins

OWN = "seealso"
"""Our distribution. The plugins that come with it are seealso itself."""

MOST_SUSPECTS = 3

NO_FILES = (errno.EMFILE, errno.ENFILE)
TOLD_OF_MEMORY = ("can't start new thread", "failed to map segment", "bad_alloc", os.strerror(errno.ENOMEM))
"""What libraries say where memory, or room for addresses, is missing."""


def limit_reached(error: BaseException) -> str:
    """One line where a limit of the operating system is behind an exception, on open files or on memory; otherwise empty."""
    cause: BaseException | None = error
    while cause is not None:
        number = cause.errno if isinstance(cause, OSError) else None
        told = str(cause) if isinstance(cause, ImportError | RuntimeError | OSError) else ""
        if number in NO_FILES or os.strerror(errno.EMFILE) in told:
            return (
                "too many files are open; raise the limit (`ulimit -n 1024`) and run the command again, nothing is lost"
            )
        if isinstance(cause, MemoryError) or number == errno.ENOMEM or any(said in told for said in TOLD_OF_MEMORY):
            return (
                "there is not enough memory; close other programs, or raise the limit (`ulimit -v unlimited`), and run the command "
                "again, nothing is lost"
            )
        cause = cause.__cause__ or cause.__context__
    return ""


def raised_by(error: BaseException, plugins: Plugins) -> LoadedPlugin | None:
    """The plugin that raised an exception; None where that was seealso itself, or code of neither.

    The traceback is read from the inside out. Code of neither, such as numpy's, is passed over: who called it is asked.
    """
    return next(_owners(error.__traceback__, plugins), None)


def explain_failure(error: BaseException, plugins: Plugins) -> str:
    """One line on an exception that is no `SeealsoError`: what was raised, and by which plugin of which package or file.

    For whoever shows an exception to a person: the command line, a frontend. Where seealso itself raised it, the line says
    that too; and names the plugins beside seealso, one of which may have led to it. Where too many files are open, or memory is
    missing, it is nobody's fault, and the line says just that.
    """
    if limit := limit_reached(error):
        return limit
    kind, reason = type(error).__name__, reason_of(error)
    raised = kind if reason == kind else f"{kind}: {reason}"
    if (plugin := raised_by(error, plugins)) is not None:
        return one_line(f"plugin {plugin} raised {raised}; mend it or tell its author")
    # One that called seealso is more likely than one that is merely installed.
    called = [plugin for plugin in _owners(error.__traceback__, plugins) if plugin is not None]
    beside = called or [plugin for plugin in plugins.loaded.values() if plugin.source != OWN]
    shown = list(dict.fromkeys(map(str, beside)))
    if not shown:
        return one_line(f"{raised}; this is a bug of seealso")
    named = ", ".join(shown) if len(shown) <= MOST_SUSPECTS else f"one of {len(shown)} that `seealso plugins` lists"
    return one_line(f"{raised}; this is a bug of seealso, or of a plugin that is not part of it: {named}")


def _owners(trace: TracebackType | None, plugins: Plugins) -> Iterator[LoadedPlugin | None]:
    """Whose code the frames of a traceback run, the innermost first: a plugin's, or None for seealso's own."""
    modules = []
    while trace is not None:
        modules.append(str(trace.tb_frame.f_globals.get("__name__", "")))
        trace = trace.tb_next
    homes = _homes(plugins)
    for module in reversed(modules):
        home = max(homes, key=lambda each: _in_common(each, module), default="")
        if _in_common(home, module):
            yield None if homes[home].source == OWN else homes[home]
        elif module.partition(".")[0] == OWN:
            yield None


def _homes(plugins: Plugins) -> dict[str, LoadedPlugin]:
    """The modules that are known to be a plugin's: those of its hooks, and those of its classes that lie elsewhere."""
    homes: dict[str, LoadedPlugin] = {}
    for plugin in plugins.loaded.values():
        hooks = plugin.module
        homes[hooks.__name__ if isinstance(hooks, ModuleType) else str(hooks.__module__)] = plugin
    taken = {home.partition(".")[0] for home in homes}
    for plugin in plugins.loaded.values():
        for kind, names in plugin.provides.items():
            for module in (plugins.classes(kind)[name].__module__ for name in names):
                # Whoever offers a class of another plugin's is not its author.
                if module.partition(".")[0] not in taken:
                    homes[module] = plugin
    return homes


def _in_common(one: str, other: str) -> int:
    """How many packages two modules are in together: a.b.c and a.b.d in two."""
    count = 0
    for mine, theirs in zip(one.split("."), other.split("."), strict=False):
        if mine != theirs:
            break
        count += 1
    return count

"""Finds plugins, checks them, and hands out what they bring."""

from __future__ import annotations

import difflib
import inspect
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, overload

import pluggy

from seealso.errors import PluginError
from seealso.messages import one_line, reason_of
from seealso.registry.kinds import KINDS, Kind, P
from seealso.registry.markers import GROUP
from seealso.registry.output import stdout_at_stderr

if TYPE_CHECKING:
    from seealso.interfaces.plugin import Plugin, PluginOptions

log = logging.getLogger("seealso")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """A plugin that cannot be used, wholly or in part: which, where it came from, why, and what mends it."""

    plugin: str
    source: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return one_line(f"plugin {self.plugin} ({self.source}): {self.reason}; {self.remedy}")


@dataclass(slots=True)
class LoadedPlugin:
    """A plugin as it was loaded: its name, where it came from, and the release of its distribution."""

    name: str
    source: str
    version: str
    module: object
    provides: dict[str, list[str]] = field(default_factory=dict)
    """Kind → the names of what it registered; filled when a kind is first asked for."""

    def __str__(self) -> str:
        """Its name; and in brackets where it came from, with the release."""
        return f"{self.name} ({f'{self.source} {self.version}'.rstrip()})"


class Plugins:
    """All the plugins of one deployment. Build it with `load_plugins`.

    Args:
        hookspecs: the module that specifies the hooks.

    Attributes:
        loaded: those that can be used.
        problems: what is wrong with the others.
        files: the one-file plugins, absolute, in their order: what makes another process load the same.
    """

    def __init__(self, hookspecs: ModuleType) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self._hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, f"{GROUP}_spec")]
        self.loaded: dict[str, LoadedPlugin] = {}
        self.problems: list[PluginProblem] = []
        self.files: list[Path] = []
        self._classes: dict[str, dict[str, type[Plugin]]] = {}
        self._trace = os.environ.get("SEEALSO_TRACE_PLUGINS") == "1"

    def register(self, load: Callable[[], object], name: str, source: str, version: str = "", remedy: str = "") -> None:
        """Load one plugin and register its hooks. Whatever is wrong with it becomes a problem, never an exception."""
        remedy = remedy or "mend the plugin or uninstall it"
        key = f"{source}/{name}"
        try:
            with stdout_at_stderr():
                module = load()
        except ImportError as error:
            self._problem(name, source, f"cannot be imported: {reason_of(error)}", remedy)
            return
        except (Exception, SystemExit) as error:
            self._problem(name, source, f"raised {type(error).__name__} on import: {reason_of(error)}", remedy)
            return
        try:
            self.manager.register(module, key)
            self._check_hooks(module)
        except (PluginError, pluggy.PluginValidationError, ValueError) as error:
            if self.manager.is_registered(module):
                self.manager.unregister(module)
            # An object of no use to anybody is not left in the way of its own mended successor.
            self.manager.set_blocked(key)
            self._problem(name, source, reason_of(error), "mend the plugin or uninstall it")
            return
        self.loaded[key] = LoadedPlugin(name, source, version, module)

    def _check_hooks(self, module: object) -> None:
        """Refuse a module with a hook that does not exist (misspelt, most likely), or with no hook at all."""
        callers = self.manager.get_hookcallers(module) or []
        if not callers:
            raise PluginError("it has no function marked with `@seealso.hookimpl`")
        for caller in callers:
            impls = [impl for impl in caller.get_hookimpls() if impl.plugin is module]
            if not caller.has_spec() and not all(impl.optionalhook for impl in impls):
                raise PluginError(f"there is no hook `{caller.name}`{did_you_mean(caller.name, self._hooks)}")

    def call(self, hook: str, **arguments: object) -> Iterator[tuple[LoadedPlugin, Any]]:
        """Call a hook of every plugin in the order they were loaded; one that raises becomes a problem of its own."""
        implementations = getattr(self.manager.hook, hook).get_hookimpls()
        order = {id(plugin.module): place for place, plugin in enumerate(self.loaded.values())}
        for impl in sorted(implementations, key=lambda each: order[id(each.plugin)]):
            plugin = self.loaded[impl.plugin_name]
            function = partial(_traced, plugin.name, impl.function) if self._trace else impl.function
            try:
                with stdout_at_stderr():
                    result = function(*(arguments[name] for name in impl.argnames))
            except ImportError as error:
                self._problem(plugin.name, plugin.source, f"{hook}: {reason_of(error)}", "install what it needs")
            except Exception as error:
                reason = f"{hook} raised {type(error).__name__}: {reason_of(error)}"
                self._problem(plugin.name, plugin.source, reason, "mend the plugin or uninstall it")
            else:
                yield plugin, result

    def observe(self, hook: str, **arguments: object) -> None:
        """Call an observing hook of every plugin; what one raises is logged, and disturbs nothing."""
        with self._said_at_once():
            for _ in self.call(hook, **arguments):
                pass

    def gather(self, hook: str, of: type[T], **arguments: object) -> list[T]:
        """What a hook gives that returns lists, of every plugin in turn; what one raises, or gives that is no such list, is logged."""
        found: list[T] = []
        with self._said_at_once():
            for plugin, given in self.call(hook, **arguments):
                if isinstance(given, list | tuple) and all(isinstance(each, of) for each in given):
                    found += given
                    continue
                reason = f"{hook} returned {_shown(given)}, not a list of {of.__name__}"
                self._problem(plugin.name, plugin.source, reason, "mend the plugin or uninstall it")
        return found

    @contextmanager
    def _said_at_once(self) -> Iterator[None]:
        """Log each problem that comes up. One may come up at every batch, so these are not gathered without end."""
        before = len(self.problems)
        yield
        for problem in self.problems[before:]:
            log.warning("%s", problem)
        del self.problems[before:]

    @overload
    def classes(self, kind: Kind[P]) -> dict[str, type[P]]: ...
    @overload
    def classes(self, kind: str) -> dict[str, type[Plugin]]: ...

    def classes(self, kind: Kind[Any] | str) -> dict[str, Any]:
        """The classes of a kind, or of the word of one, by name, of all plugins; gathered on first use."""
        kind = kind_of(kind)
        if kind.word not in self._classes:
            found: dict[str, type[Plugin]] = {}
            owners: dict[str, LoadedPlugin] = {}
            for plugin, classes in self.call(kind.hook):
                for cls in self._as_sequence(plugin, kind, classes):
                    reason = broken_contract(cls, kind.base())
                    if not reason and cls.name in found:
                        other = owners[cls.name]
                        reason = (
                            f"the {kind.called} name {cls.name!r} of {cls.__module__}.{cls.__qualname__} is already "
                            f"taken by {found[cls.name].__module__}.{found[cls.name].__qualname__} of {other.source}"
                        )
                    if reason:
                        self._problem(plugin.name, plugin.source, reason, "rename or mend it, or uninstall the plugin")
                        continue
                    found[cls.name] = cls
                    owners[cls.name] = plugin
                    plugin.provides.setdefault(kind.word, []).append(cls.name)
            self._classes[kind.word] = found
        return self._classes[kind.word]

    def _as_sequence(self, plugin: LoadedPlugin, kind: Kind[Any], classes: object) -> Sequence[Any]:
        if isinstance(classes, list | tuple):
            return classes
        reason = f"{kind.hook} returned {type(classes).__name__}, not a list of classes"
        self._problem(plugin.name, plugin.source, reason, "mend the plugin or uninstall it")
        return ()

    @overload
    def get(self, kind: Kind[P], name: str) -> type[P]: ...
    @overload
    def get(self, kind: str, name: str) -> type[Plugin]: ...

    def get(self, kind: Kind[Any] | str, name: str) -> type[Plugin]:
        """The class of a kind, or of the word of one, and a name.

        Raises:
            PluginError: there is none; the message suggests the nearest name and says which plugins have failed.
        """
        kind = kind_of(kind)
        classes = self.classes(kind)
        if name in classes:
            return classes[name]
        raise PluginError(self._unknown(kind.called, name, classes))

    def unknown(self, name: str) -> str:
        """What there is to say of a name that no plugin of any kind has: the nearest one, and which plugins have failed."""
        return self._unknown("plugin", name, [each for kind in KINDS.values() for each in self.classes(kind)])

    def _unknown(self, what: str, name: str, known: Collection[str]) -> str:
        message = f"there is no {what} named {name!r}{did_you_mean(name, list(known))}"
        message += f" (installed: {', '.join(sorted(known)) or 'none'})"
        if self.problems:
            message += "; these plugins failed: " + ", ".join(sorted({p.plugin for p in self.problems}))
        return message

    def capabilities(self, kind: Kind[Any] | str, name: str) -> dict[str, object]:
        """What a class says of itself by the attributes that its interface names, such as ``lossless`` of a codec."""
        cls = self.get(kind, name)
        named = [key for key in kind_of(kind).base().__annotations__ if not key.startswith("_") and key != "options"]
        said = {key: getattr(cls, key) for key in [*named, "preference"] if hasattr(cls, key)}
        # Others depend on the options.
        return {key: value for key, value in said.items() if isinstance(value, bool | int | float | str | tuple)}

    def preferred(self, kind: Kind[Any] | str) -> str:
        """The name of the plugin that a new collection gets when its configuration names none of this kind.

        Raises:
            PluginError: no installed plugin of the kind offers itself.
        """
        kind = kind_of(kind)
        defaults = self.defaults(kind)
        if not defaults:
            raise PluginError(f"no {kind.called} is installed that can be the default; name one in the configuration")
        return defaults[0]

    def defaults(self, kind: Kind[Any] | str) -> list[str]:
        """The names of the plugins that a new collection gets of this kind: all that offer themselves where it has several at
        once, by preference; else the best, or none. Where another kind says it, what the default of that kind says."""
        kind = kind_of(kind)
        if kind.follows:
            leading = self.defaults(kind.follows)
            return [getattr(self.get(kind.follows, name), f"default_{kind.word}") for name in leading]
        offered = [cls for cls in self.classes(kind).values() if cls.preference > 0]
        names = [cls.name for cls in sorted(offered, key=lambda cls: -cls.preference)]
        return names if kind.several else names[:1]

    def offered(self, kind: Kind[Any] | str) -> list[str]:
        """The names of the plugins that take part where the size of a collection chooses one of this kind, by preference; none of a kind
        of which it does not."""
        kind = kind_of(kind)
        classes = self.classes(kind).values() if kind.automatic else ()
        return [cls.name for cls in sorted(classes, key=lambda cls: -cls.preference) if cls.preference > 0]

    def default(self, kind: Kind[Any], chosen: Callable[[Kind[Any]], type[Plugin]]) -> str:
        """The name of the plugin that a new collection gets, where another kind may say it.

        Args:
            kind: the kind.
            chosen: gives the class that is chosen for such another kind.

        Raises:
            PluginError: no installed plugin of the kind offers itself.
        """
        if not kind.follows:
            return self.preferred(kind)
        name: str = getattr(chosen(KINDS[kind.follows]), f"default_{kind.word}")
        return name

    def kinds(self) -> list[str]:
        """The kinds of plugins there are, under the words that the configuration uses."""
        return list(KINDS)

    def list_all(self) -> list[LoadedPlugin]:
        """Every plugin that loaded, with all that it provides."""
        for kind in KINDS.values():
            self.classes(kind)
        return list(self.loaded.values())

    def _problem(self, name: str, source: str, reason: str, remedy: str) -> None:
        problem = PluginProblem(name, source, one_line(reason), remedy)
        if problem not in self.problems:
            self.problems.append(problem)


def _traced(plugin: str, function: Callable[..., Any], *arguments: object) -> Any:
    """Call a hook, and say on standard error what came of it, and how long it took."""
    started = time.perf_counter()
    outcome = "raised"
    try:
        result = function(*arguments)
        named = [getattr(each, "__name__", str(each)) for each in result] if isinstance(result, list | tuple) else []
        outcome = f"gave {', '.join(named) or result}"
        return result
    except BaseException as error:
        outcome = f"raised {type(error).__name__}: {reason_of(error)}"
        raise
    finally:
        given = ", ".join(type(each).__name__ for each in arguments)
        took = 1000 * (time.perf_counter() - started)
        line = f"seealso: {plugin}.{function.__name__}({given}) {outcome} ({took:.1f} ms)"
        print(one_line(line), file=sys.stderr)


def kind_of(kind: Kind[Any] | str) -> Kind[Any]:
    """A kind, or the one of a word.

    Raises:
        PluginError: there is none of that word.
    """
    if isinstance(kind, Kind):
        return kind
    if kind not in KINDS:
        raise PluginError(f"there is no kind {kind!r}{did_you_mean(kind, KINDS)} (there are: {', '.join(KINDS)})")
    return KINDS[kind]


def broken_contract(cls: object, base: type[Plugin]) -> str:
    """Why a registered class cannot be used; empty when it can."""
    from seealso.interfaces.plugin import PluginOptions

    if not inspect.isclass(cls) or not issubclass(cls, base):
        return f"it registered {cls!r}, which is no subclass of seealso.{base.__name__}"
    where = f"{cls.__module__}.{cls.__qualname__}"
    if inspect.isabstract(cls):
        return f"{where} lacks the required {', '.join(sorted(cls.__abstractmethods__))}"
    name = getattr(cls, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+([-_.][a-z0-9]+)*", name):
        return f"{where}.name is {name!r}; it has to be lower-case words joined by hyphens"
    if not issubclass(cls.Options, PluginOptions):
        return f"{where}.Options is no subclass of seealso.PluginOptions"
    reason = broken_options(cls.Options)
    return f"{where}.{reason}" if reason else ""


def broken_options(model: type[PluginOptions]) -> str:
    """Why options cannot be kept: what a collection would record of their defaults has to fit them; empty when it does."""
    from pydantic import ValidationError
    from pydantic_core import PydanticSerializationError

    if "plugin" in model.model_fields:
        return "Options.plugin can never be given: that key names the plugin; rename it"
    defaults: dict[str, Any] = {}
    made = model.model_construct()
    for name in (name for name, each in model.model_fields.items() if not each.is_required()):
        try:
            defaults |= made.model_dump(mode="json", include={name}, warnings="error")
        except PydanticSerializationError as error:
            return f"Options.{name}: its default is of another type ({reason_of(error)})"
    try:
        model.model_validate(defaults)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            # What depends on several options, or on the machine, is for those that are given.
            if found["loc"] and found["type"] not in ("missing", "value_error", "assertion_error"):
                return f"Options.{'.'.join(map(str, found['loc']))}: its default does not fit: {found['msg']}"
    return ""


def did_you_mean(name: str, valid: Sequence[str] | dict[str, Any]) -> str:
    """``; did you mean `x`?`` for the nearest of the valid spellings, or nothing when none is near."""
    near = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.55)
    return f"; did you mean `{near[0]}`?" if near else ""


def _shown(given: object) -> str:
    """What a hook returned, in few words: of a list, the types in it."""
    if isinstance(given, list | tuple):
        return f"a list with {', '.join(dict.fromkeys(type(each).__name__ for each in given))}"
    return type(given).__name__

"""The table of kinds: every row has its interface, its hook, its suite and its sample."""

import inspect
from importlib.resources import files

import pytest

import seealso
import seealso.testing
from seealso.configuration.models import CollectionConfig
from seealso.interfaces.plugin import Plugin
from seealso.registry import hookspecs
from seealso.registry.kinds import CHOSEN, KINDS

ROWS = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@ROWS
def test_the_interface_is_a_public_abstract_class(kind):
    assert issubclass(kind.base(), Plugin)
    assert getattr(seealso, kind.interface) is kind.base()


@ROWS
def test_the_hook_registers_classes_of_the_interface(kind):
    hook = getattr(hookspecs, kind.hook)
    assert inspect.signature(hook).return_annotation == f"Sequence[type[{kind.interface}]]"


def test_every_hook_that_registers_classes_is_of_a_kind():
    hooks = {name for name, value in vars(hookspecs).items() if hasattr(value, "seealso_spec")}
    returning = {name for name in hooks if "type[" in inspect.signature(getattr(hookspecs, name)).return_annotation}
    assert returning == {kind.hook for kind in KINDS.values()}


@ROWS
def test_there_is_a_suite(kind):
    suite = getattr(seealso.testing, f"{kind.interface}Tests")
    assert suite.__module__ == f"seealso.testing.{kind.suite}"
    assert suite.kind == kind.word
    assert isinstance(suite.class_attribute, str)


@ROWS
def test_there_is_a_sample(kind):
    assert (files("seealso.authoring") / "samples" / f"{kind.word}.py").is_file()


@ROWS
def test_what_a_row_refers_to_exists(kind):
    assert {kind.follows, kind.within} - {""} <= set(KINDS)
    if kind.follows:
        assert hasattr(KINDS[kind.follows].base(), f"default_{kind.word}")


def test_a_collection_has_a_key_for_each_kind_that_it_chooses():
    keys = list(CollectionConfig.model_fields)
    assert keys == ["path", *(kind.word for kind in CHOSEN), "scan", "search", "images"]
    for kind in CHOSEN:
        assert CollectionConfig.model_fields[kind.word].description == kind.meaning


def test_a_kind_may_be_given_by_its_word():
    plugins = seealso.load_plugins()
    for word, kind in KINDS.items():
        assert plugins.classes(word) == plugins.classes(kind)
        assert plugins.defaults(word) == plugins.defaults(kind)


def test_a_word_of_no_kind():
    with pytest.raises(seealso.PluginError, match="there is no kind 'indx'; did you mean `index`") as caught:
        seealso.load_plugins().get("indx", "exact")
    assert ", ".join(KINDS) in str(caught.value)

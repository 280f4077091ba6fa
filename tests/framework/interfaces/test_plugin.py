"""Choices of plugins, and what of them is secret."""

import json

import pytest
from pydantic import Secret, SecretBytes, SecretStr

import seealso
from seealso.interfaces.plugin import PluginChoice, PluginOptions, secret_options

WORD = "a word that nobody is to see"


class Options(PluginOptions):
    """Some secret, some not."""

    url: str = ""
    token: SecretStr | None = None
    key: SecretBytes = SecretBytes(b"")
    pins: tuple[Secret[int], ...] = ()
    codec: PluginChoice | None = None


class Inner(PluginOptions):
    """Those of a plugin that is chosen inside another."""

    password: SecretStr


def test_which_are_secret():
    assert secret_options(Options) == {"token", "key", "pins"}
    assert secret_options(seealso.StoreOptions) == frozenset()


@pytest.fixture
def choice() -> PluginChoice:
    codec = PluginChoice("aes", {"password": WORD, "rounds": 3}).hiding(Inner)
    options = Options(url="there", token=WORD, key=WORD.encode(), pins=(1, 2), codec=codec)
    return PluginChoice.of("remote", options)


def test_what_is_secret_is_not_written(choice):
    assert choice.as_yaml() == {"plugin": "remote", "url": "there", "codec": {"plugin": "aes", "rounds": 3}}
    assert WORD not in json.dumps(choice.as_yaml()) + repr(choice)


def test_but_it_makes_the_same_again(choice):
    again = Options.model_validate(choice.given())
    assert again.token.get_secret_value() == WORD
    assert again.key.get_secret_value() == WORD.encode()
    assert again.codec.secrets == {"password": WORD}
    assert PluginChoice.of("remote", again) == choice


def test_revealed_it_makes_the_same_in_another_process(choice):
    told = PluginChoice.parse(json.loads(json.dumps(choice.revealed())))
    again = Options.model_validate(told.hiding(Options).given())
    assert again.token.get_secret_value() == WORD
    assert [pin.get_secret_value() for pin in again.pins] == [1, 2]
    assert again.codec.options["password"] == WORD


def test_choices_that_differ_only_in_secrets_are_equal():
    one, other = (PluginChoice("remote", {"url": "x", "token": token}).hiding(Options) for token in ("a", "b"))
    assert one == other
    assert one.given() != other.given()
    assert PluginChoice("remote", {"url": "x"}).hiding(Options).secrets == {}

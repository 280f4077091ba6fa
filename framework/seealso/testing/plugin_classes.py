"""What the class of every plugin has to be, whatever its kind."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from seealso.interfaces.plugin import Plugin, PluginChoice, PluginOptions, secret_options
from seealso.registry.kinds import KINDS
from seealso.registry.registry import broken_contract


class PluginTests:
    """The base of all the suites: a subclass names the plugin's class, and options where the defaults will not do."""

    kind: ClassVar[str]
    """A word of the configuration; set by the suite."""

    class_attribute: ClassVar[str]
    """The attribute that names the plugin's class; set by the suite."""

    options: ClassVar[Mapping[str, Any]] = {}
    """The options to test the plugin with, as in the configuration."""

    @pytest.fixture
    def plugin_class(self) -> type[Plugin]:
        """The class under test."""
        found: type[Plugin] = getattr(self, self.class_attribute)
        return found

    @pytest.fixture
    def plugin_options(self, plugin_class: type[Plugin]) -> PluginOptions:
        """Its options, checked."""
        return plugin_class.Options.model_validate(dict(self.options))

    def test_the_framework_takes_the_class(self, plugin_class: type[Plugin]) -> None:
        assert broken_contract(plugin_class, KINDS[self.kind].base()) == ""

    def test_the_class_says_what_it_is(self, plugin_class: type[Plugin]) -> None:
        # `seealso plugins show` shows it; without one Python gives the docstring of the interface.
        assert plugin_class.__dict__.get("__doc__"), "the class has no docstring"

    def test_options_come_back_as_they_were_written(
        self, plugin_class: type[Plugin], plugin_options: PluginOptions
    ) -> None:
        # A collection records them as JSON, and compares them with the configuration's. What is secret it does not record.
        choice = PluginChoice.of(plugin_class.name, plugin_options)
        recorded = PluginChoice.parse(json.loads(json.dumps(choice.as_yaml())))
        assert plugin_class.Options.model_validate({**recorded.options, **choice.secrets}) == plugin_options
        # And there is nothing old about them.
        assert plugin_class.Options.upgrade(dict(recorded.options)) == recorded.options

    def test_an_option_that_does_not_exist_is_refused(self, plugin_class: type[Plugin]) -> None:
        with pytest.raises(ValidationError, match="no_such_option"):
            plugin_class.Options.model_validate({**self.options, "no_such_option": 1})

    def test_query_time_options_exist(self, plugin_class: type[Plugin]) -> None:
        assert plugin_class.Options.query_time <= set(plugin_class.Options.model_fields)

    def test_options_that_say_where_exist(self, plugin_class: type[Plugin]) -> None:
        options = plugin_class.Options
        assert options.located_by <= set(options.model_fields) - secret_options(options)

    def test_what_is_lacking_is_said_in_words(self, plugin_class: type[Plugin]) -> None:
        assert isinstance(plugin_class.lacking(), str)

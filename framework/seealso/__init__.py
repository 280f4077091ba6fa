"""seealso finds the images that look like this one.

The names below are everything that users and plugins import; each is loaded when it is first used.
"""

from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seealso.authoring.new import write_new_plugin as write_new_plugin
    from seealso.collection import Collection as Collection
    from seealso.collection.duplicates.groups import DuplicateGroup as DuplicateGroup
    from seealso.collection.duplicates.groups import Duplicates as Duplicates
    from seealso.collection.duplicates.nearness import MAY_BE_THE_SAME as MAY_BE_THE_SAME
    from seealso.collection.duplicates.nearness import NEARLY_THE_SAME as NEARLY_THE_SAME
    from seealso.collection.intake.dry_run import DryRun as DryRun
    from seealso.collection.intake.forgetting import ForgetReport as ForgetReport
    from seealso.collection.intake.forgetting import ForgottenImage as ForgottenImage
    from seealso.collection.intake.importing import ImportReport as ImportReport
    from seealso.collection.intake.ingest import IngestedBatch as IngestedBatch
    from seealso.collection.intake.ingest import IngestReport as IngestReport
    from seealso.collection.intake.ingest import Progress as Progress
    from seealso.collection.search.content import Content as Content
    from seealso.collection.upkeep.export import export as export
    from seealso.configuration.editing import set_configuration_value as set_configuration_value
    from seealso.configuration.models import Config as Config
    from seealso.configuration.models import load_config as load_config
    from seealso.configuration.options import Option as Option
    from seealso.configuration.options import options_of as options_of
    from seealso.configuration.reading import find_config as find_config
    from seealso.configuration.reading import read_plugin_files as read_plugin_files
    from seealso.configuration.schema import configuration_schema as configuration_schema
    from seealso.configuration.template import commented_configuration as commented_configuration
    from seealso.deployment import Deployment as Deployment
    from seealso.durability import disk_is_full as disk_is_full
    from seealso.durability import sync_directory as sync_directory
    from seealso.durability import sync_file as sync_file
    from seealso.durability import write_atomically as write_atomically
    from seealso.errors import CollectionBusy as CollectionBusy
    from seealso.errors import CollectionError as CollectionError
    from seealso.errors import CollectionReadOnly as CollectionReadOnly
    from seealso.errors import ConfigError as ConfigError
    from seealso.errors import CorruptCollection as CorruptCollection
    from seealso.errors import CorruptRecord as CorruptRecord
    from seealso.errors import DiskFull as DiskFull
    from seealso.errors import FileError as FileError
    from seealso.errors import FormatError as FormatError
    from seealso.errors import ImageError as ImageError
    from seealso.errors import ImageTooLarge as ImageTooLarge
    from seealso.errors import KeywordError as KeywordError
    from seealso.errors import MissingExtra as MissingExtra
    from seealso.errors import MissingObject as MissingObject
    from seealso.errors import NoCollection as NoCollection
    from seealso.errors import NoObject as NoObject
    from seealso.errors import PluginError as PluginError
    from seealso.errors import ProvenanceMismatch as ProvenanceMismatch
    from seealso.errors import QueryError as QueryError
    from seealso.errors import SeealsoError as SeealsoError
    from seealso.errors import StoreError as StoreError
    from seealso.errors import UnknownWord as UnknownWord
    from seealso.errors import WrongStore as WrongStore
    from seealso.evaluation.distances import DistanceReport as DistanceReport
    from seealso.evaluation.distances import Distances as Distances
    from seealso.evaluation.distances import measure_distances as measure_distances
    from seealso.evaluation.evaluate import Evaluation as Evaluation
    from seealso.evaluation.evaluate import evaluate as evaluate
    from seealso.evaluation.evaluate import sample_of as sample_of
    from seealso.evaluation.evaluate import true_neighbours as true_neighbours
    from seealso.evaluation.exact import Neighbours as Neighbours
    from seealso.evaluation.exact import exact_neighbours as exact_neighbours
    from seealso.evaluation.measuring import Sample as Sample
    from seealso.evaluation.measuring import SizeResult as SizeResult
    from seealso.evaluation.plot import plot_evaluation as plot_evaluation
    from seealso.evaluation.queries import queries_from as queries_from
    from seealso.evaluation.tune import Tuned as Tuned
    from seealso.evaluation.tune import tune as tune
    from seealso.evaluation.tune import with_index_options as with_index_options
    from seealso.images.decoding import IMAGE_SUFFIXES as IMAGE_SUFFIXES
    from seealso.images.decoding import DecodedImage as DecodedImage
    from seealso.images.decoding import decode_image as decode_image
    from seealso.images.formats import media_type as media_type
    from seealso.images.metadata import ImageMetadata as ImageMetadata
    from seealso.images.metadata import image_metadata as image_metadata
    from seealso.images.preparation import Preparation as Preparation
    from seealso.images.ways import Way as Way
    from seealso.interfaces.answer import Answer as Answer
    from seealso.interfaces.answer import Asked as Asked
    from seealso.interfaces.answer import Cost as Cost
    from seealso.interfaces.answer import Hit as Hit
    from seealso.interfaces.answer import Times as Times
    from seealso.interfaces.codec import Codec as Codec
    from seealso.interfaces.codec import CodecContext as CodecContext
    from seealso.interfaces.codec import Records as Records
    from seealso.interfaces.derived import Derived as Derived
    from seealso.interfaces.distance import Distance as Distance
    from seealso.interfaces.example import Example as Example
    from seealso.interfaces.example import Region as Region
    from seealso.interfaces.extractor import Extractor as Extractor
    from seealso.interfaces.extractor import ExtractorContext as ExtractorContext
    from seealso.interfaces.extractor import Provenance as Provenance
    from seealso.interfaces.frontend import Frontend as Frontend
    from seealso.interfaces.frontend import Host as Host
    from seealso.interfaces.image_limits import ImageLimits as ImageLimits
    from seealso.interfaces.index import CandidateBlock as CandidateBlock
    from seealso.interfaces.index import IdSet as IdSet
    from seealso.interfaces.index import IndexContext as IndexContext
    from seealso.interfaces.index import MetricIndex as MetricIndex
    from seealso.interfaces.keywords import KeywordSource as KeywordSource
    from seealso.interfaces.likeness import Likeness as Likeness
    from seealso.interfaces.likeness import Within as Within
    from seealso.interfaces.observed import Observed as Observed
    from seealso.interfaces.plugin import Plugin as Plugin
    from seealso.interfaces.plugin import PluginChoice as PluginChoice
    from seealso.interfaces.plugin import PluginOptions as PluginOptions
    from seealso.interfaces.plugin import RelativePath as RelativePath
    from seealso.interfaces.query import Query as Query
    from seealso.interfaces.records import Counts as Counts
    from seealso.interfaces.records import Damage as Damage
    from seealso.interfaces.records import DamagedObject as DamagedObject
    from seealso.interfaces.records import ObjectRecord as ObjectRecord
    from seealso.interfaces.scan_rules import ScanRules as ScanRules
    from seealso.interfaces.searchable import Searchable as Searchable
    from seealso.interfaces.sketch import Sketch as Sketch
    from seealso.interfaces.sketch import SketchContext as SketchContext
    from seealso.interfaces.sketch import SketchQuery as SketchQuery
    from seealso.interfaces.sketch import SketchView as SketchView
    from seealso.interfaces.store import EncodedBlock as EncodedBlock
    from seealso.interfaces.store import ObjectStore as ObjectStore
    from seealso.interfaces.store import StoreContext as StoreContext
    from seealso.interfaces.store import StoreOptions as StoreOptions
    from seealso.interfaces.store import StoreReport as StoreReport
    from seealso.interfaces.text import TextContext as TextContext
    from seealso.interfaces.text import TextHits as TextHits
    from seealso.interfaces.text import TextIndex as TextIndex
    from seealso.interfaces.text import Words as Words
    from seealso.interfaces.text import hash_of_words as hash_of_words
    from seealso.interfaces.text_query import PICTOGRAPHS as PICTOGRAPHS
    from seealso.interfaces.text_query import Match as Match
    from seealso.interfaces.text_query import Term as Term
    from seealso.interfaces.text_query import TextQuery as TextQuery
    from seealso.messages import IS_EMPTY as IS_EMPTY
    from seealso.messages import MessageFormatter as MessageFormatter
    from seealso.messages import one_line as one_line
    from seealso.messages import printable as printable
    from seealso.messages import reason_of as reason_of
    from seealso.messages import traceback_of as traceback_of
    from seealso.opening import open as open
    from seealso.paths import shown_path as shown_path
    from seealso.paths import unreadable as unreadable
    from seealso.paths import uri_of_path as uri_of_path
    from seealso.planning.estimate import Estimate as Estimate
    from seealso.planning.estimate import Plan as Plan
    from seealso.planning.estimate import Plans as Plans
    from seealso.planning.estimate import plan as plan
    from seealso.planning.estimate import shown_choice as shown_choice
    from seealso.registry.blame import explain_failure as explain_failure
    from seealso.registry.blame import limit_reached as limit_reached
    from seealso.registry.blame import raised_by as raised_by
    from seealso.registry.loading import load_plugins as load_plugins
    from seealso.registry.markers import hookimpl as hookimpl
    from seealso.registry.output import own_stdout as own_stdout
    from seealso.registry.output import take_stdout as take_stdout
    from seealso.registry.registry import Plugins as Plugins
    from seealso.sorted_ids import KeptIds as KeptIds
    from seealso.sorted_ids import distinct as distinct
    from seealso.spelling import nearest_spellings as nearest_spellings

_MODULES = {
    "seealso.collection": ("Collection",),
    "seealso.interfaces.derived": ("Derived",),
    "seealso.interfaces.image_limits": ("ImageLimits",),
    "seealso.interfaces.answer": ("Answer", "Asked", "Cost", "Hit", "Times"),
    "seealso.interfaces.example": ("Example", "Region"),
    "seealso.interfaces.query": ("Query",),
    "seealso.interfaces.scan_rules": ("ScanRules",),
    "seealso.interfaces.searchable": ("Searchable",),
    "seealso.interfaces.records": ("Counts", "Damage", "DamagedObject", "ObjectRecord"),
    "seealso.collection.duplicates.groups": ("DuplicateGroup", "Duplicates"),
    "seealso.collection.duplicates.nearness": ("MAY_BE_THE_SAME", "NEARLY_THE_SAME"),
    "seealso.collection.search.content": ("Content",),
    "seealso.collection.upkeep.export": ("export",),
    "seealso.collection.intake.dry_run": ("DryRun",),
    "seealso.collection.intake.forgetting": ("ForgetReport", "ForgottenImage"),
    "seealso.collection.intake.importing": ("ImportReport",),
    "seealso.collection.intake.ingest": ("IngestReport", "IngestedBatch", "Progress"),
    "seealso.configuration.models": ("Config", "load_config"),
    "seealso.deployment": ("Deployment",),
    "seealso.sorted_ids": ("KeptIds", "distinct"),
    "seealso.durability": ("disk_is_full", "sync_directory", "sync_file", "write_atomically"),
    "seealso.errors": (
        "CollectionBusy",
        "CollectionError",
        "CollectionReadOnly",
        "ConfigError",
        "CorruptCollection",
        "CorruptRecord",
        "DiskFull",
        "FileError",
        "FormatError",
        "ImageError",
        "ImageTooLarge",
        "KeywordError",
        "MissingExtra",
        "MissingObject",
        "NoCollection",
        "NoObject",
        "PluginError",
        "ProvenanceMismatch",
        "QueryError",
        "SeealsoError",
        "StoreError",
        "UnknownWord",
        "WrongStore",
    ),
    "seealso.evaluation.distances": ("DistanceReport", "Distances", "measure_distances"),
    "seealso.evaluation.evaluate": ("Evaluation", "evaluate", "sample_of", "true_neighbours"),
    "seealso.evaluation.exact": ("Neighbours", "exact_neighbours"),
    "seealso.evaluation.measuring": ("Sample", "SizeResult"),
    "seealso.planning.estimate": ("Estimate", "Plan", "Plans", "plan", "shown_choice"),
    "seealso.evaluation.plot": ("plot_evaluation",),
    "seealso.evaluation.queries": ("queries_from",),
    "seealso.evaluation.tune": ("Tuned", "tune", "with_index_options"),
    "seealso.registry.blame": ("explain_failure", "limit_reached", "raised_by"),
    "seealso.registry.markers": ("hookimpl",),
    "seealso.registry.output": ("own_stdout", "take_stdout"),
    "seealso.images.decoding": ("IMAGE_SUFFIXES", "DecodedImage", "decode_image"),
    "seealso.images.formats": ("media_type",),
    "seealso.images.ways": ("Way",),
    "seealso.images.metadata": ("ImageMetadata", "image_metadata"),
    "seealso.interfaces.codec": ("Codec", "CodecContext", "Records"),
    "seealso.interfaces.distance": ("Distance",),
    "seealso.interfaces.extractor": ("Extractor", "ExtractorContext", "Provenance"),
    "seealso.interfaces.frontend": ("Frontend", "Host"),
    "seealso.interfaces.index": ("CandidateBlock", "IdSet", "IndexContext", "MetricIndex"),
    "seealso.interfaces.keywords": ("KeywordSource",),
    "seealso.interfaces.likeness": ("Likeness", "Within"),
    "seealso.interfaces.observed": ("Observed",),
    "seealso.interfaces.plugin": ("Plugin", "PluginChoice", "PluginOptions", "RelativePath"),
    "seealso.interfaces.sketch": ("Sketch", "SketchContext", "SketchQuery", "SketchView"),
    "seealso.interfaces.store": ("EncodedBlock", "ObjectStore", "StoreContext", "StoreOptions", "StoreReport"),
    "seealso.interfaces.text": ("TextContext", "TextHits", "TextIndex", "Words", "hash_of_words"),
    "seealso.authoring.new": ("write_new_plugin",),
    "seealso.configuration.options": ("Option", "options_of"),
    "seealso.configuration.schema": ("configuration_schema",),
    "seealso.messages": ("IS_EMPTY", "MessageFormatter", "one_line", "printable", "reason_of", "traceback_of"),
    "seealso.opening": ("open",),
    "seealso.paths": ("shown_path", "unreadable", "uri_of_path"),
    "seealso.registry.loading": ("load_plugins",),
    "seealso.registry.registry": ("Plugins",),
    "seealso.images.preparation": ("Preparation",),
    "seealso.configuration.template": ("commented_configuration",),
    "seealso.interfaces.text_query": ("PICTOGRAPHS", "Match", "Term", "TextQuery"),
    "seealso.spelling": ("nearest_spellings",),
    "seealso.configuration.editing": ("set_configuration_value",),
    "seealso.configuration.reading": ("find_config", "read_plugin_files"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version("seealso")
    if name not in _HOME:
        raise AttributeError(f"module 'seealso' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

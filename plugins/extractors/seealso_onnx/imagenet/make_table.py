"""Writes ``words.txt``: which words mean which of the 1,000 classes of ImageNet, and how much.

    python make_table.py WORDNET CLASSES

WORDNET is a folder with the files of WordNet 3.0 (``data.noun``, ``index.noun``, ``noun.exc``; Debian's package
``wordnet-base`` has them in ``/usr/share/wordnet``). CLASSES lists the classes' synsets in their order, one a line, such as
``n01440764`` (the package timm has it as ``timm/data/_info/imagenet_synsets.txt``).

A word means classes in these ways, each with its weight; where it does in several, the largest counts:

- a sense of it is a class, or covers some ("dog" covers 118 breeds): `COVERS`; and those beside it, `BESIDE`;
- a sense of it is a kind of something that covers classes ("puppy"), `KIND_OF`, or a part of such a thing, `PART_OF`;
- another name of one of its senses stands in a class's name, `SYNONYM`;
- a class's name ends with it, `NAMED` ("running shoe"), or with a word that ends with it, `ENDS` ("sweatshirt");
- it stands in a class's name elsewhere ("soccer ball"), `NAMED_BESIDE`;
- it stands in a class's definition, `DEFINED`.

A sense counts `RARER` times as much as the more frequent one before it.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seealso_onnx.imagenet.plurals import singulars

COVERS, BESIDE, KIND_OF = 1.0, 0.05, 0.3
PART_OF, PART_OF_MANY = 0.4, 0.1  # of what covers few classes, or more
SYNONYM, NAMED, ENDS, NAMED_BESIDE, DEFINED = 0.5, 0.7, 0.5, 0.4, 0.4
RARER = 0.3
LEAST = 0.02  # what weighs less is left out

# What covers more classes says little: "clothing" covers 49, "animal" 398.
MOST_COVERED = 400
MOST_KINDS = 60
MOST_KINDS_OF_ANIMAL = 150  # which look more alike than containers do
MOST_BESIDE = 60
FEW = 10
MOST_SYNONYMS = 30
MOST_DEFINED = 60
SHORTEST_END = 4  # letters

ANIMALS = "05"
"""The number of WordNet's file of animals."""


@dataclass(frozen=True, slots=True)
class Synset:
    """A meaning: whether it is an animal, its names, what it is a kind of, what it is a part of, and its definition without examples."""

    is_animal: bool
    names: tuple[str, ...]
    kind_of: tuple[str, ...]
    part_of: tuple[str, ...]
    definition: str


class Wordnet:
    """The nouns of WordNet."""

    def __init__(self, folder: Path) -> None:
        self.synsets = dict(self._synsets(folder / "data.noun"))
        self.senses = dict(self._senses(folder / "index.noun"))
        exceptions = (folder / "noun.exc").read_text().splitlines()
        self.irregular = {
            plural.replace("_", " "): singular.split()
            for plural, _, singular in (line.partition(" ") for line in exceptions)
        }

    @staticmethod
    def _synsets(file: Path) -> Iterator[tuple[str, Synset]]:
        for line in file.read_text("latin-1").splitlines():
            if line.startswith("  "):
                continue
            head, _, definition = line.partition(" | ")
            fields = head.split()
            count = int(fields[3], 16)
            names = tuple(spaced(name) for name in fields[4 : 4 + 2 * count : 2])
            pointers = fields[5 + 2 * count :]
            related = defaultdict(list)
            for place in range(0, 4 * int(fields[4 + 2 * count]), 4):
                symbol, target, part_of_speech = pointers[place : place + 3]
                if part_of_speech == "n":
                    related[symbol].append(target)
            kinds = (*related["@"], *related["@i"])
            yield (
                fields[0],
                Synset(fields[1] == ANIMALS, names, kinds, tuple(related["#p"]), definition.partition('; "')[0]),
            )

    @staticmethod
    def _senses(file: Path) -> Iterator[tuple[str, list[str]]]:
        for line in file.read_text().splitlines():
            if not line.startswith("  "):
                fields = line.split()
                yield spaced(fields[0]), fields[-int(fields[2]) :]

    def singulars(self, word: str) -> list[str]:
        """The word itself, and what it may be the plural of."""
        return [*singulars(word), *self.irregular.get(word, ())]


def spaced(name: str) -> str:
    """A name as people write it."""
    return name.replace("_", " ").lower()


def tokens(text: str) -> list[str]:
    """The words of a text."""
    return re.findall(r"[a-z]+", text.lower())


class Table:
    """Word → class → weight, for everything that WordNet has a noun for, and all words of the classes' names and definitions."""

    def __init__(self, wordnet: Wordnet, classes: list[str]) -> None:
        self._wordnet = wordnet
        self._covered: dict[str, set[int]] = defaultdict(set)
        for number, each in enumerate(classes):
            for synset in self._above(each):
                self._covered[synset].add(number)
        synsets = [wordnet.synsets[each] for each in classes]
        self._named = self._standing_in([" ".join(each.names) for each in synsets])
        self._ending = self._standing_in([" ".join(name.split()[-1] for name in each.names) for each in synsets])
        self._defined = self._standing_in([each.definition for each in synsets])

    def _above(self, synset: str) -> set[str]:
        """A synset and all that it is a kind of."""
        found = {synset}
        for each in self._wordnet.synsets[synset].kind_of:
            found |= self._above(each)
        return found

    def _standing_in(self, texts: Sequence[str]) -> dict[str, set[int]]:
        """Word → the numbers of the texts that it stands in, itself or as a plural."""
        found: dict[str, set[int]] = defaultdict(set)
        for number, text in enumerate(texts):
            for word in tokens(text):
                for singular in self._wordnet.singulars(word):
                    found[singular].add(number)
        return found

    def words(self) -> list[str]:
        """All that may have an entry."""
        return sorted({*self._wordnet.senses, *self._wordnet.irregular, *self._named, *self._defined})

    def weights(self, word: str) -> dict[int, float]:
        """Class → weight; empty where the word means none of them."""
        found: dict[int, float] = {}
        for form in (word, *self._wordnet.irregular.get(word, ())):
            for classes, weight in self._ways(form):
                for number in classes:
                    found[number] = max(found.get(number, 0), weight)
        return {number: weight for number, weight in found.items() if weight >= LEAST}

    def _ways(self, word: str) -> Iterator[tuple[Collection[int], float]]:
        yield from self._by_senses(word)
        parts = tokens(word)
        named = self._all_of(parts, self._named)
        last = named & self._ending.get(parts[-1], set()) if parts else set()
        yield last, NAMED
        yield named - last, NAMED_BESIDE
        if len(parts) == 1 and len(word) >= SHORTEST_END:
            ends = (classes for each, classes in self._ending.items() if each != word and each.endswith(word))
            yield set().union(*ends), ENDS
        defined = self._all_of(parts, self._defined)
        if len(defined) <= MOST_DEFINED:
            yield defined, DEFINED

    def _by_senses(self, word: str) -> Iterator[tuple[Collection[int], float]]:
        for rank, name in enumerate(self._wordnet.senses.get(word, ())):
            synset = self._wordnet.synsets[name]
            share = RARER**rank
            covered = self._covered.get(name, set())
            if covered and len(covered) <= MOST_COVERED:
                yield covered, COVERS * share
                yield from self._narrow(synset.kind_of, BESIDE * share, MOST_BESIDE)
            else:
                most = MOST_KINDS_OF_ANIMAL if synset.is_animal else MOST_KINDS
                yield from self._narrow(synset.kind_of, KIND_OF * share, most)
                yield from self._narrow(synset.part_of, PART_OF * share, FEW)
                yield from self._narrow(synset.part_of, PART_OF_MANY * share, MOST_BESIDE)
            for other in synset.names:
                named = self._all_of(tokens(other), self._named)
                if other != word and len(named) <= MOST_SYNONYMS:
                    yield named, SYNONYM * share

    def _narrow(self, synsets: Sequence[str], weight: float, most: int) -> Iterator[tuple[Collection[int], float]]:
        for each in synsets:
            if len(self._covered.get(each, ())) <= most:
                yield self._covered.get(each, ()), weight

    @staticmethod
    def _all_of(words: Sequence[str], where: dict[str, set[int]]) -> set[int]:
        """What all of some words stand in."""
        return set.intersection(*(where.get(word, set()) for word in words)) if words else set()


def written(weights: dict[int, float]) -> str:
    """``weight:class,first-last`` for each weight, in hundredths, the largest first."""
    by_weight: dict[int, list[int]] = defaultdict(list)
    for number, weight in sorted(weights.items()):
        by_weight[round(100 * weight)].append(number)
    return " ".join(f"{weight}:{ranges(numbers)}" for weight, numbers in sorted(by_weight.items(), reverse=True))


def ranges(numbers: list[int]) -> str:
    """Ascending numbers, those in a row as ``first-last``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def main(folder: str, classes: str) -> None:
    """Write the table beside this file."""
    wordnet = Wordnet(Path(folder))
    synsets = [line.strip().removeprefix("n") for line in Path(classes).read_text().splitlines()]
    table = Table(wordnet, synsets)
    lines = [f"{word}\t{written(weights)}" for word in table.words() if (weights := table.weights(word))]
    Path(__file__).with_name("words.txt").write_text("\n".join(lines) + "\n")
    Path(__file__).with_name("classes.txt").write_text(
        "\n".join(wordnet.synsets[each].names[0] for each in synsets) + "\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

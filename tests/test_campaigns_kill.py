"""The check of the campaign ``kill`` notices what must not be."""

import os
import random

import pytest

import seealso
from campaigns.campaign import Tally
from campaigns.story import Story


@pytest.fixture(scope="module")
def story(tmp_path_factory, python):
    """Two collections in which all is as it must be."""
    story = Story(tmp_path_factory.mktemp("kill") / "story", python, Tally("kill", print))
    draw = random.Random(1)
    for kind in ("index", "prune", "import"):
        story.run(kind, draw, kill=False)
    assert story.check("nothing", whole=("photographs", "imported")) == []
    return story


def look(story: Story) -> set[str]:
    """The kinds of problems that are found; the story then goes on as if nothing had been."""
    promised = story.promised
    found = {kind for kind, _ in story.problems(whole=("photographs", "imported"))}
    story.promised = promised
    return found


def opened(story: Story, name: str = "photographs") -> seealso.Collection:
    return seealso.open(config=story.folder / "story.yaml", name=name)


def test_a_path_that_was_promised(story):
    kept = story.promised["photographs"]
    story.promised["photographs"] = kept | {"/gone.png": (10**6, "")}
    assert look(story) == {"what was committed is lost"}
    story.promised["photographs"] = kept


def test_a_descriptor_of_another_file(story):
    with opened(story) as collection:
        ids = collection.ids()[:2]
        right, wrong = collection.descriptors(ids)
        for descriptor, expected in ((wrong, {"a descriptor is not that of its file"}), (right, set())):
            with collection._writing() as (writing, _):
                writing.store.put_many(ids[:1], descriptor[None])
                writing.store.flush()
            assert look(story) == expected


def test_words_that_are_not_those_of_the_sidecar(story):
    (sidecar, *_) = sorted(path for path in story.photos.folder.rglob("*.txt") if path.with_suffix(".png").exists())
    kept = sidecar.read_text()
    sidecar.write_text("unheard")
    assert look(story) == {"after a whole run the words kept are not those of the sidecars"}
    sidecar.write_text(kept)


def test_a_file_that_was_passed_over(story):
    new = story.photos.folder / "new.png"
    new.write_bytes(story.photos.files()[0].read_bytes())
    assert look(story) == {"after a whole run the catalogue is not the folder"}
    new.unlink()


def test_an_import_with_a_hole(story):
    with opened(story, "imported") as collection:
        collection.remove(collection.ids()[3:4])
    assert look(story) == {
        "what was committed is lost",
        "the import has a hole",
        "after a whole import descriptors are missing",
    }
    story.begin_anew("imported")


def test_a_command_that_fails(story):
    os.rename(story.disk, story.folder / "away")
    story.disk.write_text("")
    failures = story.tally.failures
    story.run("rebuild", random.Random(1), kill=False)
    assert failures == {"rebuild fails": 1}
    failures.clear()
    story.disk.unlink()
    os.rename(story.folder / "away", story.disk)

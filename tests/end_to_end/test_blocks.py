"""No block of code in the documentation goes unmarked: each is run or checked, or says above it why not."""

import re

import pytest

from doc_blocks import PAGES, ROOT, blocks

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

LANGUAGES = {
    "console": "each line is typed, in a home directory with photographs",
    "nginx": "nginx runs with it, in front of a server",
    "python": "it is run; a plugin is loaded, a test passes",
    "sh": "the commands of make, which run this very test: that there are such targets",
    "text": "nothing; it shows folders and files",
    "yaml": "it is a configuration that `seealso config check` finds right",
}
"""What is done with a block in each language."""

REASONS = {
    "a configuration of Caddy's",
    "fetches trained weights",
    "fetches trained weights; the same is done with random ones in tests/plugins/test_clip.py",
    "fills a pilot for each line of the table; the same is done in tests/plugins/test_cli_measuring.py",
    "installs from a package index",
    "installs from a package index; the same is done offline in tests/framework/authoring/test_authoring.py",
    "it wants podman, and a base image from a registry",
    "it wants root, and a machine with systemd",
    "names files of models; the same is done in tests/plugins/test_clip.py",
    "uploads to a package index",
    "wants an extractor on torch; the same is done in tests/plugins/test_export.py",
}
"""Why blocks are not run."""

RUN_BY = [
    ("README.md", "end_to_end/test_readme.py", "README.md"),
    ("docs/decaf7.md", "plugins/test_decaf.py", "decaf7.md"),
    ("docs/timm.md", "plugins/test_timm.py", "timm.md"),
    ("docs/web.md", "end_to_end/test_readme.py", "docs/web.md"),
    (r"docs/(?!decaf7|timm|web).*", "end_to_end/test_docs.py", None),
    (r"examples/(.*/)?README.md", "examples/test_examples.py", None),
]
"""Pages, the tests that run their blocks, and by what these name them where they do not take all that there are."""


@pytest.mark.parametrize("name", NAMES)
def test_every_block_says_what_it_is(name):
    for block in blocks(name):
        place = f"{name}, line {block.line}"
        assert block.language in LANGUAGES, f"{place}: a block in {block.language or 'no language'}"
        if block.language == "console":
            assert all(line.startswith(("$ ", "# ")) for line in block.text.splitlines()), place
        elif block.language == "text":
            assert block.reason or not re.search(r"^(\$|#|seealso|pip|python3?|make) ", block.text, re.MULTILINE), place
        if block.reason:
            assert block.reason in REASONS, f"{place}: {block.reason}"


def test_every_reason_is_some_blocks():
    assert {block.reason for name in NAMES for block in blocks(name)} - {""} == REASONS


@pytest.mark.parametrize("name", NAMES)
def test_every_page_with_code_is_run(name):
    if any(not block.reason and block.language != "text" for block in blocks(name)):
        assert any(
            re.fullmatch(pattern, name) and (own is None or own in (ROOT / "tests" / test).read_text())
            for pattern, test, own in RUN_BY
        ), f"no test runs the code of {name}"


@pytest.mark.parametrize("name", NAMES)
def test_targets_of_make_are_there(name):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for block in blocks(name, "sh"):
        for line in block.text.splitlines():
            assert re.match(r"make ([\w-]+)", line)[1] in targets, line

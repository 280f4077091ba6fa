"""The documentation as a site: it builds with no warning, and a reader's browser is sent nowhere else."""

import functools
import itertools
import os
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder that it is built into."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": ""}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Says nothing of every request."""

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address(site):
    """Where it is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_page_is_there(site):
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} | {"changelog", "404"}
    assert {page.stem for page in site.rglob("*.html")} == pages


WIDE, NARROW = 1280, 360
GROUNDS = {"light": "rgb(255, 255, 255)", "dark": "rgb(30, 33, 41)"}


def test_pages_load_nothing_from_elsewhere_and_fit_the_screen(site, address, browser):
    wrong = []
    pages = []
    for scheme, ground in GROUNDS.items():
        page = browser.new_context(color_scheme=scheme).new_page()
        page.on(
            "request",
            lambda sent: urlsplit(sent.url).netloc in (urlsplit(address).netloc, "") or wrong.append(sent.url),
        )
        page.on("response", lambda answer: answer.status < 400 or wrong.append(f"{answer.status} {answer.url}"))
        page.on("console", lambda message: message.type in ("error", "warning") and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        pages.append((page, ground))
    files = sorted(file.name for file in site.glob("*.html") if file.stem != "404")
    # They come in either scheme by turns, for the schemes are the same everywhere; one page comes in both.
    for file, (page, ground) in zip([files[0], *files], itertools.cycle(pages), strict=False):
        # Wide before it loads: the field for searching grows slowly where the window does.
        page.goto("about:blank")
        page.set_viewport_size({"width": WIDE, "height": 800})
        page.goto(f"{address}/{file}")
        page.wait_for_load_state("load")
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth)"), file
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground, file
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDE, file
        page.set_viewport_size({"width": NARROW, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, file
    for page, _ in pages:
        page.context.close()
    assert wrong == []


def test_the_search_works_by_itself(address, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{address}/index.html")
    # Typed key by key: the page looks at what is in the field when a key comes up, and when its index gets ready. What
    # is put there at once, after the index got ready, it never sees.
    page.get_by_text("Type to start searching").wait_for(state="attached")
    page.get_by_placeholder("Search").press_sequentially("pivot permutation")
    found = page.locator(".md-search-result__item a").first
    found.wait_for()
    assert urlsplit(found.evaluate("found => found.href")).path in ("/search.html", "/ppp-codes.html")
    context.close()

"""The web in a real browser: what people do with it, with the mouse, the keyboard alone, and without scripts."""

import re
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

import seealso
from conftest import COLOUR_WORDS, crop
from web_site import configure, free_port, jpeg, running

OBJECTS = 90


@pytest.fixture(scope="module")
def site(tmp_path_factory, photographs):
    """A running server with many images; its address."""
    import numpy as np

    folder = tmp_path_factory.mktemp("browser")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(5)
    originals = list(photographs.items())
    for number in range(OBJECTS):
        name, image = originals[number % len(originals)]
        part = crop(image, rng, 0.6)
        width = (480, 320, 640)[number % 3]
        part.resize((width, 360)).save(folder / "photos" / f"{name}-{number}.jpg", quality=85)
        (folder / "photos" / f"{name}-{number}.json").write_text(f'{{"keywords": ["picture", "{name}"]}}')
    with seealso.open(folder / "c", plugins=[COLOUR_WORDS], extractor="colours") as collection:
        collection.index([folder / "photos"])
    options = {"port": free_port(), "upload_megabytes": 1}
    with running(
        configure(folder, {"photos": folder / "c"}, (COLOUR_WORDS,), extractor="colours", **options)
    ) as address:
        yield address


def settle(page: Page) -> None:
    """Wait until the page is loaded, and the pictures that are seen have come, or failed."""
    page.wait_for_load_state("load")
    page.wait_for_function(
        "[...document.images].every(each => each.complete || each.getBoundingClientRect().top >= innerHeight)"
    )


@pytest.fixture
def visit(site, browser):
    """Open pages of the site. Whatever is done: no error on the console, no request to another host, none that fails."""
    contexts, wrong = [], []
    host = urlsplit(site).netloc

    def visit(path: str, **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: urlsplit(request.url).netloc in (host, "") or wrong.append(request.url))
        page.on("response", lambda answer: answer.status < 400 or wrong.append(f"{answer.status} {answer.url}"))
        page.goto(site + path)
        settle(page)
        return page

    visit.wrong = wrong
    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def mine(tmp_path_factory, photographs):
    """A file that the collection does not hold."""
    file = tmp_path_factory.mktemp("mine") / "mine.jpg"
    file.write_bytes(jpeg(photographs["coffee"].crop((100, 50, 500, 350))))
    return file


def tiles(page: Page) -> list[str]:
    return page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.getAttribute('href'))")


def at(page: Page, pattern: str) -> None:
    """Wait for the page, and for its scripts too: before they run, links and forms do the work without them."""
    expect(page).to_have_url(re.compile(pattern + "$"))
    page.wait_for_load_state("domcontentloaded")


def test_from_image_to_image_and_back(visit):
    page = visit("/")
    at(page, r"/photos\?seed=\d+")
    start = page.url
    assert len(tiles(page)) == 60
    first = tiles(page)[3]
    page.locator(".tile").nth(3).click()
    at(page, first)
    expect(page.locator(".asked img")).to_be_visible()
    assert first not in tiles(page)
    second = tiles(page)[0]
    page.locator(".tile").first.click()
    at(page, second)
    page.go_back()
    at(page, first)
    page.go_back()
    assert page.url == start
    assert tiles(page)[3] == first
    page.go_forward()
    at(page, first)
    page.get_by_role("link", name="Explore").click()
    page.get_by_role("link", name="Another selection").click()
    at(page, r"/photos\?seed=\d+")
    assert page.url != start


def test_more_on_demand(visit):
    page = visit("/photos/similar/1")
    assert len(tiles(page)) == 60
    page.get_by_role("link", name="More", exact=True).click()
    expect(page.locator(".tile")).to_have_count(OBJECTS - 1)
    assert len(set(tiles(page))) == OBJECTS - 1
    expect(page.get_by_role("link", name="More", exact=True)).to_have_count(0)
    at(page, "/photos/similar/1")
    expect(page.get_by_role("status")).to_have_text("29 more images")


def test_an_upload_by_file(visit, mine):
    page = visit("/")
    page.locator("input[type=file]").set_input_files(mine)
    at(page, r"/photos/uploads/[\w-]{22}")
    assert page.locator(".tile img").first.get_attribute("alt").startswith("coffee")
    shown = tiles(page)
    page.reload()
    assert tiles(page) == shown
    another = visit(urlsplit(page.url).path)  # as somebody else whom the address was given
    assert tiles(another) == shown


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_an_upload_by(visit, mine, way):
    page = visit("/photos/similar/1")
    if way == "drop":
        page.evaluate(
            "document.body.dispatchEvent(new DragEvent('dragover', {bubbles: true, cancelable: true, dataTransfer: (() => { const brought = new DataTransfer(); brought.items.add(new File(['x'], 'x.jpg')); return brought; })()}))"
        )
        expect(page.get_by_text("Drop the image to search with it")).to_be_visible()
    page.evaluate(
        """([bytes, way]) => {
            const brought = new DataTransfer();
            brought.items.add(new File([Uint8Array.from(bytes)], 'mine.jpg', {type: 'image/jpeg'}));
            const event = way === 'drop'
                ? new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: brought})
                : new ClipboardEvent('paste', {bubbles: true, cancelable: true, clipboardData: brought});
            document.body.dispatchEvent(event);
        }""",
        [list(mine.read_bytes()), way],
    )
    at(page, r"/photos/uploads/[\w-]{22}")
    assert page.locator(".tile img").first.get_attribute("alt").startswith("coffee")


def test_what_is_too_large_is_not_even_sent(visit, tmp_path):
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(2 << 20))
    page = visit("/")
    start = page.url
    page.locator("input[type=file]").set_input_files(large)
    expect(page.get_by_role("status")).to_have_text("This file is larger than 1 MB, the most that is taken here.")
    assert page.url == start


def test_what_is_no_image_is_said_on_a_page(visit, tmp_path):
    (tmp_path / "no.jpg").write_text("no image")
    page = visit("/")
    page.locator("input[type=file]").set_input_files(tmp_path / "no.jpg")
    expect(page.get_by_text("not an image of a format that is known here")).to_be_visible()
    assert all("422" in each for each in visit.wrong)
    visit.wrong.clear()


def test_a_part_is_marked_with_the_mouse(visit):
    page = visit("/photos/similar/1")
    whole = tiles(page)
    page.get_by_role("button", name="Search with a part").click()
    box = page.locator(".stage").bounding_box()
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"])
    page.mouse.up()
    # What is marked can be moved.
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.4 * box["height"])
    page.mouse.up()
    page.get_by_role("button", name="Search with this part").click()
    at(page, r"/photos/similar/1\?crop=[\d.,]+")
    part = [float(each) for each in page.url.partition("crop=")[2].split(",")]
    assert part == pytest.approx([0.2, 0.2, 0.5, 0.5], abs=0.02)
    assert tiles(page) != whole
    frame = page.locator(".frame").bounding_box()
    stage = page.locator(".stage").bounding_box()
    assert (frame["x"] - stage["x"]) / stage["width"] == pytest.approx(part[0], abs=0.01)
    page.get_by_role("link", name="The whole image").click()
    at(page, "/photos/similar/1")
    assert tiles(page) == whole


def test_with_the_keyboard_alone(visit):
    page = visit("/photos?seed=4")
    shown = tiles(page)

    def focused() -> str:
        return page.evaluate("document.activeElement.getAttribute('href')")

    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    assert focused() == shown[0]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert focused() == shown[2]
    page.keyboard.press("ArrowLeft")
    assert focused() == shown[1]
    page.keyboard.press("ArrowDown")
    below = shown.index(focused())
    assert below > 3
    tops = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.getBoundingClientRect().top)")
    assert tops[below] > tops[1]
    page.keyboard.press("ArrowUp")
    assert focused() == shown[1]
    page.keyboard.press("End")
    assert focused() == shown[-1]
    page.keyboard.press("Home")
    assert page.locator(".tile").first.evaluate("tile => getComputedStyle(tile).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    at(page, shown[0])
    settle(page)
    # The search, the cost, a part: each without a mouse.
    page.keyboard.press("/")
    expect(page.locator(".find input")).to_be_focused()
    page.keyboard.press("Escape")
    page.locator("input[type=file]").focus()
    expect(page.locator("input[type=file]")).to_be_focused()
    page.locator(".cost summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".cost dl")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".cost dl")).to_be_hidden()
    page.get_by_role("button", name="Search with a part").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".frame")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".frame")).to_have_count(0)
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    at(page, r"crop=0\.23,0\.25,0\.5,0\.52")


def test_words(visit):
    """Typed with the keyboard alone, with suggestions; then by the links of keywords, and beside an image."""
    page = visit("/photos?seed=1")
    page.keyboard.press("/")
    page.keyboard.type("picture coff", delay=20)
    expect(page.locator("#suggested option")).to_have_attribute("value", "picture coffee")
    page.keyboard.type("ee -moon")
    page.keyboard.press("Enter")
    at(page, r"/photos/text\?q=picture\+coffee\+-moon")
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"\d+ images match"))
    found = tiles(page)
    assert 2 < len(found) < OBJECTS // 10
    page.locator(".words a", has_text="picture").first.click()
    at(page, r"q=picture")
    assert len(tiles(page)) == 60
    page.locator(".more").click()
    expect(page.locator(".tile")).to_have_count(OBJECTS)
    page.go_back()
    at(page, r"q=picture\+coffee\+-moon")
    page.locator(".tile").first.click()
    at(page, found[0])
    page.get_by_label("Only images with").fill("coffee")
    page.keyboard.press("Enter")
    at(page, found[0] + r"\?where=coffee")
    assert set(tiles(page)) == set(found[1:])
    expect(page.get_by_role("main")).to_contain_text(f"{len(found)} images match")


@pytest.mark.slow
def test_a_question_of_several_examples(visit):
    """It grows by clicks on the hits and by words, and the address carries all of it."""
    page = visit("/photos/text?q=black")
    expect(page.locator(".tile .far").first).to_contain_text("looks")
    page.get_by_role("link", name="Looks", exact=True).click()
    at(page, r"/photos/text\?q=black&by=looks")
    first = page.locator(".cell").nth(2)
    expect(first.locator(".choice")).to_have_css("opacity", "0")
    first.hover()
    expect(first.locator(".choice")).to_have_css("opacity", "1")
    first.get_by_role("link", name="More like").click()
    at(page, r"/photos/similar/\d+\?words=black#refine")
    asked = page.url
    shown = tiles(page)
    expect(page.locator(".example")).to_have_text([re.compile("“black”")])
    # With the keyboard alone: the third is more like it, the next one less.
    page.locator(".tile").nth(2).focus()
    page.keyboard.press("+")
    at(page, r"words=black&like=\d+#refine")
    assert shown[2] not in tiles(page)
    page.locator(".tile").nth(5).focus()
    page.keyboard.press("-")
    at(page, r"words=black&like=\d+&unlike=\d+#refine")
    page.get_by_label("That also look like").fill("brown")
    page.keyboard.press("Enter")
    at(page, r"\?words=black&like=\d+&unlike=\d+&words=brown")
    expect(page.locator(".example")).to_have_count(4)
    whole = tiles(page)
    page.reload()
    assert tiles(page) == whole
    another = visit(page.url.partition(urlsplit(page.url).netloc)[2])  # as somebody else whom the address was given
    assert tiles(another) == whole
    # What is left out goes; on the way back it is there again.
    page.get_by_role("link", name="Leave out “black”").click()
    at(page, r"\?like=\d+&unlike=\d+&words=brown")
    expect(page.locator(".example")).to_have_count(3)
    page.go_back()
    expect(page.locator(".example")).to_have_count(4)
    for _ in range(3):
        page.go_back()
    assert page.url == asked
    assert tiles(page) == shown
    # A part of the image is another example, and the rest of the question stays.
    page.get_by_role("button", name="Search with a part").click()
    page.keyboard.press("Enter")
    at(page, r"\?crop=0\.25,0\.25,0\.5,0\.5&words=black")
    # Also where the address names the image as one example of several.
    page = visit("/photos/similar?like=1&words=black")
    page.get_by_role("button", name="Search with a part").click()
    page.keyboard.press("Enter")
    at(page, r"/photos/similar/1\?crop=0\.25,0\.25,0\.5,0\.5&words=black")
    # Another weight is two clicks, or as many keys.
    page.locator(".example summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    at(page, r"&words=black%5E2")
    expect(page.locator(".example")).to_contain_text("weight 2")


@pytest.mark.slow
def test_words_that_are_misspelt(visit):
    page = visit("/photos/similar/1")
    page.get_by_label("That also look like").fill("blakc")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text("no colour is called 'blakc'.")
    assert all("422" in each for each in visit.wrong)
    visit.wrong.clear()
    page.get_by_role("link", name="black").click()
    at(page, r"/photos/similar/1\?words=black")
    page.keyboard.press("/")
    page.keyboard.type("blakc")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="black", exact=True).click()
    at(page, r"/photos/text\?q=black")


def test_on_a_telephone(visit):
    """Nothing covers the images until one asks for it; then each has its two signs, large enough to touch."""
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = visit("/photos/similar/1?words=black", **phone)
    expect(page.locator(".choice").first).to_be_hidden()
    page.get_by_role("link", name="More or less like these").tap()
    at(page, "#refine")
    expect(page.locator(".choice").first).to_be_visible()
    box = page.locator(".choice a").first.bounding_box()
    assert min(box["width"], box["height"]) >= 24
    page.locator(".more-like").nth(1).tap()
    at(page, r"words=black&like=\d+#refine")
    expect(page.locator(".choice").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # The question leaves room for what it finds, however many examples it has.
    several = "&".join(["words=black^2", *(f"like={number}" for number in range(2, 8)), "unlike=9", "words=brown"])
    for address in (
        f"/photos/similar/1?{several}",
        f"/photos/similar?{several}",
        "/photos/similar/1?crop=0.2,0.2,0.5,0.5",
    ):
        page = visit(address, **phone)
        assert page.locator(".tile").first.bounding_box()["y"] <= 420
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # A part of it is marked on the image in full.
    page.get_by_role("button", name="Another part").tap()
    expect(page.locator(".frame")).to_be_focused()
    assert page.locator(".stage").bounding_box()["width"] > 300


GROUNDS = {"light": "rgb(250, 249, 247)", "dark": "rgb(22, 21, 20)"}
WCAG = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}


def barriers(page: Page, rules: dict[str, object]) -> list[tuple[str, list[str]]]:
    """What axe-core finds wrong by these rules: each rule's name, and the first places."""
    # Without its own results by default: only what is wrong.
    found = Axe().run(page, options={"resultTypes": ["violations"], "runOnly": rules})
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found.response["violations"]]


PAGES = [
    "/photos?seed=1&limit=9",
    "/photos/similar/1?crop=0.2,0.2,0.5,0.5&limit=9",
    "/photos/objects/1",
    "/photos/text?q=picture&limit=9",
    "/photos/text?q=black&limit=9",
    "/photos/text?q=blakc",
    "/photos/similar/1?like=2&unlike=3&words=black&limit=9#refine",
    "/photos/text",
    "/photos/duplicates",
    "/photos/status",
    "/api",
]


def unhindered(page: Page, address: str, scheme: str, width: int, rules: dict[str, object]) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == GROUNDS[scheme]
    assert barriers(page, rules) == [], (address, scheme, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, address


@pytest.mark.parametrize("addresses", [["mine", *PAGES[::2]], PAGES[1::2]])
@pytest.mark.slow
def test_nothing_keeps_anybody_out(visit, mine, addresses):
    """axe-core finds no violation; nothing is wider than the screen; what can be touched is large enough."""
    page = visit("/", viewport={"width": 1280, "height": 740}, reduced_motion="reduce")
    site = urlsplit(page.url)._replace(path="", query="").geturl()
    for address in addresses:
        if address == "mine":
            page.locator("input[type=file]").set_input_files(mine)
            at(page, r"/uploads/[\w-]{22}")
        else:
            page.goto(site + address)
        settle(page)
        for summary in page.locator("summary:visible").all():
            summary.click()
        unhindered(page, address, "light", 1280, WCAG)
        # The other scheme has other colours, and all else is the same.
        unhindered(page, address, "dark", 1280, COLOURS)
        unhindered(page, address, "dark", 360, WCAG)
    page.goto(site + "/photos?seed=1")
    assert page.locator(".tile img").first.evaluate("image => getComputedStyle(image).transitionDuration") in ("0s", "")


@pytest.mark.parametrize("address", ["/photos?seed=2", "/photos/similar/1"])
def test_nothing_jumps_while_it_loads(site, browser, address):
    """Rows are where they will be before a single thumbnail has come."""
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    page = context.new_page()
    waiting = []
    page.route(re.compile(r"/(thumbnail|preview)\?"), lambda route: waiting.append(route))
    boxes = "[...document.querySelectorAll('.tile, .stage')].map(each => JSON.stringify(each.getBoundingClientRect()))"
    page.goto(site + address, wait_until="domcontentloaded")
    expect(page.locator(".tile img.coming")).not_to_have_count(0)
    before = page.evaluate(boxes)
    assert len(before) > 50
    # What is still to come is not kept waiting any more.
    page.route(re.compile(r"/(thumbnail|preview)\?"), lambda route: route.continue_())
    for route in waiting:
        route.continue_()
    expect(page.locator(".tile").first.locator("img:not(.coming)")).to_have_count(1)
    settle(page)
    assert page.evaluate(boxes) == before
    context.close()


@pytest.mark.slow
def test_rows_are_full_and_of_one_height(visit):
    for width in (360, 1024, 1920):
        page = visit("/photos?seed=3", viewport={"width": width, "height": 900})
        boxes = page.locator(".tile").evaluate_all("tiles => tiles.map(tile => tile.getBoundingClientRect().toJSON())")
        grid = page.locator(".grid").bounding_box()
        rows: dict[int, list] = {}
        for box in boxes:
            rows.setdefault(round(box["top"]), []).append(box)
        assert len(rows) > 3
        for row in list(rows.values())[:-1]:
            assert max(box["height"] for box in row) - min(box["height"] for box in row) < 2
            assert abs(row[-1]["right"] - (grid["x"] + grid["width"])) < 2
            assert len(row) > 1 or width == 360


@pytest.mark.slow
def test_without_scripts(visit, mine):
    page = visit("/", java_script_enabled=False)
    at(page, r"/photos\?seed=\d+")
    page.locator(".tile").first.click()
    at(page, r"/photos/similar/\d+")
    whole = page.locator(".tile").first.get_attribute("href")
    page.get_by_role("link", name="More", exact=True).click()
    at(page, r"offset=60&limit=60")
    page.go_back()
    page.get_by_text("Search with a part, in numbers").click()
    page.get_by_role("spinbutton", name="left").fill("10")
    page.locator(".part button").click()
    at(page, r"left=10&top=25&width=50&height=50")
    assert whole
    page.go_back()
    page.get_by_label("That also look like").fill("black")
    page.get_by_role("button", name="Add").click()
    at(page, r"/photos/similar/\d+\?words=black")
    page.locator(".more-like").first.dispatch_event("click")
    at(page, r"words=black&like=\d+#refine")
    page.get_by_role("link", name="Leave out “black”").click()
    at(page, r"/photos/similar/\d+\?like=\d+")
    page.locator("input[type=file]").set_input_files(mine)
    page.get_by_role("button", name="Search", exact=True).first.click()
    at(page, r"/photos/uploads/[\w-]{22}")
    assert page.locator(".tile img").first.get_attribute("alt").startswith("coffee")


def test_the_original_is_downloaded(visit, photographs):
    page = visit("/photos/objects/1")
    with page.expect_download() as started:
        page.get_by_role("link", name="Download the original").click()
    name = page.locator("h1").inner_text()
    assert started.value.suggested_filename == name
    with Image.open(started.value.path()) as image:
        assert image.format == "JPEG"


def test_a_missing_picture_leaves_its_name(visit, site, browser: Browser):
    context = browser.new_context()
    page = context.new_page()
    page.route(re.compile("/thumbnail"), lambda route: route.fulfill(status=404))
    page.goto(f"{site}/photos?seed=1")
    settle(page)
    image = page.locator(".tile img").first
    expect(image).not_to_have_class("coming")
    assert image.get_attribute("alt").endswith(".jpg")
    context.close()

"""Makes the pictures of the web that the documentation shows.

    python docs/screenshots.py http://localhost:8080 COLLECTION [--object ID] [--browser chromium]

The server runs already, with photographs that may be shown. The pictures come into this folder. Needs playwright
(in the extra ``test``) and a Chromium of the operating system's.
"""

import argparse
import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).parent
SHRINK = 0.6  # of the browser's own pixels, so that the files stay small


def shoot(browser: Browser, address: str, name: str, width: int, height: int, scheme: str) -> None:
    """Open a page, wait for its thumbnails, and write the picture."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", device_scale_factor=2
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_load_state("networkidle")
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        smaller = picture.convert("RGB").resize(
            (round(picture.width * SHRINK), round(picture.height * SHRINK)), reducing_gap=3
        )
    smaller.save(FOLDER / f"web-{name}.webp", quality=72, method=6)
    context.close()


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("collection")
    parser.add_argument("--object", type=int, default=1)
    parser.add_argument("--browser", default="chromium")
    options = parser.parse_args()
    site = f"{options.server.rstrip('/')}/{options.collection}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(options.browser))
        shoot(browser, f"{site}?seed=5", "home", 1200, 720, "light")
        shoot(browser, f"{site}/similar/{options.object}", "similar", 1200, 720, "dark")
        shoot(browser, f"{site}/similar/{options.object}?crop=0.1,0.05,0.8,0.45", "telephone", 390, 720, "light")
        browser.close()


if __name__ == "__main__":
    main()

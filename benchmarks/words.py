"""What a query by words costs: the first one in a server beside a query by an image that reads as much, and one in a new process beside
`similar id:N`.

    python benchmarks/words.py --photos ~/Pictures [--quick] [--json FILE]

A server is started anew for each first query; it is ready before it is asked. Then more words are asked for, each for the first time, in
turn with images. Nobody has described the photographs, so all that is found is found by what it looks like.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from report import Figure, arguments, photographs_below, report
from startup import run
from web import Client, get, server

import seealso

SEEALSO = [sys.executable, "-m", "seealso_cli"]
HITS = 20
MORE_MS = 2.0
TIMES = 1.5
WORDS = (
    *(
        "shirt",
        "red shoe",
        "dog",
        "hat",
        "beach",
        "car",
        "long sleeve",
        "guitar",
        "cup",
        "mountain",
        "bird",
        "dress",
        "boat",
        "snow",
    ),
    *(
        "horse",
        "train",
        "bridge",
        "flower",
        "clock",
        "chair",
        "bottle",
        "fish",
        "house",
        "bag",
        "jean",
        "fruit",
        "cat",
        "bicycle",
    ),
)


async def asked(port: int) -> tuple[float, float, list[float]]:
    """Milliseconds of the first query by words, of queries by images, and by how many a new word takes longer than the image before it."""
    client = Client(port)

    async def timed(path: str) -> float:
        started = time.perf_counter()
        status = await client.ask(get(f"/api/v1/photos/{path}&limit={HITS}"))
        assert status == 200, path
        return 1000 * (time.perf_counter() - started)

    async def by_image(number: int) -> float:
        # The object itself is read, too, so that both read as much.
        return await timed(f"similar/{number + 1}?others=false")

    async def by_words(words: str) -> float:
        return await timed(f"similar?words={words.replace(' ', '+')}")

    while await client.ask(get("/readyz")) != 200:
        await asyncio.sleep(0.1)
    for number in range(10):
        await by_image(number)
    first = await by_words(WORDS[0])
    images, more = [], []
    for number, words in enumerate(WORDS[1:]):
        images.append(await by_image(number))
        more.append(await by_words(words) - images[-1])
    client.close()
    return first, median(images), more


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", rounds=15, servers=5)
    rounds, servers = (3, 2) if options.quick else (options.rounds, options.servers)
    photographs = photographs_below(options.photos)[: 150 if options.quick else None]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = folder / "seealso.yaml"
        config.write_text("collections:\n  photos: {path: ./c, keywords: []}\n")
        seealso_here = [*SEEALSO, "--config", str(config)]
        subprocess.run([*seealso_here, "index", *map(str, photographs)], check=True, stdout=subprocess.DEVNULL)
        with seealso.Deployment.load(config) as deployment:
            collection = deployment.collection()
            reads = [
                collection.search(seealso.Query.like(example, k=HITS + 1)).cost.candidates
                for example in (1, seealso.Example(words=WORDS[0]))
            ]
        answers = []
        for _ in range(servers):
            with server(folder) as (_, port):
                answers.append(asyncio.run(asked(port)))
        environment = dict(os.environ)
        alone = [
            (
                run([*seealso_here, "similar", "--words", "shirt"], environment)[0],
                run([*seealso_here, "similar", "id:5"], environment)[0],
            )
            for _ in range(rounds + 1)
        ][1:]
    first = median(words - image for words, image, _ in answers)
    later = median(each for *_, more in answers for each in more)
    image = median(each for _, each, _ in answers)
    ratio = median(words / by_id for words, by_id in alone)
    beside = f"by image {image:.1f} ms; {reads[1]:,} and {reads[0]:,} descriptors are read"
    figures = [
        Figure(
            "the first query by words in a server takes longer by",
            first,
            "ms",
            f"<= {MORE_MS:g}",
            first <= MORE_MS,
            beside,
        ),
        Figure("each further word takes longer by", later, "ms", f"<= {MORE_MS:g}", later <= MORE_MS, beside),
        Figure(
            *("similar --words over similar id:5, in new processes", ratio, "x", f"<= {TIMES:g}", ratio <= TIMES),
            f"{median(each for each, _ in alone):.2f} s and {median(each for _, each in alone):.2f} s",
        ),
    ]
    report(f"Queries by words, {len(photographs):,} photographs", figures, options)


if __name__ == "__main__":
    main()

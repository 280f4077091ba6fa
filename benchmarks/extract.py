"""How fast images become descriptors, for each extractor, and where the time goes.

    python benchmarks/extract.py --photos ~/Pictures [--device cuda] [--extractors onnx,timm,decaf7] [--quick] [--json FILE]

On the processor: decoding, preparing and the bare forward pass are each timed alone, with all cores; what they allow together is
one after the other, for each of them keeps every core busy. Beside that, all of it together: threads decode and prepare, one a core,
while the extractor describes what is ready; and once more as a collection takes the files in (benchmarks/ingest.py is about that).
They take turns, on a part of the photographs at a time, and the median of the parts counts: machines are noisy.

On a graphics card, too, images a second from end to end; and the network of DeCAF7 alone, with ten patches an image: from bytes in
the computer's memory to descriptors there.

onnx runs its default network, timm EfficientNet-Lite0 with trained weights; decaf7 runs on random ones, which take the same time.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from report import Figure, arguments, photographs_below, report

import seealso
from seealso_onnx.efficientnet_lite import MEAN, NETWORKS, STD, load_model, weight_file
from seealso_torch import choose_device, runner

LITE0 = NETWORKS["efficientnet-lite0"]

AT_ONCE = 8
"""Images that a bare forward pass is given: on a processor more are no faster."""

SECONDS_ALONE = 3.0
"""How long the network alone is run on a card, for each precision."""


STAGES = ("decode", "prepare", "bare forward pass")


@dataclass
class Times:
    """Seconds an image, by the clock and of the processors: ``(parts, 5, 2)``.

    For each of `STAGES` alone, for the three of them together, and for taking the images into a collection.
    """

    parts: np.ndarray

    def share(self, clock: int = 0) -> np.ndarray:
        """For each part: what the stages take one after the other, over what they take together."""
        shares: np.ndarray = self.parts[:, :3, clock].sum(1) / self.parts[:, 3, clock]
        return shares


def clocks() -> tuple[float, float]:
    """Seconds by the clock, and those of this process's threads on all processors."""
    return time.perf_counter(), time.process_time()


def random_decaf7(folder: Path) -> str:
    """A file of random weights for decaf7."""
    from safetensors.torch import save_file

    from seealso_decaf.network import CaffeAlexNet

    file = folder / "random.safetensors"
    network = CaffeAlexNet(pools_first=True)
    save_file(network.state_dict(), file, {"network": network.name})
    return str(file)


def choices(names: list[str], device: str, folder: Path) -> dict[str, dict[str, object]]:
    """The extractors to be timed, as a configuration names them."""
    lite0 = {"model": "efficientnet_lite0", "mean": [MEAN] * 3, "std": [STD] * 3}
    known: dict[str, Callable[[], dict[str, object]]] = {
        "onnx": dict,
        "timm": lambda: {"weights": str(weight_file(LITE0)), "device": device, **lite0},
        "decaf7": lambda: {"weights": random_decaf7(folder), "device": device},
    }
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"there is no extractor {unknown[0]!r} here; there are: {', '.join(known)}")
    return {name: {"plugin": name, **known[name]()} for name in names}


def bare_forward(extractor: seealso.Extractor, threads: int) -> Callable[[np.ndarray], object]:
    """The network itself, with nothing of ours about it: prepared images → whatever it gives."""
    if extractor.name == "onnx":
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model = load_model(NETWORKS[extractor.options.model], extractor.context.cache)
        session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
        return lambda images: session.run(None, {"image": images})
    module = extractor.torch_module()
    device = choose_device(extractor.options.device)
    module.eval().to(device).to(memory_format=torch.channels_last)

    if device.type != "cpu":
        return lambda images: _run(module, images, threads).cpu()
    # On a processor this is the faster way: each core has images of its own.
    pool = ThreadPoolExecutor(threads)
    return lambda images: list(pool.map(lambda part: _run(module, part, 1), np.array_split(images, threads)))


def _run(module: torch.nn.Module, images: np.ndarray, threads: int) -> torch.Tensor:
    torch.set_num_threads(threads)
    device = next(module.parameters()).device
    with torch.inference_mode():
        found: torch.Tensor = module(torch.from_numpy(images).to(device))
    return found


def parts(files: list[Path], count: int) -> Iterator[list[Path]]:
    """As many parts of the files; each has some of every kind."""
    return (files[start::count] for start in range(count))


def describe(
    files: list[Path], decode: Callable[[Path], Image.Image], extractor: seealso.Extractor, pool: ThreadPoolExecutor
) -> Iterator[np.ndarray]:
    """Descriptors of files, in batches as the extractor likes them; threads are ahead of it."""
    prepared = iter(pool.map(lambda path: extractor.prepare(decode(path)), files))
    while batch := list(islice(prepared, extractor.batch_size)):
        yield extractor.extract(np.stack(batch))


def time_stages(choice: dict[str, object], files: list[Path], rounds: int) -> Times:
    """Time each stage alone, and all together, on a part of the files at a time."""
    taken = []
    with (
        tempfile.TemporaryDirectory() as folder,
        seealso.open(Path(folder) / "c", extractor=choice) as collection,
        ThreadPoolExecutor(collection.parts.threads) as pool,
    ):
        extractor = collection.parts.extractor
        warm = np.stack([extractor.prepare(Image.new("RGB", (256, 256)))] * AT_ONCE)
        extractor.extract(warm)
        forward = bare_forward(extractor, collection.parts.threads)
        forward(warm)

        def decode(path: Path) -> Image.Image:
            return seealso.decode_image(path.read_bytes(), min_side=extractor.min_side).image

        for part in parts(files, rounds):
            marks = [clocks()]
            decoded = list(pool.map(decode, part))
            marks.append(clocks())
            prepared = list(pool.map(extractor.prepare, decoded))
            marks.append(clocks())
            for start in range(0, len(prepared), AT_ONCE):
                forward(np.stack(prepared[start : start + AT_ONCE]))
            marks.append(clocks())
            described = sum(len(each) for each in describe(part, decode, extractor, pool))
            marks.append(clocks())
            added = collection.index(part).added
            marks.append(clocks())
            assert described == len(part)
            assert added == len(part), f"{added} of {len(part)} files were taken in; are some copies of others?"
            taken.append(np.diff(marks, axis=0) / len(part))
            share = Times(np.array(taken)).share()[-1]
            print(f"{choice['plugin']}: {1 / taken[-1][3, 0]:.1f} images/s, {share:.3f}", file=sys.stderr)
    return Times(np.array(taken))


def end_to_end(name: str, times: Times, device: str) -> Iterator[Figure]:
    """The figures of an extractor."""
    alone = np.median(times.parts[:, :, 0], axis=0)
    where = "cpu" if name == "onnx" else device
    yield Figure(
        f"{name} on {where}: from files to descriptors",
        1 / alone[3],
        "images/s",
        beside=f"the bare forward pass {1 / alone[2]:.1f} images/s; decode, prepare and it together {1 / alone[:3].sum():.1f}",
    )
    share = float(np.median(times.share()))
    yield Figure(
        f"{name} on {where}: share of what decode, prepare and the bare forward pass allow together",
        share,
        "",
        ">= 0.90" if where == "cpu" else "",
        share >= 0.9 if where == "cpu" else None,
        f"median of {len(times.parts)} parts: {', '.join(f'{each:.3f}' for each in times.share())}",
    )
    yield Figure(
        f"{name} on {where}: processor time over that of the three alone", 1 / float(np.median(times.share(1))), ""
    )
    yield Figure(
        f"{name} on {where}: from files into a collection",
        1 / alone[4],
        "images/s",
        beside="hashing, catalogue, store and index included",
    )
    into = float(np.median(times.parts[:, :3, 0].sum(1) / times.parts[:, 4, 0]))
    yield Figure(
        f"{name} on {where}: share of what the three allow together, into a collection",
        into,
        "",
        ">= 0.90" if where == "cpu" else "",
        into >= 0.9 if where == "cpu" else None,
    )
    for stage, seconds in zip(STAGES, alone[:3], strict=True):
        yield Figure(f"  {stage}, alone on all cores", 1000 * seconds, "ms an image")


def network_alone(choice: dict[str, object], seconds: float) -> Iterator[Figure]:
    """DeCAF7's network on a card, with ten patches, in each precision."""
    plugins = seealso.load_plugins()
    cls = plugins.get("extractor", "decaf7")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4 * runner.MOST, 256, 256, 3), dtype=np.uint8)
    for precision in ("fp32", "bf16", "fp16"):
        given = {key: value for key, value in choice.items() if key != "plugin"} | {"precision": precision}
        extractor = cls(cls.Options.model_validate(given), seealso.ExtractorContext(Path(tempfile.gettempdir()), 1))
        extractor.extract(images)
        taken = []
        started = time.perf_counter()
        while not taken or time.perf_counter() - started < seconds:
            before = time.perf_counter()
            extractor.extract(images)
            taken.append(1000 * (time.perf_counter() - before) / len(images))
        extractor.close()
        device = choose_device(str(choice["device"]))
        yield Figure(
            f"decaf7 on {torch.cuda.get_device_name(device)}: the network, ten patches, {precision}",
            median(taken),
            "ms an image",
            "<= 1",
            median(taken) <= 1,
            f"median of {len(taken)} times {len(images)} images, their way to the card and back included",
        )


def main() -> None:
    """Measure and report."""
    options = arguments(__doc__ or "", photos="", device="cpu", extractors="onnx,timm,decaf7", rounds=5)
    try:
        device = choose_device(options.device)
    except seealso.PluginError as error:
        raise SystemExit(str(error)) from None
    files = photographs_below(options.photos)
    files = files[:: max(1, len(files) // 150)] if options.quick else files
    rounds = 1 if options.quick else options.rounds
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        chosen = choices([name for name in options.extractors.split(",") if name], options.device, Path(folder))
        for name, choice in chosen.items():
            times = time_stages(choice, files, rounds)
            figures += end_to_end(name, times, device.type)
        if device.type == "cuda" and "decaf7" in chosen:
            figures += network_alone(chosen["decaf7"], SECONDS_ALONE)
    report("Extraction", figures, options)


if __name__ == "__main__":
    main()

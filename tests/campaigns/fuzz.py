"""Brings everything that comes from outside in forms that nobody foresaw, and sees whether each is answered as promised."""

import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import httpx2
import numpy as np
from PIL import Image

from campaigns.campaign import Campaign
from campaigns.commands import LONGEST, PATIENCE, UNEXPECTED, faults_of, run, said
from campaigns.flip import make_photographs
from campaigns.mutations import mutated, text
from conftest import THUMBNAIL
from image_files import KINDS, encode
from warm_python import WarmPython
from web_site import free_port, wait_until_ready

LARGEST = 1000 << 20
"""Bytes of memory that a command may take at most: what its Python has loaded, and an image as large as is allowed."""

GROWTH = 400 << 20
"""Bytes that a server may grow by."""

ANSWERED = {
    200,
    201,
    204,
    303,
    304,
    307,
    308,
    400,
    401,
    403,
    404,
    405,
    408,
    409,
    413,
    414,
    415,
    422,
    429,
    431,
    503,
    507,
}
"""What a server may answer a stranger with."""

AT_ONCE = {"query to the server": 40, "upload": 15}
"""How often those doors are knocked at in one turn that cost little."""

MEASURED = """
import sys, pathlib
from seealso_cli import main
told, sys.argv[1:] = sys.argv[1], sys.argv[2:]
try:
    status = main()
finally:
    said = pathlib.Path("/proc/self/status").read_text().split("VmHWM:")[1]
    pathlib.Path(told).write_text(said.split()[0])
sys.exit(status)
"""
"""The program, which leaves behind in a file how many kilobytes of memory it took at most."""

CONFIGURATION = """\
plugins: [{thumbnail}]
x-usual: &usual {{plugin: thumbnail, side: 8}}
collections:
  photos:
    path: ./c.seealso
    extractor: *usual
    distance: euclidean
    index: {{plugin: ppp-codes, pivot_spaces: 4}}
    store: {{plugin: flat-file, codec: raw}}
    text: {{plugin: tantivy, languages: [en, de]}}
    keywords: [embedded, sidecar, {{plugin: names, folders: 1}}]
    search: {{candidates: 500, patience: 3}}
    images: {{max_pixels: 100000}}
  more: {{path: "./more ${{HOME}}", extractor: thumbnail}}
frontends:
  - {{plugin: web, host: 127.0.0.1, port: 8080, token: "0123456789abcdef"}}
"""

TOKENS = tuple(
    token.encode()
    for token in (
        *("? {a: b}\n: c", "!!timestamp x", "!!python/object:os.system ls", "&a ", "*a", "<<: *a\n", "{", "[", "[" * 300, "\0", '"\\0"'),
        *("- ", "\n  ", "\t", ": ", "null", "~", ".nan", ".inf", "-1", "1e999", "9" * 400, "!!binary ''", "!!set {a}", "---\n", "...", "%YAML 9.9\n"),
        *("${", "${HOME}", "${NOT_SET}", "${:-}", "x" * 60_000, "é", "\u2028", "\ufeff", "|\n", ">-\n", "'", '"', "#", "@", "`", "0o9", "2001-99-99"),
    )
)  # fmt: skip

SIDECARS = {
    "txt": b"A caption\nde.utf8=Ein Elefant.\nfr.utf8=Un \xc3\xa9l\xc3\xa9phant.\n",
    "json": b'{"title": {"en": "a", "de": "b"}, "keywords": ["x", "y"], "date": "2019-07-04", "place": null, "tags": "a;b"}',
    "xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>cat</rdf:li></rdf:Bag>'
    b"</dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>",
}

MARKUP = (
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>', b"&b;", b"<", b"]]>", b"[" * 3000, b'{"a":' * 3000, b"\xff\xfe",
    b"\\ud800", b"1e999", b"NaN", b'"' + b"k" * 70_000 + b'"', b"\x00",
)  # fmt: skip


class Fuzz(Campaign):
    """Knocks at one door a turn."""

    quick: ClassVar[int] = 10

    def prepare(self, random: random.Random) -> None:
        """Make a collection, and serve it."""
        # Starlette leaves the file of a part that breaks off to Python to close.
        environment = {"XDG_CACHE_HOME": str(self.folder / "user")}
        self.python = self.resources.enter_context(
            WarmPython(self.folder, environment, warnings="ignore::ResourceWarning")
        )
        self.home = self.folder / "home"
        self.home.mkdir()
        self.configuration = CONFIGURATION.format(thumbnail=THUMBNAIL)
        (self.home / "seealso.yaml").write_text(self.configuration)
        make_photographs(self.home / "photographs", random)
        self._must("--in", "photos", "index", "photographs")
        self._must("config", "check")
        self.images = {kind: encode(_picture(random), kind) for kind in KINDS}
        self.vectors = _vector_files(self.folder / "vectors")
        self.model = _model()
        self._serve()

    def _serve(self) -> None:
        port = free_port()
        held = {"photos": {"path": "c.seealso", "extractor": {"plugin": "thumbnail", "side": 8}}}
        web = {"plugin": "web", "port": port, "cache": "cache", "access_log": False, "upload_megabytes": 1}
        document = {"plugins": [str(THUMBNAIL)], "collections": held, "frontends": [web]}
        (self.home / "serve.yaml").write_text(json.dumps(document))
        self.log = self.resources.enter_context((self.folder / "server.log").open("w+"))
        arguments = ("-m", "seealso_cli", "--config", "serve.yaml", "serve")
        self.server = self.python.start(*arguments, cwd=self.home, stdout=self.log.fileno(), stderr=self.log.fileno())
        self.resources.callback(self.server.kill)
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address)
        self.client = self.resources.enter_context(httpx2.Client(base_url=address, timeout=PATIENCE))
        self.began_with = _memory(self.server.pid)

    def turn(self, random: random.Random) -> None:
        """One door."""
        doors: dict[str, Callable[[random.Random], None]] = {
            "configuration": self._configuration,
            "query at the command line": self._query,
            "query to the server": self._request,
            "image": self._image,
            "upload": self._upload,
            "vectors": self._vectors,
            "sidecar": self._sidecar,
            "weights": self._weights,
        }
        door = random.choice(list(doors))
        self.tally.count(f"turns: {door}")
        for _ in range(AT_ONCE.get(door, 1)):
            doors[door](random)

    # At the command line

    def _must(self, *arguments: str) -> None:
        done = run(self.python, arguments, self.home)
        assert done is not None, arguments
        assert done.returncode == 0, said(done)

    def _run(self, *arguments: str | bytes, door: str = "", home: Path | None = None) -> int | None:
        """Run the program, and hold its end against what is promised; its status."""
        told = self.folder / "memory"
        told.unlink(missing_ok=True)
        try:
            done = self.python.run("-c", MEASURED, told, *arguments, cwd=home or self.home, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            done = None
        if done is not None:
            done.args = done.args[1:]
        for fault in faults_of(done):
            self.tally.fail(f"{door}: {fault}", said(done))
        if told.exists() and int(told.read_text()) << 10 > LARGEST:
            self.tally.fail(f"{door}: a command takes too much memory", f"{told.read_text()} kB; {said(done)}")
        status = None if done is None else done.returncode
        self.tally.count(f"{door}: status {status}")
        return status

    def _configuration(self, random: random.Random) -> None:
        file = self.home / "fuzz.yaml"
        file.write_bytes(mutated(self.configuration.encode(), random, TOKENS))
        for arguments in (("config", "check"), ("--in", "photos", "status")):
            self._run("--config", str(file), *arguments, door="configuration")

    def _query(self, random: random.Random) -> None:
        def number() -> str:
            return random.choice(
                ["1", "5", "0", "-1", "1000000", str(1 << 63), "9" * 300, "1e3", "nan", "", "٣", text(random)]
            )

        example = random.choice(["photographs/first/01.png", "id:3", "id:" + number(), text(random)])
        arguments = random.choice(
            [
                ["text", text(random), *(["-k", number()] if random.random() < 0.3 else [])],
                ["similar", example, "--where", text(random)],
                ["similar", example, random.choice(["-k", "--offset", "--within", "--candidates"]), number()],
                ["show", number()],
                ["random", "-n", number(), "--seed", number()],
                [text(random), text(random)],
            ]
        )
        arguments = ["--config", "serve.yaml", *arguments]
        # The system passes no argument with a byte 0 in it, nor one of more than 128 KiB.
        self._run(*(argument.replace("\0", "") for argument in arguments), door="query at the command line")

    def _image(self, random: random.Random) -> None:
        folder = self.folder / "images"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        kinds = [random.choice(KINDS) for _ in range(12)]
        for number, kind in enumerate(kinds):
            (folder / f"{number}.{kind.lower()}").write_bytes(mutated(self.images[kind], random))
        shutil.rmtree(folder / "c.seealso", ignore_errors=True)
        document = {"plugins": [str(THUMBNAIL)], "collections": {"c": {"path": "c.seealso", "extractor": "thumbnail"}}}
        (folder / "seealso.yaml").write_text(json.dumps(document))
        if self._run("index", ".", door="image", home=folder) != 0:
            self.tally.fail("image: a file ends the run", kinds)
        self._run(
            "--config", str(self.home / "serve.yaml"), "similar", str(folder / f"0.{kinds[0].lower()}"), door="image"
        )

    def _vectors(self, random: random.Random) -> None:
        folder = self.folder / "imports"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "seealso.yaml").write_text("collections: {v: {path: ./v.seealso}}")
        file = random.choice(self.vectors)
        data = file.read_bytes()
        if random.random() < 0.5:
            # What says how the rest is to be read stands at one of the ends.
            size = min(len(data), 256)
            data = (
                mutated(data[:size], random) + data[size:]
                if random.random() < 0.7
                else data[:-size] + mutated(data[-size:], random)
            )
        else:
            data = mutated(data, random)
        (folder / file.name).write_bytes(data)
        more = []
        if random.random() < 0.3:
            (folder / "names.txt").write_bytes(
                mutated(b"".join(b"name %d\n" % each for each in range(200)), random, MARKUP)
            )
            more = ["--ids", "names.txt"]
        taken_in = self._run("import-descriptors", file.name, *more, door="vectors", home=folder) == 0
        if taken_in and self._run("verify", door="vectors", home=folder) != 0:
            self.tally.fail("vectors: what was taken in is not sound", file.name)

    def _sidecar(self, random: random.Random) -> None:
        for ending, content in SIDECARS.items():
            name = f"{random.randrange(30):02}.{ending}"
            (self.home / "photographs" / "first" / name).write_bytes(mutated(content, random, MARKUP))
        if self._run("--in", "photos", "index", "photographs", door="sidecar") != 0:
            self.tally.fail("sidecar: one ends the run")

    def _weights(self, random: random.Random) -> None:
        folder = self.folder / "weights"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "model.onnx").write_bytes(mutated(self.model, random))
        (folder / "seealso.yaml").write_text(
            "collections: {c: {path: ./c.seealso, extractor: {plugin: onnx, model: ./model.onnx, input_size: 16, mean: [0, 0, 0], std: [1, 1, 1]}}}"
        )
        self._run("index", str(self.home / "photographs" / "last" / "59.png"), door="weights", home=folder)

    # At the server

    def _request(self, random: random.Random) -> None:
        def value() -> str:
            return quote(
                random.choice(["1", "0.1,0.1,0.5,0.5", "true", str(1 << 70), "\0", text(random)])[:8000], safe=""
            )

        names = [
            "q",
            "by",
            "like",
            "unlike",
            "words",
            "weight",
            "where",
            "limit",
            "offset",
            "within",
            "crop",
            "others",
            "seed",
        ]
        names.append(value())
        place = random.choice(
            [
                *("/api/v1/photos/text", "/api/v1/photos/similar/3", f"/api/v1/photos/similar/{value()}"),
                *("/api/v1/photos/similar", "/photos/similar"),
                *("/api/v1/photos/suggest", f"/api/v1/photos/objects/{value()}", "/api/v1/photos/random"),
                *(f"/api/v1/{value()}/status", f"/{value()}", "/photos/text", "/photos/objects/3"),
                *(f"/photos/objects/3/{value()}", f"/photos/uploads/{value()}/thumbnail"),
            ]
        )
        asked = "&".join(f"{random.choice(names)}={value()}" for _ in range(random.randrange(5)))
        method = random.choice(["GET", "GET", "GET", "HEAD", "POST", "DELETE", "OPTIONS", "BREW"])
        headers = {"Accept": random.choice(["*/*", "text/html", "application/json"])}
        self._answered(method, f"{place}?{asked}"[:16_000], headers=headers)

    def _upload(self, random: random.Random) -> None:
        kind = random.choice(KINDS)
        data = mutated(self.images[kind], random)
        path = random.choice(
            ["/api/v1/photos/similar", "/photos/uploads", f"/api/v1/photos/similar?crop={quote(text(random)[:200])}"]
        )
        if random.random() < 0.5:
            self._answered("POST", path, content=data, headers={"Content-Type": f"image/{kind.lower()}"})
        else:
            body = (
                b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + data + b"\r\n--b--\r\n"
            )
            body = mutated(body, random) if random.random() < 0.5 else body
            self._answered("POST", path, content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})

    def _answered(self, method: str, path: str, **request: Any) -> None:
        door = "upload" if method == "POST" else "query to the server"
        what = f"{method} {path[:300]}"
        try:
            answer = self.client.request(method, path, **request)
        except (httpx2.InvalidURL, httpx2.LocalProtocolError):
            return
        except httpx2.TransportError as error:
            self.tally.fail(f"{door}: no answer", f"{what}: {error!r}")
            return
        self.tally.count(f"{door}: {answer.status_code}")
        if answer.status_code not in ANSWERED:
            self.tally.fail(f"{door}: an answer with a status that is not documented", f"{what}: {answer.status_code}")
        if "problem+json" in answer.headers.get("content-type", "") and method != "HEAD":
            detail = answer.json()["detail"]
            if not detail.isprintable() or len(detail) > LONGEST:
                self.tally.fail(f"{door}: a problem is not one clear line", f"{what}: {detail[:2000]!r}")
        self._look_at_server(what)

    def _look_at_server(self, what: str) -> None:
        """See whether it is alive, has taken no more memory than it may, and has shown no traceback."""
        if self.server.poll() is not None:
            self.tally.fail("the server has died", f"{what}: {self.server.returncode}")
            self._serve()
        self.log.seek(0)
        logged = self.log.read()
        self.log.truncate(0)
        if any(sign in logged for sign in UNEXPECTED) or any(len(line) > 2 * LONGEST for line in logged.splitlines()):
            self.tally.fail("the server's log has a traceback, or a line that is too long", f"{what}: {logged[-1500:]}")
        grown = _memory(self.server.pid) - self.began_with
        if grown > GROWTH:
            self.tally.fail("the server has grown too much", f"{what}: by {grown >> 20} MB")


def _memory(process: int) -> int:
    """Bytes that a process has in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _picture(random: random.Random) -> Image.Image:
    rows = np.random.default_rng(random.getrandbits(64)).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(rows).resize((64, 48), Image.Resampling.BICUBIC)


def _vector_files(folder: Path) -> list[Path]:
    """The same descriptors in every form that is read."""
    import h5py
    import pyarrow
    import pyarrow.parquet

    folder.mkdir()
    rows = np.random.default_rng(1).random((200, 8), np.float32)
    np.save(folder / "v.npy", rows)
    heads = np.full((200, 1), 8, np.int32)
    (folder / "v.fvecs").write_bytes(np.hstack([heads.view(np.float32), rows]).tobytes())
    (folder / "v.bvecs").write_bytes(
        b"".join(head.tobytes() + (row * 255).astype(np.uint8).tobytes() for head, row in zip(heads, rows, strict=True))
    )
    with h5py.File(folder / "v.h5", "w") as file:
        file["train"] = rows
    pyarrow.parquet.write_table(pyarrow.table({"emb": rows.tolist()}), folder / "v.parquet")
    return sorted(folder.iterdir())


def _model() -> bytes:
    """A network that averages the image."""
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 16, 16])
    found = helper.make_tensor_value_info("found", TensorProto.FLOAT, ["n", 3])
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["found"]),
    ]
    graph = helper.make_graph(nodes, "averages", [image], [found])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data

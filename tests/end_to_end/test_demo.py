"""`make demo` with photographs of one's own, and how its sample is fetched."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def write(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def demo(tmp_path, python):
    """Run the demonstration in a directory of its own, with a folder of photographs."""
    (tmp_path / "bin").mkdir()
    python.write(tmp_path / "bin")
    shutil.copytree(ROOT / "demo", tmp_path / "demo")

    def demo(photos: str = "", **variables: str) -> subprocess.CompletedProcess:
        variables["PATH"] = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "demo/run.sh"],
            cwd=tmp_path,
            env=os.environ | {"PHOTOS": photos} | variables,
            capture_output=True,
            text=True,
        )

    return demo


@pytest.mark.slow
def test_every_folder_has_a_collection_of_its_own(demo, tmp_path, make_photos):
    make_photos(tmp_path / "first", 4, seed=1)
    make_photos(tmp_path / "the second", 4, seed=2)
    for name in ("first", "the second"):
        done = demo(str(tmp_path / name), WORDS="cat")
        assert done.returncode == 0, done.stderr
        similar, words = done.stdout.split('What looks most like the words "cat"')
        shown = [[line for line in part.splitlines() if ".jpg" in line] for part in (similar, words)]
        assert [len(lines) for lines in shown] == [4, 4]  # the query, and the three others; all by the words
        assert all(f"{tmp_path / name}/" in line for lines in shown for line in lines)
    for name in ("sheet.png", "words.png"):
        assert len(list((tmp_path / ".demo").glob(f"*/{name}"))) == 2
    done = demo("~/first", HOME=str(tmp_path))
    assert done.returncode == 0
    assert 'What looks most like the words "bird"' in done.stdout
    done = demo("~/first", HOME=str(tmp_path), WORDS="bycicle")
    assert done.returncode == 1
    said = "seealso: the network does not know what 'bycicle' looks like; it knows bicycle"
    assert done.stderr.splitlines()[-1].startswith(said)


def test_a_folder_without_photographs(demo, tmp_path, make_photos):
    photos = tmp_path / "photos"
    make_photos(photos, 3)
    assert demo(str(photos)).returncode == 0
    shutil.rmtree(photos)
    done = demo(str(photos))
    remedy = "name another folder: make demo PHOTOS=~/Pictures\n"
    assert (done.returncode, done.stderr) == (1, f"There is no folder {photos}; {remedy}")
    # Also where there were some before.
    for folder in (photos, tmp_path / "other"):
        folder.mkdir()
        done = demo(str(folder))
        assert done.returncode == 1
        assert done.stderr.endswith(f"There are no images in {folder}; {remedy}")
        assert done.stdout == f"Indexing {folder}\n"
    (photos / "text.jpg").write_text("text")
    done = demo(str(tmp_path / "photos"))
    assert done.returncode == 1


def test_the_sample_is_fetched_into_a_cache_of_any_name(demo, tmp_path, make_photos):
    make_photos(tmp_path / "stamps", 3)
    pictures = "usr/share/tuxpaint/stamps"
    write(
        tmp_path / "bin",
        "apt-get",
        'for option; do case "$option" in Dir::State::Lists=*) test -d "${option#*=}/partial" || exit 9 ;; esac; done\n'
        'case "$*" in *download*) touch tuxpaint-stamps-default_1_all.deb ;; esac',
    )
    write(tmp_path / "bin", "dpkg", f'mkdir -p "$3/{pictures}"; cp "{tmp_path}"/stamps/* "$3/{pictures}"; test -f "$2"')
    # A new cache holds no converted network either; that is shared.
    cache = tmp_path / "my cache"
    (cache / "seealso").mkdir(parents=True)
    shared = Path(os.environ["XDG_CACHE_HOME"]) / "seealso"
    if shared.is_dir():
        shutil.copytree(shared, cache / "seealso", dirs_exist_ok=True)
    done = demo(XDG_CACHE_HOME=str(cache))
    assert done.returncode == 0, done.stderr
    assert f"Indexing {cache}/seealso/sample/tuxpaint-stamps-default/{pictures}" in done.stdout
    assert (tmp_path / ".demo" / "sample" / "sheet.png").is_file()

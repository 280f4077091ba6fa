"""The layer that makes a disk full does: at a chosen byte, and by whatever call a file grows."""

import os
import subprocess
import sys
import textwrap

import pytest

from durability.full_disk import SOURCE, FullDisk
from durability.power_cut import compile_layer


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_layer(tmp_path_factory.mktemp("layer"), SOURCE)


@pytest.fixture
def disk(library, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old").write_text("old")
    return FullDisk(library, tmp_path / "disk", tmp_path / "left")


def run(disk: FullDisk, code: str, *, names: bool = False) -> str:
    """Run some code in the folder; what it prints, which is ``full`` where it is refused."""
    script = f"import errno, os\ntry:\n{textwrap.indent(textwrap.dedent(code), '    ')}\nexcept OSError as error:\n"
    script += "    print('full' if error.errno == errno.ENOSPC else error)"
    environment = os.environ | disk.environment(names=names)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=disk.watched, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


OPENED = "fd = os.open('old', os.O_RDWR); source = os.open('/dev/zero', os.O_RDONLY); "


@pytest.mark.parametrize(
    "call",
    [
        "os.lseek(fd, 0, 2); os.write(fd, bytes(5))",
        "os.pwrite(fd, bytes(5), 3)",
        "os.lseek(fd, 0, 2); os.writev(fd, [bytes(2), bytes(3)])",
        "os.pwritev(fd, [bytes(2), bytes(3)], 3)",
        "os.write(os.open('old', os.O_WRONLY | os.O_APPEND), bytes(5))",
        "os.ftruncate(fd, 8)",
        "os.posix_fallocate(fd, 0, 8)",
        "os.lseek(fd, 0, 2); os.sendfile(fd, os.open('../eight', os.O_RDONLY), 0, 5)",
        "os.copy_file_range(os.open('../eight', os.O_RDONLY), fd, 5, 0, 3)",
    ],
)
def test_a_file_grows_until_the_disk_is_full(disk, tmp_path, call):
    (tmp_path / "eight").write_bytes(bytes(8))
    assert run(disk, OPENED + call) == ""
    assert (disk.watched / "old").read_bytes() == b"old" + bytes(5)
    assert disk.written == 5
    (disk.watched / "old").write_text("old")
    disk.leave(0)
    assert run(disk, OPENED + call) == "full"
    assert (disk.watched / "old").read_text() == "old"


def test_what_still_fits_is_written(disk):
    disk.leave(4)
    assert run(disk, OPENED + "print(os.pwrite(fd, bytes(10), 3)); os.pwrite(fd, bytes(10), 7)") == "4\nfull"
    assert (disk.watched / "old").stat().st_size == 7


def test_numpy_writes_its_files_by_other_calls(disk):
    disk.leave(1000)
    assert run(disk, "import numpy; numpy.save('a.npy', numpy.zeros(10_000))") != ""
    assert (disk.watched / "a.npy").stat().st_size <= 1000


def test_what_takes_no_room_is_done(disk, tmp_path):
    """Writing within a file, making it shorter, and everything elsewhere."""
    disk.leave(0)
    assert run(disk, OPENED + "os.pwrite(fd, b'new', 0); os.ftruncate(fd, 2); os.rename('old', 'older')") == ""
    assert (disk.watched / "older").read_text() == "ne"
    assert run(disk, f"open({str(tmp_path / 'elsewhere')!r}, 'w').write('x' * 10_000)") == ""


@pytest.mark.parametrize(
    "call", ["os.open('new', os.O_CREAT)", "os.mkdir('new')", "os.link('old', 'new')", "os.mkdir('new', dir_fd=os.open('.', 0))"]
)  # fmt: skip
def test_names_take_room_on_some_disks(disk, call):
    disk.leave(0)
    assert run(disk, call) == ""
    assert (disk.watched / "new").exists()
    (disk.watched / "new").rmdir() if (disk.watched / "new").is_dir() else (disk.watched / "new").unlink()
    assert run(disk, call, names=True) == "full"
    assert not (disk.watched / "new").exists()
    # What is there already can be opened.
    assert run(disk, "os.open('old', os.O_CREAT)", names=True) == ""

"""Upload of a large file to the API on the stack: memory of the API, and speed beside a plain PUT to MinIO by `curl`.

In one request, in pieces by tus, and in pieces with a cut in the middle; each has an API process of its own.
"""

import base64
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from benchmarks.measure import Figure
from synthmill.stack.objects import MinioObjectStore
from tests.support.installation import Installation, installation
from tests.support.native import tell_environment
from tests.support.wait import until

_MIB = int(os.environ.get("BENCH_UPLOAD_MIB", "2048"))
_SMALL_MIB = 64
_FLAT_MIB = 32
"""What the large upload may take more than the small one: parts and buffers, never the file."""

_PIECE = "application/offset+octet-stream"
_MODEL = "http://127.0.0.1:9"  # never called


@dataclass(frozen=True, slots=True)
class _Upload:
    """What one took: `seconds` of the sender, `peak_mib` of the API before and after."""

    seconds: float
    ready_mib: float
    peak_mib: float


def figures() -> list[Figure]:
    """Peak memory against a small file's, megabytes a second against the plain PUT's."""
    tell_environment()
    with tempfile.TemporaryDirectory() as folder:
        large, small = _file(Path(folder), _MIB), _file(Path(folder), _SMALL_MIB)
        plain = _plain_put(Path(folder), large)
        ways = {"one request": _whole, "tus": _in_pieces, "tus, cut in the middle": _cut}
        lines = [_line("curl, PUT to MinIO", plain, plain, "")]
        for name, way in ways.items():
            little, much = _measured(Path(folder), small, way), _measured(Path(folder), large, way)
            grown = much.peak_mib - little.peak_mib
            verdict = "flat" if grown <= _FLAT_MIB else "TOO MUCH"
            memory = f"API {little.ready_mib:.0f} MiB ready, peak {little.peak_mib:.0f} for {_SMALL_MIB} MiB"
            lines.append(_line(name, much.seconds, plain, f"{memory} and {much.peak_mib:.0f} for {_MIB}: {verdict}"))
        return lines


def _line(name: str, seconds: float, plain: float, note: str) -> Figure:
    speed = f"{_MIB / seconds:.0f} MiB/s, {seconds / plain:.2f} times the PUT"
    return Figure(f"{_MIB} MiB, {name}", speed, "; ".join(filter(None, (note, f"load {os.getloadavg()[0]:.1f}"))))


def _file(folder: Path, mib: int) -> Path:
    """Rows of a table, all different, so that no two runs have the same content by chance."""
    path = folder / f"{mib}.csv"
    block = "".join(f"{number},a product with a name and a price,{number % 997}\n" for number in range(20_000)).encode()
    with path.open("wb") as file:
        file.write(b"sku,title,price\n")
        while file.tell() < mib << 20:
            file.write(block[: (mib << 20) - file.tell()])
    return path


def _plain_put(folder: Path, file: Path) -> float:
    place = folder / "plain"
    place.mkdir()
    with installation(place, _MODEL, workers=0, consumers=0) as mill:
        store = MinioObjectStore(mill.settings.minio)
        url = store.client.presigned_put_object(store.bucket, "plain", expires=timedelta(hours=1))
        began = time.perf_counter()
        _curl("-T", str(file), url)
        return time.perf_counter() - began


def _measured(folder: Path, file: Path, way: Callable[[Installation, Path], str]) -> _Upload:
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        installation(Path(place), _MODEL, workers=0, consumers=0) as mill,
    ):
        ready = mill.api.peak_kib() / 1_024
        mill.client.get("/v1/sources")  # the key is made, and what is loaded late is loaded
        began = time.perf_counter()
        source = way(mill, file)
        seconds = time.perf_counter() - began
        _check(mill, source, file)
        return _Upload(seconds, ready, mill.api.peak_kib() / 1_024)


def _check(mill: Installation, location: str, file: Path) -> None:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    source = mill.client.get(location)
    if (source["size"], source["sha256"]) != (file.stat().st_size, digest):
        raise RuntimeError(f"{location} is not the file that was sent: {source}")


def _whole(mill: Installation, file: Path) -> str:
    url = f"{mill.api.url}/v1/sources?name=large.csv"
    _curl("-X", "POST", "-T", str(file), *_key(mill), "-H", "Content-Type: application/octet-stream", url)
    return f"/v1/sources/{mill.client.get('/v1/sources')['items'][0]['id']}"


def _in_pieces(mill: Installation, file: Path) -> str:
    location = _created(mill, file)
    _curl(*_piece(mill, 0), "-T", str(file), f"{mill.api.url}{location}")
    return _became(mill, location)


def _cut(mill: Installation, file: Path) -> str:
    """Kills the sender when half is there; another one goes on from where the API says."""
    location, size = _created(mill, file), file.stat().st_size
    command = ["curl", "-sS", *_piece(mill, 0), "-T", str(file), f"{mill.api.url}{location}"]
    with subprocess.Popen(command) as sender:
        until(lambda: _offset(mill, location) > size // 2, "half of it to be there", seconds=1_200, every=0.1)
        sender.kill()
    until(lambda: _writable(mill, location), "the cut to be noticed")
    offset = _offset(mill, location)
    with subprocess.Popen(["tail", "-c", f"+{offset + 1}", str(file)], stdout=subprocess.PIPE) as rest:
        _curl(*_piece(mill, offset), "-T", "-", f"{mill.api.url}{location}", stdin=rest)
    return _became(mill, location)


def _created(mill: Installation, file: Path) -> str:
    name = base64.b64encode(b"large.csv").decode()
    headers = {"upload-length": str(file.stat().st_size), "upload-metadata": f"filename {name}"}
    return mill.client.http.post("/v1/uploads", headers=headers).raise_for_status().headers["location"]


def _offset(mill: Installation, location: str) -> int:
    return int(mill.client.http.head(location).raise_for_status().headers["upload-offset"])


def _writable(mill: Installation, location: str) -> bool:
    """Whether no other request holds the upload: an empty piece is then taken."""
    headers = {"upload-offset": str(_offset(mill, location)), "content-type": _PIECE}
    return mill.client.http.patch(location, headers=headers).status_code == 204


def _became(mill: Installation, location: str) -> str:
    return f"/v1/sources/{mill.client.get(location)['source_id']}"


def _key(mill: Installation) -> Iterator[str]:
    yield from ("-H", f"Authorization: {mill.client.http.headers['authorization']}")


def _piece(mill: Installation, offset: int) -> list[str]:
    return ["-X", "PATCH", *_key(mill), "-H", f"Content-Type: {_PIECE}", "-H", f"Upload-Offset: {offset}"]


def _curl(*arguments: str, stdin: "subprocess.Popen[bytes] | None" = None) -> None:
    command = ["curl", "-sS", "--fail-with-body", "-o", os.devnull, *arguments]
    subprocess.run(command, check=True, stdin=stdin.stdout if stdin else None)

"""The zip file of a pack: written plainly, and read as untrusted.

A pack is plainer than zip allows: entries directly after another from the first byte, each written whole, stored or
deflated; then the directory; nothing before, between or after. So all zip readers see the same. Nothing is unpacked to
disk.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import BinaryIO, Self

from environments.evidence.manifest import File

CHUNK = 1 << 16
LEVEL = 4  # a third less work than 6, for files that are a twentieth larger
MOST_ENTRIES, LONGEST_DIRECTORY = 64, 1 << 16
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
# What Python's zipfile raises for broken files, found by fuzzing.
BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError,
          struct.error, OverflowError, IndexError, MemoryError)  # fmt: skip
_END, _END_64, _LOCATOR_64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_LOCAL = struct.Struct("<4s5H3L2H")
CUT = (
    "The file is no whole zip archive: it was cut off, something was added to its end, or it is something else than "
    "an evidence pack."
)


class Unreadable(Exception):
    """The file, or an entry of it, cannot be read; the message says why."""


class Writer:
    """Writes the files of a pack one after another."""

    def __init__(self, into: BinaryIO, made_at: datetime) -> None:
        self._zip = zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL)
        self._made_at = max(made_at.astimezone(UTC), EARLIEST)

    def add(self, name: str, chunks: Iterable[bytes], rows: int | None = None) -> File:
        """Write an entry; return its description for the manifest."""
        entry = zipfile.ZipInfo(name, self._made_at.timetuple()[:6])
        entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100644 << 16
        seen, size = hashlib.sha256(), 0
        with self._zip.open(entry, "w", force_zip64=True) as file:
            for chunk in chunks:
                file.write(chunk)
                seen.update(chunk)
                size += len(chunk)
        return File(name, size, seen.hexdigest(), rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


class Reader:
    """An untrusted zip file. `findings` are deviations from the format of packs. Raises Unreadable."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        try:
            directory_end = _check_end(file)
            self._zip = zipfile.ZipFile(file)
            self._entries = self._zip.infolist()
            self.findings = [*self._odd(), *self._hidden(directory_end)]
        except BROKEN:
            raise Unreadable(CUT) from None

    @property
    def names(self) -> list[str]:
        """The names in order of writing."""
        return [entry.orig_filename for entry in self._entries]

    def read(self, name: str, most: int) -> Iterator[bytes]:
        """The content of an entry in chunks; Unreadable after `most` bytes, and if it is damaged."""
        size = 0
        try:
            with self._zip.open(next(entry for entry in self._entries if entry.orig_filename == name)) as file:
                while chunk := file.read(CHUNK):
                    size += len(chunk)
                    if size > most:
                        raise Unreadable(f"{name} is longer than {most:,} bytes.")
                    yield chunk
        except BROKEN:
            raise Unreadable(f"{name} cannot be unpacked: its bytes are damaged.") from None

    def _odd(self) -> Iterator[str]:
        """Duplicate entries, and entries of a kind that packs do not have."""
        for name, times in Counter(self.names).items():
            if times > 1:
                yield f"{printable_name(name)} is in the archive {times} times: which one counts is not certain."
        for entry in self._entries:
            yield from (f"{printable_name(entry.orig_filename)} {words}." for words in _oddities(entry))

    def _hidden(self, directory: int) -> Iterator[str]:
        """Bytes outside entries, and entries whose local header has another name."""
        place = 0
        for entry in sorted(self._entries, key=lambda each: each.header_offset):
            if entry.header_offset != place:
                break
            self._file.seek(place)
            header = _LOCAL.unpack(self._file.read(_LOCAL.size))
            name = self._file.read(header[9])
            if name != entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437"):
                yield f"{printable_name(entry.orig_filename)} has another name where its content begins."
            place += _LOCAL.size + header[9] + header[10] + entry.compress_size
        if place != directory:
            yield "Bytes of the file belong to no entry: something is hidden before, between or behind the entries."


def printable_name(name: str) -> str:
    """A name from a file, made safe for a terminal."""
    text = name if len(name) <= 60 else f"{name[:60]}…"
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _oddities(entry: zipfile.ZipInfo) -> Iterator[str]:
    name, mode = entry.orig_filename, entry.external_attr >> 16
    if name.startswith("/") or ".." in name or set(name) & set('\\:"<>|\0') or not name.isprintable():
        yield "has a name that leads out of the folder it is unpacked into, or hides what it is"
    elif "/" in name:
        yield "is in a folder; a pack has none"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        yield "is a link or another kind of file than an ordinary one"
    if entry.flag_bits & ~0x806:  # only compression hints and UTF-8
        yield "is encrypted, or written in a way that packs are not"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield "is compressed in another way than packs are"
    if entry.comment:
        yield "has a comment"


def _check_end(file: BinaryIO) -> int:
    """The start of the directory; ValueError unless the file ends as a zip file without a comment, with few entries."""
    size = file.seek(0, 2)
    if size < _END.size:
        raise ValueError(CUT)
    file.seek(size - _END.size)
    mark, disk, first, here, entries, length, begin, comment = _unpacked_end(file)
    end = size - _END.size
    if mark != b"PK\x05\x06" or disk or first or comment:
        raise ValueError(CUT)
    if end >= _LOCATOR_64.size + _END_64.size:
        file.seek(end - _LOCATOR_64.size)
        if _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))[0] == b"PK\x06\x07":
            end -= _LOCATOR_64.size + _END_64.size
            file.seek(end)
            here, entries, length, begin = _END_64.unpack(file.read(_END_64.size))[6:]
    if here != entries or entries > MOST_ENTRIES or length > LONGEST_DIRECTORY or begin + length != end:
        raise ValueError(CUT)
    return begin


def _unpacked_end(file: BinaryIO) -> tuple[bytes, int, int, int, int, int, int, int]:
    mark, disk, first, here, entries, length, begin, comment = _END.unpack(file.read(_END.size))
    return mark, disk, first, here, entries, length, begin, comment

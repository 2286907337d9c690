"""A folder or a zip of photos: which files it holds, each once, and their bytes."""

import glob
import os
import re
import stat
import struct
import threading
import unicodedata
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath

from stages.common.data.decoding import one_line
from stages.common.errors import UserError, controls, printable

SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp"),
    *(".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
)
MAX_BYTES = 256 * 2**20  # of one photo's file: several are in memory at a time
NAMES_FILE = "classes.txt"  # beside numbered classes: their names, a line each
# What systems leave beside photos, thumbnails of all of them among it; besides, what begins with a dot.
LITTER = (
    *("__macosx", "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot"),
    *("$recycle.bin", "recycler", "system volume information", "lost+found", "found.000"),
)
# How `passed_over` calls what has no suffix to be counted by.
HIDDEN, NO_SUFFIX, REPLACED = "hidden or the system's", "without a suffix", "replaced later in the zip"
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_PARTS = re.compile(r"\.(z\d\d|zip\.\d{3})", re.IGNORECASE)  # how the parts of a split zip end
_SPLIT = "one part of a split zip; put the parts together (`zip -s 0 in.zip --out whole.zip`) or unpack them"
ITSELF = "the source itself or a folder that holds it"
_A_LINK = "a link"  # how the reasons begin why a link is no file
_KINDS = 10  # kinds of files that are counted in a line


class Source:
    """Photos in a folder or a zip; a context manager.

    Linked folders are followed, but a folder is read once, however many links lead to it. Names are relative
    posix paths in the composed Unicode form (NFC), so that "ü" is one name on every system.

    rejected: what has a photo's name and cannot be one: (name, reason).
    passed_over: files that are no photos by their names, counted by suffix.
    again: links to folders that are read elsewhere: (name, where).

    Raises `UserError` where `path` is missing, unreadable, neither a folder nor a zip, or holds no photo.
    """

    def __init__(self, path: Path):
        self.path = path
        self.rejected: list[tuple[str, str]] = []
        self.passed_over: Counter[str] = Counter()
        self.again: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._zip: zipfile.ZipFile | None = None
        self._files: dict[str, Path | zipfile.ZipInfo] = {}
        self._notes: dict[str, Path | zipfile.ZipInfo] = {}
        self._folders: set[str] = set()
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode):
                self._walk()
            elif stat.S_ISREG(mode) and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path)):
                self._zip = zipfile.ZipFile(path)
                self._members()
            elif _PARTS.search(path.name[-8:]):
                raise UserError(f"{path}: {_SPLIT}")
            else:
                raise UserError(
                    f"{path}: neither a folder nor a zip; give a folder of photos or a zip of one"
                )
        except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
            raise UserError(f"{path}: {_broken(path, error)}") from None
        except FileNotFoundError:
            raise UserError(f"{path}: does not exist; give a folder of photos or a zip of one") from None
        except (OSError, ValueError) as error:
            raise UserError(
                f"{_named(error, path)}: cannot be read ({_reason(error)}); make it readable or take it out"
            ) from None
        if not self._files:
            self.__exit__()
            raise UserError(f"{path}: no photos in it{self._instead()}; photos are {', '.join(SUFFIXES)}")

    def names(self) -> list[str]:
        """The photos, sorted."""
        return sorted(self._files)

    def folders(self) -> list[str]:
        """The folders, sorted, empty ones among them."""
        return sorted(self._folders)

    def class_names(self, folder: str) -> list[str] | None:
        """The lines of `classes.txt` in a folder ("" for the topmost), None where there is none.

        Raises `UserError` where it is no list of different names.
        """
        name = f"{folder}/{NAMES_FILE}" if folder else NAMES_FILE
        if name not in self._notes:
            return None
        try:
            lines = re.split("\r\n|\r|\n", self._bytes(self._notes[name]).decode("utf-8-sig"))
        except ValueError as error:
            raise UserError(f"{self.path}: {name}: {one_line(error)}; save it as UTF-8") from None
        names = [composed(line.strip()) for line in lines]
        while names and not names[-1]:
            names.pop()
        if not all(names) or len(set(names)) < len(names) or any(map(controls, names)):
            raise UserError(f"{self.path}: {name}: expected the name of a class in each line, all different")
        return names

    def read(self, name: str) -> bytes:
        """A photo's bytes; safe from several threads. Raises `ValueError` with a short reason."""
        return self._bytes(self._files[name])

    def size(self, name: str) -> int:
        """A photo's bytes, told without reading it; 0 where that cannot be told."""
        file = self._files[name]
        if isinstance(file, zipfile.ZipInfo):
            return file.file_size
        try:
            return file.stat().st_size
        except OSError:
            return 0

    def _bytes(self, file: Path | zipfile.ZipInfo) -> bytes:
        if isinstance(file, Path):
            return read_file(file)
        if file.file_size > MAX_BYTES:
            raise ValueError(_too_large(file.file_size))
        try:
            with self._lock:  # a ZipFile counts its open members without a lock of its own
                member = self._zip.open(file)
            try:
                return member.read(MAX_BYTES)
            finally:
                with self._lock:
                    member.close()
        except NotImplementedError:
            raise ValueError("packed in a way that is not read; unpack the zip and give the folder") from None
        except MemoryError:
            raise
        except Exception as error:  # zipfile and zlib raise many kinds on a broken member
            raise ValueError(f"cannot be read: {_reason(error)}") from None

    def _walk(self) -> None:
        """Real folders first, then linked ones: what two ways lead to is found under its own name."""
        todo: list[tuple[Path, str]] = [(self.path, "")]
        links: list[tuple[Path, str]] = []
        seen: dict[tuple[int, int], str] = {}
        here = self.path.resolve()
        while todo or links:
            folder, name = todo.pop() if todo else links.pop(0)
            status = folder.stat()
            if folder.is_symlink() and name and here.is_relative_to(folder.resolve()):
                self._folders.discard(composed(name))  # it would lead to half the disk
                self.again.append((name, ITSELF))
                continue
            if (status.st_dev, status.st_ino) in seen:
                self._folders.discard(composed(name))
                self.again.append((name, seen[status.st_dev, status.st_ino] or ITSELF))
                continue
            seen[status.st_dev, status.st_ino] = name
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
            for entry in found:
                if _hidden(entry.name):
                    self.passed_over[HIDDEN] += 1
                    continue
                path, below = Path(entry.path), f"{name}/{entry.name}" if name else entry.name
                if _leads_to_folder(entry):
                    (links if entry.is_symlink() else todo).append((path, below))
                    self._folders.add(composed(below))
                else:
                    self._add(below, path, "" if _is_file(entry) else _no_file(path))

    def _members(self) -> None:
        """A folder need not have an entry; some tools write backslashes, or lead out and in again by `..`."""
        members = {_name(info): info for info in self._zip.infolist()}  # the last of a name, as if unpacked
        if replaced := len(self._zip.infolist()) - len(members):
            self.passed_over[REPLACED] = replaced
        for name, info in members.items():
            name = name.replace("\\", "/")
            path = PurePosixPath(*(part for part in name.split("/") if part not in ("", ".", "..")))
            if any(_hidden(part) for part in path.parts):
                self.passed_over[HIDDEN] += 1
                continue
            is_folder = name.endswith("/")
            within = ([path] if is_folder else []) + list(path.parents)[:-1]
            self._folders.update(composed(str(folder)) for folder in within if str(folder) != ".")
            if is_folder:
                continue
            if info.flag_bits & 1 and is_photo(path.name):
                raise UserError(
                    f"{self.path}: encrypted ({path}); unpack it with its password and give the folder"
                )
            is_link = stat.S_ISLNK(info.external_attr >> 16)
            self._add(str(path), info, f"{_A_LINK}, which a zip holds as text" if is_link else "")

    def _add(self, name: str, file: Path | zipfile.ZipInfo, reason: str = "") -> None:
        """Take a file, or say why not. `reason`: what makes it none."""
        suffix = PurePosixPath(name).suffix.lower()
        plain = composed(name)
        if not is_photo(name) and not reason.startswith(_A_LINK):  # who knows what that led to
            self.passed_over[suffix or NO_SUFFIX] += 1
            if PurePosixPath(name).name.lower() == NAMES_FILE and not reason:
                self._notes[str(PurePosixPath(plain).with_name(NAMES_FILE))] = file
        elif reason:
            self.rejected.append((printable(plain), reason))
        elif controls(plain):
            self.rejected.append((printable(plain), "a control character in its name; rename it"))
        elif plain in self._files:
            self.rejected.append((printable(name), "another file's name, spelt in another way; rename it"))
        else:
            self._files[plain] = file

    def _instead(self) -> str:
        """What a source without photos holds."""
        if self.rejected:
            return f" that can be read ({self.rejected[0][0]}: {self.rejected[0][1]})"
        if packed := [kind for kind in ARCHIVES if self.passed_over[kind]]:
            return f", but {' and '.join(packed)} files: unpack them first"
        held = counted(self.passed_over)
        phones = " (convert the phone's .heic to JPEG)" if self.passed_over[".heic"] else ""
        return f", but {held}{phones}" if held else ""

    def __enter__(self) -> "Source":
        return self

    def __exit__(self, *_) -> None:
        if self._zip is not None:
            self._zip.close()


def read_file(path: Path) -> bytes:
    """A file's bytes. Raises `ValueError` with a short reason: no regular file, too large, not readable."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(_no_file(path))
        if status.st_size > MAX_BYTES:
            raise ValueError(_too_large(status.st_size))
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise ValueError(f"cannot be read: {_reason(error)}") from None


def is_photo(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def composed(name: str) -> str:
    """A name in the one Unicode form in which names are compared."""
    return unicodedata.normalize("NFC", name)


def counted(kinds: Counter[str]) -> str:
    """`passed_over` in words: "12 .txt, 3 .heic", the most frequent first."""
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{count:,} {printable(kind)}" for kind, count in ordered[:_KINDS]]
    if others := sum(count for _, count in ordered[_KINDS:]):
        words.append(f"{others:,} of other kinds")
    return ", ".join(words)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in LITTER


def _leads_to_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _no_file(path: Path) -> str:
    """Why something that has a name is no file."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"{_A_LINK} that leads nowhere ({_reason(error)})" if path.is_symlink() else _reason(error)
    kinds = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISDIR: "a folder"}
    kind = next((name for test, name in kinds.items() if test(mode)), "a device")
    return f"{kind}, no file"


def _too_large(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB; at most {MAX_BYTES / 2**20:,.0f} are read"


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name. Many tools write UTF-8 without the flag that says so; others a code page."""
    if info.flag_bits & 0x800:
        return info.orig_filename
    try:
        raw = info.orig_filename.encode("cp437")
        return (_unicode_path(info.extra, raw) or raw).decode("utf-8")
    except UnicodeError:
        return info.orig_filename


def _unicode_path(extra: bytes, raw: bytes) -> bytes | None:
    """The UTF-8 name that some tools add to a name in a code page, `raw`; None where it is of another name."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x7075 and size > 5 and struct.unpack_from("<I", extra, 5)[0] == zlib.crc32(raw):
            return extra[9 : 4 + size]
        extra = extra[4 + size :]
    return None


def _broken(path: Path, error: Exception) -> str:
    reason = one_line(error)
    if "disk" in reason or list(path.parent.glob(f"{glob.escape(path.stem)}.z[0-9][0-9]")):
        return _SPLIT
    return f"broken zip ({reason}); copy or download it again"


def _named(error: Exception, path: Path) -> str:
    return printable(str(getattr(error, "filename", None) or path))


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or one_line(error)

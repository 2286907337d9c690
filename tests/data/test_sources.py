"""A folder or a zip: every file once, only files, and what is said of the others."""

import os
import random
import socket
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stages.common.data import sources
from stages.common.data.layouts import scan
from stages.common.data.sources import (
    HIDDEN,
    ITSELF,
    NO_SUFFIX,
    REPLACED,
    SUFFIXES,
    Source,
    counted,
    read_file,
)
from stages.common.errors import UserError
from tests.data.making import BOTH, lay_out, refused, scanned

NFC, NFD = (unicodedata.normalize(form, "Gemüse") for form in ("NFC", "NFD"))
CONTROLS = pytest.mark.parametrize(
    "character", ["\r", "\n", "\t", "\x1b", "\x7f", "\x85", "\u2028"], ids=ascii
)


@pytest.fixture
def root(tmp_path) -> Path:
    """Two classes of two photos each; tests add to it."""
    return lay_out(
        tmp_path, {f"{cls}/{n}.jpg": f"{cls} {n}".encode() for cls in ("cats", "dogs") for n in "12"}
    )


PHOTOS = ["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg", "dogs/2.jpg"]


def of(source: Source) -> list[str]:
    """The photos of a source, each of which can be read."""
    with source:
        for name in source.names():
            source.read(name)
        return source.names()


# -- which files are photos --


@BOTH
def test_only_visible_photos_are_read(tmp_path, as_zip):
    names = ["train/0_1.JPG", "train/1_1.tiff"]
    others = ["train/.0_2.jpg", ".git/0_1.jpg", "__MACOSX/train/._0_1.jpg", "train/notes.txt", "train/0_3"]
    with Source(lay_out(tmp_path, names + others, as_zip)) as source:
        assert source.names() == names
        assert source.folders() == ["train"]
        assert source.passed_over == {HIDDEN: 3, ".txt": 1, NO_SUFFIX: 1}
        assert scan(source).rejected == []


@BOTH
def test_photos_are_known_by_their_suffix_in_any_case(tmp_path, as_zip):
    names = [f"{kind}{suffix}" for suffix in SUFFIXES for kind in ("a", "b.")]
    names += [f"c{suffix.upper()}" for suffix in SUFFIXES]
    others = ["d.jpg_large", "e.jpg~", "f.avif", "g.heic", "h.jpg.part", "jpg"]
    with Source(lay_out(tmp_path, names + others, as_zip)) as source:
        assert source.names() == sorted(names)
        assert sum(source.passed_over.values()) == len(others)


LITTER = [
    "@eaDir",
    "$RECYCLE.BIN",
    "System Volume Information",
    "#recycle",
    "lost+found",
    "__MACOSX",
    ".Trash",
]


@BOTH
@pytest.mark.parametrize("litter", LITTER)
def test_what_systems_leave_is_left_out(tmp_path, litter, as_zip):
    names = ["cats/1.jpg", "dogs/1.jpg"]
    left = [f"{litter}/1.jpg", f"cats/{litter}/1.jpg/thumb.jpg", f"dogs/{litter.lower()}/deep/2.jpg"]
    with Source(lay_out(tmp_path, names + left, as_zip)) as source:
        assert source.names() == names
        assert source.folders() == ["cats", "dogs"]
        assert source.passed_over == {HIDDEN: 3}


def test_many_kinds_of_files_are_counted_in_a_short_line():
    kinds = Counter({f".{number:03}": number for number in range(1, 500)})
    told = counted(kinds + Counter({".a\nb": 1000}))
    assert told.startswith("1,000 .a\\nb, 499 .499, 498 .498, ")
    assert told.endswith(f"{sum(range(1, 491)):,} of other kinds")
    assert len(told) < 150


@BOTH
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["cats/"], "no photos in it; photos are .jpg"),
        (["a.txt", "b.txt", "c.heic"], "no photos in it, but 2 .txt, 1 .heic (convert"),
        (["train.zip", "test.ZIP", "sample.csv"], "no photos in it, but .zip files: unpack them first"),
        (["photos.tar.gz", "more.rar"], "no photos in it, but .gz and .rar files: unpack them first"),
    ],
)
def test_a_source_without_photos_says_what_it_holds(tmp_path, names, told, as_zip):
    path = lay_out(tmp_path, names, as_zip)
    assert refused(lambda: Source(path)).startswith(f"{path}: {told}")


def test_of_photos_that_cannot_be_read_the_first_is_told(tmp_path):
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    assert "no photos in it that can be read (gone.jpg: a link that leads nowhere" in refused(
        lambda: Source(tmp_path)
    )


# -- links: a folder once --


def test_a_linked_folder_is_read_once(tmp_path):
    elsewhere = lay_out(tmp_path, ["1.jpg"])
    (tmp_path / "link").mkdir()
    for name in "ab":
        (tmp_path / "link" / name).symlink_to(elsewhere)
    with Source(tmp_path / "link") as source:
        assert source.names() == ["a/1.jpg"]
        assert source.folders() == ["a"]
        assert source.again == [("b", "a")]


def test_a_folder_is_read_under_its_own_name_before_links_to_it(root):
    (root / "a").symlink_to("dogs")
    (root / "cats/deep").symlink_to("../dogs")
    with Source(root) as source:
        assert source.names() == PHOTOS
        assert sorted(source.again) == [("a", "dogs"), ("cats/deep", "dogs")]


def test_loops_of_links_end(root):
    (root / "cats/up").symlink_to("..")
    (root / "dogs/up").symlink_to("../..")  # to where the source lies, and down again
    (root / "dogs/self").symlink_to(".")
    (root / "one").symlink_to("cats/up/two")
    (root / "two").symlink_to("dogs/up/photos/one")
    with Source(root) as source:
        assert source.names() == PHOTOS
        assert {where for _, where in source.again} == {ITSELF, "dogs"}
        assert sorted(name for name, _ in source.rejected) == ["one", "two"]
        assert all("a link that leads nowhere (Too many levels" in reason for _, reason in source.rejected)


@pytest.mark.parametrize("name", ["cats/x.jpg", "ants", "101.ants", "x.txt"])
@pytest.mark.parametrize("to", ["nowhere", "{name}"])
def test_a_link_that_leads_nowhere_is_a_reject(root, name, to):
    """Whatever its name: it may have led to a class."""
    (root / name).symlink_to(to.format(name=Path(name).name))
    with Source(root) as source:
        assert source.names() == PHOTOS
        [(rejected, reason)] = source.rejected
        assert rejected == name
        assert reason.startswith("a link that leads nowhere (")


def test_a_linked_photo_is_a_photo(root):
    (root / "dogs/3.jpg").symlink_to("../cats/1.jpg")
    with Source(root) as source:
        assert source.names() == [*PHOTOS, "dogs/3.jpg"]
        assert source.read("dogs/3.jpg") == source.read("cats/1.jpg")
        assert source.size("dogs/3.jpg") == len("cats 1")


def test_a_link_read_elsewhere_is_no_empty_class(root):
    (root / NFD).symlink_to("cats")
    with Source(root) as source:
        assert source.folders() == ["cats", "dogs"]
        assert scan(source).classes == ["cats", "dogs"]


def test_a_source_may_be_a_link_or_be_called_as_a_zip(tmp_path, root):
    (tmp_path / "link").symlink_to(root)
    root.rename(tmp_path / "photos.zip")
    (tmp_path / "photos").symlink_to("photos.zip")
    for name in ("link", "photos.zip"):
        assert of(Source(tmp_path / name)) == PHOTOS


# -- what is no file --


def test_what_is_no_file_is_a_reject_and_never_opened(root, monkeypatch):
    os.mkfifo(root / "cats/pipe.jpg")
    os.mkfifo(root / "cats/pipe")
    os.mkfifo(root / "dogs/classes.txt")
    (root / "cats/zero.jpg").symlink_to("/dev/zero")
    (root / "cats/piped.jpg").symlink_to("pipe")
    monkeypatch.chdir(root)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as it:
        it.bind("dogs/socket.png")
        with Source(root) as source:
            assert source.names() == PHOTOS
            assert dict(source.rejected) == {
                "cats/pipe.jpg": "a pipe, no file",
                "cats/piped.jpg": "a pipe, no file",
                "cats/zero.jpg": "a device, no file",
                "dogs/socket.png": "a socket, no file",
            }
            assert source.class_names("dogs") is None
            assert source.passed_over == {NO_SUFFIX: 1, ".txt": 1}


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: os.mkfifo(path), "a pipe, no file"),
        (lambda path: path.mkdir(), "a folder, no file"),
        (lambda path: path.symlink_to("/dev/zero"), "a device, no file"),
        (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file or directory"),
        (lambda path: path.write_bytes(bytes(1001)), "0 MiB; at most 0 are read"),
    ],
)
def test_what_became_no_photo_since_it_was_found_has_a_reason(root, monkeypatch, make, reason):
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    source = Source(root)
    (root / "cats/1.jpg").unlink()
    make(root / "cats/1.jpg")
    for read in (lambda: source.read("cats/1.jpg"), lambda: read_file(root / "cats/1.jpg")):
        with pytest.raises(ValueError, match=f"^{reason}$"):
            read()


def test_a_folder_called_as_a_photo_is_a_folder(root):
    lay_out(root.parent, {"dogs/album.jpg/3.jpg": b"3", "dogs/album.jpg/deep.png/4.jpg": b"4"})
    assert of(Source(root)) == [*PHOTOS, "dogs/album.jpg/3.jpg", "dogs/album.jpg/deep.png/4.jpg"]


@pytest.mark.parametrize("as_zip", [False, True])
def test_a_file_over_the_limit_is_not_read(tmp_path, monkeypatch, as_zip):
    path = lay_out(tmp_path, {"a.jpg": bytes(1000), "b.jpg": bytes(1001)}, as_zip)
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    with Source(path) as source:
        assert source.read("a.jpg") == bytes(1000)
        assert source.size("b.jpg") == 1001
        with pytest.raises(ValueError, match="at most"):
            source.read("b.jpg")


def test_a_folder_that_cannot_be_read_is_named(root, monkeypatch):
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "dogs":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    told = refused(lambda: Source(root))
    assert told == f"{root}/dogs: cannot be read (Permission denied); make it readable or take it out"


# -- names --


@BOTH
@CONTROLS
def test_a_control_character_in_a_name_is_a_reject(tmp_path, character, as_zip):
    names = ["cats/1.jpg", "dogs/1.jpg"]
    with Source(lay_out(tmp_path, [*names, f"dogs/{character}2.jpg", f"x{character}"], as_zip)) as source:
        assert source.names() == names
        [(name, reason)] = source.rejected
        assert name.isprintable()
        assert name.startswith("dogs/\\")
        assert reason == "a control character in its name; rename it"


@BOTH
@CONTROLS
@pytest.mark.parametrize(
    "name", ["a{}b/1.jpg", "cats/a{}b/1.jpg", "train/a{}b/1.jpg", "a{}b/", "train{}/cats/1.jpg"]
)
def test_a_control_character_in_a_folders_name_is_told(tmp_path, character, name, as_zip):
    path = lay_out(tmp_path, ["cats/1.jpg", "dogs/1.jpg", name.format(character)], as_zip)
    with Source(path) as source:
        assert source.names() == ["cats/1.jpg", "dogs/1.jpg"]
        told = refused(lambda: scan(source))
    assert character.encode("unicode_escape").decode() in told
    assert "has a control character in its name; rename it" in told


@BOTH
@pytest.mark.parametrize("name", ["{}/1.jpg", "{}.jpg", "cats/{}/{}.png", "{}/{}/1.jpg"])
def test_names_are_one_in_any_unicode_form(tmp_path, name, as_zip):
    """Composed; and of two files whose names are one, none is lost without a word, whichever is found first."""
    [composed] = of(Source(lay_out(tmp_path, [name.replace("{}", NFD)], as_zip)))
    assert composed == name.replace("{}", NFC)
    both = [name.replace("{}", form) for form in (NFC, NFD)]
    for number, names in enumerate((both, both[::-1])):
        (tmp_path / str(number)).mkdir()
        with Source(lay_out(tmp_path / str(number), [*names, "z.jpg"], as_zip)) as source:
            assert source.names() == [composed, "z.jpg"]
            [(_, reason)] = source.rejected
            assert reason == "another file's name, spelt in another way; rename it"


def test_a_class_may_be_there_in_two_unicode_forms(tmp_path):
    listing = scanned(
        tmp_path, [f"train/{NFC}/1.jpg", f"train/{NFD}/2.jpg", "train/x/1.jpg", f"val/{NFD}/3.jpg"]
    )
    assert listing.classes == [NFC, "x"]
    assert [len(photos) for photos in listing.splits.values()] == [3, 1, 0]


# -- classes.txt --


@BOTH
@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"red\ngreen\n", ["red", "green"]),
        (b"\xef\xbb\xbfred\r\n green \r\n\r\n\n", ["red", "green"]),
        (b"red\rgreen", ["red", "green"]),
        (f"{NFD}\nx".encode(), [NFC, "x"]),
        (b"", []),
    ],
)
def test_class_names_are_lines(tmp_path, content, names, as_zip):
    with Source(lay_out(tmp_path, {"a/Classes.TXT": content, "1.jpg": b""}, as_zip)) as source:
        assert source.class_names("a") == names
        assert source.class_names("") is None


@BOTH
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"red\n\nblue\n", "all different"),
        (b"red\nred\n", "all different"),
        (f"{NFC}\n{NFD}\n".encode(), "all different"),
        ("red\u2028green\n".encode(), "all different"),
        (b"re\0d\nblue\n", "all different"),
        ("grün\nrot".encode("latin-1"), "save it as UTF-8"),
        ("red\ngreen\n".encode("utf-16"), "save it as UTF-8"),
    ],
)
def test_class_names_that_are_none_are_told(tmp_path, content, told, as_zip):
    path = lay_out(tmp_path, {"classes.txt": content, "1.jpg": b""}, as_zip)
    with Source(path) as source:
        line = refused(lambda: source.class_names(""))
    assert line.startswith(f"{path}: classes.txt: ")
    assert told in line


# -- zips --

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"  # how the headers of a member begin, beside it and in the list


def patch(path: Path, number: int, format: str, change) -> None:
    """Change a field of the headers of all members; number: where it stands beside the member."""
    data = bytearray(path.read_bytes())
    for mark, at in ((LOCAL, number), (CENTRAL, number + 2)):
        begin = data.find(mark)
        while begin >= 0:
            [value] = struct.unpack_from(format, data, begin + at)
            struct.pack_into(format, data, begin + at, change(value))
            begin = data.find(mark, begin + 4)
    path.write_bytes(data)


FLAGS, METHOD, SIZE = 6, 8, 22


@pytest.fixture
def archive(tmp_path) -> Path:
    return lay_out(tmp_path, {name: name.encode() for name in PHOTOS}, as_zip=True)


def test_zip_with_backslashes(tmp_path):
    assert scanned(tmp_path, ["train\\a\\1.jpg", "train\\b\\1.jpg"], as_zip=True).classes == ["a", "b"]


def test_utf8_names_without_the_flag_come_out_right(tmp_path):
    path = lay_out(tmp_path, ["Gemüse/ä.jpg", "茶/1.jpg", "cats/1.jpg"], as_zip=True)
    patch(path, FLAGS, "<H", lambda flags: flags & ~0x800)
    assert of(Source(path)) == ["Gemüse/ä.jpg", "cats/1.jpg", "茶/1.jpg"]


def renamed(path: Path, old: bytes, new: bytes) -> Path:
    assert len(old) == len(new)
    path.write_bytes(path.read_bytes().replace(old, new))
    return path


def test_names_in_the_old_code_page_come_out_right(tmp_path):
    path = lay_out(tmp_path, ["K_se/1.jpg", "cats/1.jpg"], as_zip=True)
    assert of(Source(renamed(path, b"K_se", "Käse".encode("cp437")))) == ["Käse/1.jpg", "cats/1.jpg"]


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_unicode_name_beside_one_in_a_code_page_is_taken(tmp_path, whose):
    """As WinRAR and Info-ZIP write it; one that was left by a renaming is not."""
    raw = b"\xe7ay/1.jpg"  # Windows-1254
    checked = zlib.crc32(raw if whose == "its own" else b"old name")
    name = "çay/1.jpg".encode()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("_ay/1.jpg")
        info.extra = struct.pack("<HH4s", 0x5455, 4, b"time")
        info.extra += struct.pack("<HHBI", 0x7075, 5 + len(name), 1, checked) + name
        archive.writestr(info, b"")
    path = renamed(tmp_path / "a.zip", b"_ay/1.jpg", raw)
    assert of(Source(path)) == ["çay/1.jpg" if whose == "its own" else "τay/1.jpg"]


def test_of_members_of_one_name_the_last_is_read(archive):
    with zipfile.ZipFile(archive, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("cats/1.jpg", b"new")
    with Source(archive) as source:
        assert source.names() == PHOTOS
        assert source.read("cats/1.jpg") == b"new"
        assert source.passed_over == {REPLACED: 1}
        assert source.rejected == []


@pytest.mark.parametrize("name", ["../../cats/1.jpg", "/cats/1.jpg", "./cats//1.jpg", "cats\\1.jpg"])
def test_members_never_lead_out_nor_hide_each_other(tmp_path, archive, name):
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(name, b"other")
        file.writestr("../../../etc/3.jpg", b"")
    with Source(archive) as source:
        assert source.names() == [*PHOTOS, "etc/3.jpg"]
        assert source.read("cats/1.jpg") == b"cats/1.jpg"
        assert [reason for _, reason in source.rejected] == [
            "another file's name, spelt in another way; rename it"
        ]


def test_an_encrypted_zip_says_what_to_do(archive):
    patch(archive, FLAGS, "<H", lambda flags: flags | 1)
    told = refused(lambda: Source(archive))
    assert told == f"{archive}: encrypted (cats/1.jpg); unpack it with its password and give the folder"


def test_an_encrypted_note_does_not_matter_unless_it_is_asked_for(tmp_path):
    path = lay_out(tmp_path, ["classes.txt"], as_zip=True)
    patch(path, FLAGS, "<H", lambda flags: flags | 1)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("1.jpg", b"")
    with Source(path) as source:
        assert source.names() == ["1.jpg"]
        assert "encrypted" in refused(lambda: source.class_names(""))


@pytest.mark.parametrize("name", ["photos.z01", "Photos.Z02", "photos.zip.001"])
def test_a_part_of_a_split_zip_says_what_to_do(tmp_path, archive, name):
    (tmp_path / name).write_bytes(archive.read_bytes()[:100])
    assert "one part of a split zip; put the parts together" in refused(lambda: Source(tmp_path / name))


def test_the_last_part_of_a_split_zip_says_what_to_do(tmp_path, archive):
    data = archive.read_bytes()
    path = tmp_path / "pho[t]os*.zip"
    path.write_bytes(data[len(data) // 2 :])
    assert "broken zip" in refused(lambda: Source(path))
    (tmp_path / "pho[t]os*.z01").write_bytes(data[: len(data) // 2])
    assert "one part of a split zip; put the parts together" in refused(lambda: Source(path))


def test_a_zip_over_several_disks_says_what_to_do(archive):
    data = bytearray(archive.read_bytes())
    data[data.rfind(b"PK\x05\x06") + 4] = 1  # the number of this disk
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 2)
    end = data.rfind(b"PK\x05\x06")
    archive.write_bytes(data[:end] + locator + data[end:])
    assert "one part of a split zip; put the parts together" in refused(lambda: Source(archive))


def test_a_member_that_claims_a_huge_size_is_a_reject_unread(archive):
    patch(archive, SIZE, "<I", lambda _: 3 * 2**30)
    with Source(archive) as source:
        assert source.size("cats/1.jpg") == 3 * 2**30
        with pytest.raises(ValueError, match=r"^3,072 MiB; at most 256 are read$"):
            source.read("cats/1.jpg")


def test_a_member_that_unpacks_to_more_than_it_claims_is_a_reject(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.jpg", bytes(100_000))
    patch(path, SIZE, "<I", lambda _: 1000)
    with Source(path) as source, pytest.raises(ValueError, match="cannot be read: Bad CRC"):
        source.read("a.jpg")


def test_a_packing_that_is_not_read_says_what_to_do(archive):
    patch(archive, METHOD, "<H", lambda _: 9)  # Deflate64, as Windows packs large files
    with Source(archive) as source, pytest.raises(ValueError, match="unpack the zip and give the folder"):
        source.read("cats/1.jpg")


def test_a_zip_whose_names_are_not_what_it_says_is_broken(tmp_path):
    path = lay_out(tmp_path, ["ä.jpg"], as_zip=True)
    assert "broken zip ('utf-8' codec" in refused(lambda: Source(renamed(path, "ä".encode(), b"\xff\xff")))


def test_a_link_in_a_zip_is_a_reject(archive):
    with zipfile.ZipFile(archive, "a") as file:
        for name in ("cats/3.jpg", "ants"):  # a photo and a class
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(info, "../dogs")
    with Source(archive) as source:
        assert source.names() == PHOTOS
        assert source.rejected == [
            (name, "a link, which a zip holds as text") for name in ("cats/3.jpg", "ants")
        ]


def test_corrupt_zip_member_is_a_value_error(tmp_path):
    path = lay_out(tmp_path, {"a.jpg": b"first photo", "b.jpg": b"other photo"}, as_zip=True)
    path.write_bytes(path.read_bytes().replace(b"first", b"fIrst"))
    with Source(path) as source:
        assert source.read("b.jpg") == b"other photo"
        with pytest.raises(ValueError, match="cannot be read: Bad CRC"):
            source.read("a.jpg")
        assert source.read("b.jpg") == b"other photo"


def test_a_damaged_zip_ends_in_one_line_or_short_reasons(archive):
    """Never in another exception, whatever bytes are changed."""
    whole, draw = archive.read_bytes(), random.Random(0)
    outcomes = Counter()
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(draw.choice([1, 1, 3])):
            data[draw.randrange(len(data))] = draw.choice([0, 255, draw.randrange(256)])
        archive.write_bytes(data)
        try:
            with Source(archive) as source:
                for name in source.names():
                    try:
                        source.read(name)
                    except ValueError as error:
                        assert len(str(error)) < 200
                        outcomes["reason"] += 1
                outcomes["read"] += 1
        except UserError as error:
            assert str(error).isprintable()
            outcomes["line"] += 1
    assert min(outcomes.values()) > 50


# -- the source itself --


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("missing", None, "does not exist"),
        ("photos.tar", b"not a zip", "neither a folder nor a zip"),
        ("photo.jpg", b"\xff\xd8\xff", "neither a folder nor a zip"),
        ("photos.zip", b"PK\x03\x04 cut off", "broken zip"),
        ("photos.zip", b"<!doctype html><title>Sign in</title>", "broken zip"),
        ("photos.zip", b"", "broken zip"),
        ("a\0b", None, "cannot be read"),
        ("long" * 100, None, "cannot be read"),
    ],
)
def test_unreadable_sources_are_told_in_one_line(tmp_path, name, content, told):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    line = refused(lambda: Source(path))
    assert told in line
    assert str(tmp_path) in line


def test_a_pipe_is_no_source(tmp_path):
    os.mkfifo(tmp_path / "photos.zip")
    assert "neither a folder nor a zip" in refused(lambda: Source(tmp_path / "photos.zip"))


def test_a_zip_is_known_by_what_it_holds(tmp_path, archive):
    archive.rename(tmp_path / "photos")
    assert of(Source(tmp_path / "photos")) == PHOTOS


@BOTH
def test_reading_from_several_threads(tmp_path, as_zip):
    contents = {f"{number}.jpg": bytes([number]) * 5000 for number in range(200)}
    with Source(lay_out(tmp_path, contents, as_zip)) as source, ThreadPoolExecutor(8) as pool:
        assert dict(zip(source.names(), pool.map(source.read, source.names()), strict=True)) == contents


def test_a_link_to_a_folder_that_holds_the_source_is_not_followed(tmp_path):
    path = lay_out(tmp_path / "deep", ["cat/1.jpg", "dog/1.jpg"])
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (path / "cat/up").symlink_to(tmp_path)
    with Source(path) as source:
        assert source.names() == ["cat/1.jpg", "dog/1.jpg"]
        assert [name for name, _ in source.again] == ["cat/up"]

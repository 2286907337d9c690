"""A table of file, label and split: read as it is meant, or refused with its line."""

import os
import unicodedata
from pathlib import Path

import pytest

from stages.common.data.labels import COLUMNS, MAX_BYTES, Row, read_labels
from stages.common.data.layouts import scan
from stages.common.data.listing import told
from stages.common.data.sources import Source
from tests.data.making import BOTH, classed, lay_out, refused

NFC, NFD = (unicodedata.normalize(form, "Gemüse") for form in ("NFC", "NFD"))


@pytest.fixture
def table(tmp_path):
    """Writes a table; text as UTF-8."""

    def write(content: str | bytes, name: str = "labels.csv") -> Path:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / name

    return write


# -- read_labels --

SAME = {  # all say the same
    "commas": "file,label,split\na b.jpg,Rice,train\nc/d.jpg,Soup,val\n",
    "tabs": "file\tlabel\tsplit\na b.jpg\tRice\ttrain\nc/d.jpg\tSoup\tval",
    "semicolons": "file;label;split\na b.jpg;Rice;train\nc/d.jpg;Soup;val\n",
    "of Windows": "\ufefffile,label,split\r\na b.jpg,Rice,train\r\nc/d.jpg,Soup,val\r\n",
    "of an old Mac": "file,label,split\ra b.jpg,Rice,train\rc/d.jpg,Soup,val\r",
    "in quotes": '"file","label","split"\n"a b.jpg","Rice","train"\n"c/d.jpg","Soup","val"\n',
    "in another order": "split,label,file\ntrain,Rice,a b.jpg\nval,Soup,c/d.jpg\n",
    "among other columns": "id,Image_Path,Class,x,SET\n1,a b.jpg,Rice,,train\n2,c/d.jpg,Soup,9,val\n",
    "spaced": ' file , label, split\n\n  a b.jpg ,  Rice,train \n , , \nc/d.jpg, "Soup", val\n\n',
    "other marks in other columns": "file,label,split,note\ra b.jpg,Rice,train,x;y\rc/d.jpg,Soup,val,\t\r",
    "with dots and backslashes": "file,label,split\n./a b.jpg,Rice,train\nc\\.\\d.jpg,Soup,val\n",
    "with empty columns": "file,label,split\na b.jpg,Rice,train,,\nc/d.jpg,Soup,val,\n",
}


@pytest.mark.parametrize("kind", SAME)
def test_tables_are_read_as_programs_write_them(table, kind):
    rows, with_splits = read_labels(table(SAME[kind]))
    assert [row[1:] for row in rows] == [("a b.jpg", "Rice", "train"), ("c/d.jpg", "Soup", "val")]
    assert with_splits


@pytest.mark.parametrize(
    ("meaning", "name"), [(meaning, name) for meaning in COLUMNS for name in COLUMNS[meaning]]
)
def test_columns_have_many_names(table, meaning, name):
    header = ",".join(name if column == meaning else column for column in COLUMNS)
    assert read_labels(table(f"{header}\na.jpg,x,val\n")) == ([Row(2, "a.jpg", "x", "val")], True)


def test_without_a_column_of_splits_there_are_none(table):
    assert read_labels(table("file,label\na.jpg,x\n")) == ([Row(2, "a.jpg", "x", "")], False)


def test_lines_are_counted_as_an_editor_does(table):
    rows, _ = read_labels(table('file,label\n\n"a\nb.jpg",x\nc.jpg,y\n'))
    assert [row.line for row in rows] == [4, 5]


def test_labels_stay_as_they_are(table):
    labels = [
        "NA",
        "NaN",
        "null",
        "None",
        "True",
        "1e5",
        "007",
        "-1",
        "3.0",
        "=1+1",
        "#x",
        "a,b",
        'say "so"',
        NFC,
    ]
    lines = "".join('{}.jpg,"{}"\n'.format(n, label.replace('"', '""')) for n, label in enumerate(labels))
    assert [row.label for row in read_labels(table("file,label\n" + lines))[0]] == labels


def test_names_are_composed(table):
    [row], _ = read_labels(table(f"file,label\n{NFD}/{NFD}.jpg,{NFD}\n"))
    assert (row.file, row.label) == (f"{NFC}/{NFC}.jpg", NFC)


BAD = {  # name -> (content, what is told after the file's name)
    "empty": ("", "line 1: no column 'file'"),
    "nothing but a header": ("file,label\n", "no photo is listed"),
    "empty lines alone": ("file,label\n\n,\n", "no photo is listed"),
    "no header": ("a.jpg,rice\nb.jpg,soup\n", "line 1: no column 'file'; the first line names the columns"),
    "no column of labels": ("file,split\na.jpg,train\n", "line 1: no column 'label'"),
    "two columns of files": ("path,file,label\n", "line 1: 2 columns of file (path, file); rename all but one"),
    "two columns of labels": ("file,class,label\n", "line 1: 2 columns of label (class, label); rename all but one"),
    "too few columns": ("file,label,split\na.jpg,x,val\nb.jpg,x\n", "line 3: 2 columns, and the header names 3"),
    "a comma too many": ("file,label\na, b.jpg,x\n", "line 2: 3 columns, and the header names 2; quote what holds"),
    "no file": ("file,label\n,x\n", "line 2: no file; name one or delete the line"),
    "an open quote": ('file,label\na.jpg,x\n"b.jpg,x\nc.jpg,x\n', "line 4: unexpected end of data; mend the quotation"),
    "a stray quote": ('file,label\n"a"b.jpg,x\n', "line 2: ',' expected after '\"'; mend the quotation"),
    "an endless field": (f"file,label\na.jpg,{'x' * 200_000}\n", "line 2: field larger than field limit"),
    "a line break in a label": ('file,label\na.jpg,"x\ny"\n', "line 3: a control character in the label 'x\\ny'"),
    "an escape in a label": ("file,label\na.jpg,\x1b[31m\n", "line 2: a control character in the label '\\x1b[31m'"),
    "a line separator in a label": ("file,label\na.jpg,x\u2028y\n", "line 2: a control character in the label"),
    "an escape in the header": ("\x1b[2J,label\n", "line 1: no column 'file'"),
    "a long header": (f"{'x' * 5000},label\n", "line 1: no column 'file'"),
    "Latin-1": ("file,label\na.jpg,Gemüse\n".encode("latin-1"), "line 2: not UTF-8; save it as UTF-8"),
    "UTF-16": ("file,label\na.jpg,x\n".encode("utf-16"), "UTF-16; save the table as a CSV in UTF-8"),
    "UTF-16 without a mark": ("file,label\na.jpg,x\n".encode("utf-16-le"), "no text, as it holds a NUL"),
    "a spreadsheet": (b"PK\x03\x04\x14\0\x06\0", "a spreadsheet; save the table as a CSV"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_table_is_told_with_its_line(table, kind):
    content, told = BAD[kind]
    path = table(content)
    line = refused(lambda: read_labels(path))
    assert line.startswith(f"{path}: {told}")
    assert len(line) < len(str(path)) + 250


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "no such file; data.labels names a CSV or TSV"),
        (lambda path: path.mkdir(), "no file; data.labels names a CSV or TSV"),
        (lambda path: os.mkfifo(path), "no file; data.labels names"),
        (lambda path: path.symlink_to("/dev/zero"), "no file; data.labels names"),
        (lambda path: path.symlink_to(path.name), "no such file; data.labels names"),
        (lambda path: (path.touch(), os.truncate(path, MAX_BYTES + 1)), "over 256 MiB; that is no list"),
    ],
)
def test_what_is_no_file_is_told(tmp_path, make, told):
    make(tmp_path / "labels.csv")
    assert told in refused(lambda: read_labels(tmp_path / "labels.csv"))


# -- photos by a table --

PHOTOS = ["box/a.jpg", "box/b.jpg", "c.jpg", "deep/er/d.jpg", "test/x/e.jpg"]


@BOTH
def test_a_table_says_it_whatever_the_folders_say(tmp_path, table, as_zip):
    path = table(
        "file,label,split\nbox/a.jpg,x,train\nbox/b.jpg,y,training\nc.jpg,x,VALID\ndeep/er/d.jpg,,test\n"
    )
    with Source(lay_out(tmp_path, PHOTOS, as_zip)) as source:
        listing = scan(source, labels=path)
        assert listing.classes == ["x", "y"]
        assert classed(listing) == {
            "training": {"box/a.jpg": "x", "box/b.jpg": "y"},
            "validation": {"c.jpg": "x"},
            "test": {"deep/er/d.jpg": None},
        }
        assert listing.left_out == [("test/x/e.jpg", f"not listed in {path}")]
        assert listing.rejected == []
        lines = told(source, listing)
    assert lines[0] == f"{source.path}: 2 classes, as {path} says, with splits"
    assert lines[1:3] == ["  x: 1 training, 1 validation", "  y: 1 training"]


def read(tmp_path: Path, path: Path, files=PHOTOS, as_zip: bool = False):
    with Source(lay_out(tmp_path, files, as_zip)) as source:
        return scan(source, labels=path)


def test_without_splits_all_are_for_training(tmp_path, table):
    listing = read(tmp_path, table("photo,class\nbox/a.jpg,x\nbox/b.jpg,y\ntest/x/e.jpg,x\n"))
    assert classed(listing) == {"training": {"box/a.jpg": "x", "box/b.jpg": "y", "test/x/e.jpg": "x"}}
    assert "without splits" in listing.layout


@pytest.mark.parametrize("folder", ["", "zip root", "train/images", "train_images"])
@pytest.mark.parametrize("named", [0, 1, 2])
@BOTH
def test_files_are_named_from_the_source_or_a_folder_that_holds_all(tmp_path, table, folder, named, as_zip):
    """Neither a zip's root folder nor the folder of all photos need be named."""
    below = "/".join(folder.split("/")[named:])
    names = [f"{below}/{name}".lstrip("/") for name in ("a.jpg", "b.jpg")]
    files = [f"{folder}/{name}".lstrip("/") for name in ("a.jpg", "b.jpg", "c.jpg")]
    listing = read(tmp_path, table(f"file,label\n{names[0]},x\n{names[1]},y\n"), files, as_zip)
    assert classed(listing) == {"training": {files[0]: "x", files[1]: "y"}}
    assert [name for name, _ in listing.left_out] == files[2:]


def test_files_that_are_not_there_are_rejects(tmp_path, table):
    listing = read(tmp_path, table("file,label\nbox/a.jpg,x\ngone.jpg,x\nbox/b.jpg,y\nBox/a.jpg,y\n"))
    assert listing.rejected == [
        ("Box/a.jpg", "in line 5 of the labels, but there is no such photo"),
        ("gone.jpg", "in line 3 of the labels, but there is no such photo"),
    ]


@pytest.mark.parametrize(
    "name", ["../out.jpg", "box/../../out.jpg", "{out}", "~/out.jpg", "box/../c.jpg", "notes.txt"]
)
def test_a_table_never_leads_out_of_the_source(tmp_path, table, name):
    (tmp_path / "out.jpg").write_bytes(b"secret")
    path = table(f"file,label\nbox/a.jpg,x\nbox/b.jpg,y\n{name.format(out=tmp_path / 'out.jpg')},x\n")
    listing = read(tmp_path, path, [*PHOTOS, "notes.txt"])
    assert len(listing.rejected) == 1
    assert {name for photos in listing.splits.values() for name, _ in photos} == {"box/a.jpg", "box/b.jpg"}


def test_a_file_listed_twice_alike_is_there_once(tmp_path, table):
    text = "file,label,split\nbox/a.jpg,x,train\n./box\\a.jpg,x,Training\nbox/b.jpg,y,train\n"
    assert classed(read(tmp_path, table(text))) == {"training": {"box/a.jpg": "x", "box/b.jpg": "y"}}


WRONG = {  # name -> (content, what is told)
    "two labels": ("box/a.jpg,x,train\nbox/a.jpg,y,train\n", "line 3: box/a.jpg stands in line 2 with another label"),
    "two splits": ("box/a.jpg,x,train\nc.jpg,x,val\nbox/a.jpg,x,val\n", "line 4: box/a.jpg stands in line 2 with an"),
    "a split of another name": ("box/a.jpg,x,unlabelled\n", "line 2: split 'unlabelled'; expected train, val or test"),
    "a split that is a number": ("box/a.jpg,x,0\n", "line 2: split '0'; expected train, val or test"),
    "no split": ("box/a.jpg,x,\n", "line 2: split ''; expected train, val or test"),
    "no label": ("box/a.jpg,,val\n", "line 2: no label; only test photos may do without"),
    "files that are all elsewhere": (
        "photos/a.jpg,x,train\nphotos/b.jpg,y,train\n",
        "it names 'photos/a.jpg', and there is 'box/a.jpg'; name each as it is called, by its path from",
    ),
    "no training photo": ("box/a.jpg,x,val\nbox/b.jpg,y,val\n", "no photo of the split train is in"),
    "one class": ("box/a.jpg,x,train\nbox/b.jpg,x,train\n", "only one class ('x')"),
    "a class that training lacks": ("box/a.jpg,x,train\nbox/b.jpg,y,train\nc.jpg,X,val\n", "but of 'x': names are "),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("kind", WRONG)
def test_a_table_that_does_not_fit_is_told(tmp_path, table, kind, as_zip):
    content, told = WRONG[kind]
    path = table("file,label,split\n" + content)
    assert told in refused(lambda: read(tmp_path, path, as_zip=as_zip))


def test_numbers_of_a_table_are_called_as_classes_txt_says(tmp_path, table):
    path = table("file,label\nbox/a.jpg,1\nbox/b.jpg,2\n")
    listing = read(tmp_path, path, dict.fromkeys(PHOTOS, b"") | {"classes.txt": b"rice\nsoup\n"})
    assert classed(listing) == {"training": {"box/a.jpg": "rice", "box/b.jpg": "soup"}}
    assert listing.layout.endswith("called as classes.txt says")


def test_a_label_of_very_many_digits_is_a_name(tmp_path, table):
    long = "9" * 5000
    assert read(tmp_path, table(f"file,label\nbox/a.jpg,{long}\nbox/b.jpg,2\n")).classes == ["2", long]


def test_a_folder_with_a_control_character_is_told_before_the_table(tmp_path, table):
    line = refused(lambda: read(tmp_path, table("file,label\nx.jpg,x\n"), ["x.jpg", "a\n/1.jpg"]))
    assert "the folder 'a\\n' has a control character in its name; rename it" in line

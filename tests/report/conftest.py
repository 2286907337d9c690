"""The whole report, once, on results that no run has made."""

import contextlib
import os
from types import SimpleNamespace

import pytest

from stages import report
from tests.report.made_up import MadeUp

MARKUP = "<img src=x onerror=alert(1)>"  # a class may be called so


@pytest.fixture(scope="session")
def reported(tmp_path_factory):
    """The workspace after the report stage: folder, what it gave the page, what it said."""
    folder, said, content = tmp_path_factory.mktemp("reported"), [], {}
    patch = pytest.MonkeyPatch()
    write_page = report.write_page

    def kept(path, **given):
        content.update(given)
        write_page(path, **given)

    with contextlib.chdir(folder), patch.context() as patched:
        MadeUp(folder, ["Bread", MARKUP, "Soup"]).study([0, 1, 2])
        patched.setattr(report, "write_page", kept)
        patched.setattr(report, "say", said.append)
        report.main()
    return SimpleNamespace(folder=folder, content=content, said=said)


@pytest.fixture
def there(reported, monkeypatch):
    """The same, as the current directory; for tests that change nothing."""
    monkeypatch.chdir(reported.folder)
    assert os.getcwd() == str(reported.folder)
    return reported

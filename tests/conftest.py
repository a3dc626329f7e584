"""What the tests share. Reference data lies beside the checkout where it is at hand; elsewhere those tests skip."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with reference numbers and data."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no ../shared with reference data")
    return folder


@pytest.fixture(scope="session")
def utkface_archive(shared: Path) -> Path:
    """The UTKFace chips as .tar.gz."""
    archive = shared / "data" / "UTKFace.tar.gz"
    if not archive.is_file():
        pytest.skip("no UTKFace archive in ../shared/data")
    return archive

"""Evidence: packs that are made, what is in them, and that they verify."""

from __future__ import annotations

import pytest

from tests import evidence

pytestmark = pytest.mark.django_db


def test_a_pack_that_was_just_made_holds():
    evidence.organization()
    pack = evidence.packed()
    report = evidence.told(pack)
    print("\n".join(map(str, report.lines)))
    assert report.code == 0, report.summary

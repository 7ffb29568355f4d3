"""A page that a role may not open says which role may, which one has, and who gives roles."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.support import factories

pytestmark = pytest.mark.django_db


def test_a_403_names_the_roles_and_whom_to_ask() -> None:
    User.objects.filter(is_superuser=True).delete()
    for name, is_active in (("zoe", True), ("ann", True), ("left", False)):
        made = factories.user("Admin", username=name)
        User.objects.filter(pk=made.pk).update(is_active=is_active)
    answer = factories.client("Viewer").get("/audit/evidence/")
    assert answer.status_code == 403
    said = "Evidence packs need the role Auditor or Admin. You are Viewer. Ask: ann, zoe."
    assert said in answer.content.decode()
    nobody = factories.client("").get("/environments/").content.decode()
    assert "This page needs the role Viewer, Operator, Auditor or Admin. You have no role. Ask: ann, zoe." in nobody
    fragment = factories.client("Viewer").get("/audit/evidence/", headers={"HX-Request": "true"})
    assert fragment.content.decode() == said

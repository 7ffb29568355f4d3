from __future__ import annotations

import re
import uuid

import pytest

from automations.models import Task
from environments.directory_pages.nouns import NOUNS
from tests.support import automation_factories, factories, operations

pytestmark = pytest.mark.django_db


def trail(page: str) -> list[tuple[str, str]]:
    (found,) = re.findall(r'aria-label="Breadcrumbs">(.*?)</nav>', page, re.DOTALL) or [""]
    return re.findall(r'class="crumb" href="([^"]*)">([^<]*)<', found)


def head(page: str) -> str:
    (found,) = re.findall(r'class="page-top">(.*?)<div class="page-actions">', page, re.DOTALL)
    return str(found)


def test_every_page_tells_the_pages_above_it_that_its_reader_may_open_and_only_there() -> None:
    environment = factories.environment()
    batch, operation, secret = automation_factories.batch(environment), operations.operation(), factories.secret()
    task: Task = automation_factories.task(environment, reference="build")
    viewer = factories.client()
    above = {
        "/environments/": [],
        f"/environments/{environment.pk}/": [("/environments/", "Environments")],
        f"/environments/{environment.pk}/timeline/": [("/environments/", "Environments")],
        f"/automations/tasks/{task.reference}/": [("/automations/", "Automations"), ("/automations/tasks/", "Tasks")],
        "/audit/lockdown/": [("/audit/", "Audit")],
        "/operations/stream/": [("/operations/", "Operations")],
        "/overview/starts/": [("/", "Overview")],
        "/environments/running/": [("/environments/", "Environments")],
        f"/operations/batches/{batch.pk}/": [("/operations/", "Operations"), ("/operations/batches/", "Batches")],
        f"/operations/{operation.pk}/": [("/operations/", "Operations")],
        f"/secrets/{secret.pk}/": [("/secrets/", "Secrets")],
    }
    for path, crumbs in above.items():
        page = viewer.get(path).content.decode()
        assert trail(page) == crumbs, path
        assert not [url for url, _ in crumbs if f'href="{url}"' in head(page)], path
    assert trail(factories.client("").get(f"/environments/{environment.pk}/").content.decode()) == []


def test_names_lead_to_their_pages_wherever_they_are_told() -> None:
    ids = {kind: uuid.uuid4() for kind in ("owner", "project", "class", "runner")}
    names = {"owner_name": "Zoë Quill", "project_name": "Shop <b>", "class_name": "Large", "runner_name": "AWS"}
    environment = factories.environment(
        creator_id=ids["owner"], project_id=ids["project"], class_id=ids["class"], runner_id=ids["runner"], **names
    )
    page = factories.client().get(f"/environments/{environment.pk}/").content.decode()
    for kind, identity in ids.items():
        assert page.count(f'href="/{NOUNS[kind].folder}/{identity}/"') >= 2, kind
    assert f'href="/projects/{ids["project"]}/"><bdi>Shop &lt;b&gt;</bdi></a>' in page

"""The menu of saved views on a list, as htmx asks for it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from portal.accounts.models import SavedView
from tests.support.saved_views import ALL, LIST, NEW, browser, text, view


def htmx(path: str, here: str) -> dict[str, Any]:
    return {"path": path, "headers": {"HX-Request": "true", "HX-Current-URL": f"http://testserver{here}"}}


def test_the_menu_knows_the_address_as_htmx_has_changed_it(ann: User) -> None:
    view(ann)
    answer = browser(ann).get(**htmx(f"{ALL}menu/?list=environments:list", f"{LIST}?phase=stopped&size=50"))
    assert answer.status_code == 200
    assert 'aria-current="true"><bdi>Stopped</bdi>' in text(answer)
    assert 'hx-swap-oob="true"' in text(answer)
    assert "<html" not in text(answer)


def test_what_is_saved_is_what_stands_in_the_address_at_that_moment(ann: User) -> None:
    form = {"name": "Now", "list": "environments:list", "query": "phase=stopped"}
    answer = browser(ann).post(data=form, **htmx(NEW, f"{LIST}?phase=running"))
    assert answer.status_code == 200
    assert "Saved as Now." in text(answer)
    assert SavedView.objects.get().query == "phase=running"


def test_the_address_of_another_page_is_not_taken_for_the_lists(ann: User) -> None:
    form = {"name": "Now", "list": "environments:list", "query": "phase=stopped"}
    browser(ann).post(data=form, **htmx(NEW, "/operations/?outcome=failed"))
    assert SavedView.objects.get().query == "phase=stopped"


def test_an_error_in_the_menu_is_told_in_the_menu(ann: User) -> None:
    view(ann)
    form = {"name": "Stopped", "list": "environments:list", "query": ""}
    answer = browser(ann).post(data=form, **htmx(NEW, f"{LIST}?phase=running"))
    assert answer.status_code == 422
    assert "You already have a view called Stopped." in text(answer)
    assert '<details id="views-form" open>' in text(answer)


def test_the_menu_takes_one_query(ann: User, bo: User, django_assert_num_queries: Any) -> None:
    client = browser(ann)
    client.get("/accounts/password/")
    with django_assert_num_queries(5):
        few = client.get(**htmx(f"{ALL}menu/?list=environments:list", LIST))
    for number in range(30):
        view(ann, f"mine {number}")
        view(bo, f"shared {number}", is_shared=True)
    with django_assert_num_queries(5):
        many = client.get(**htmx(f"{ALL}menu/?list=environments:list", LIST))
    assert len(many.content) > len(few.content)

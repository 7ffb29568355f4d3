"""Saving a list's filters under a name, opening them again, changing, sharing and deleting them."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.html import escape
from structlog.testing import capture_logs

from portal.accounts.models import LONGEST_QUERY, SavedView
from portal.accounts.saved_views import changes
from portal.lists.registry import SAVABLE
from tests.support import factories
from tests.support.saved_views import ALL, LIST, NEW, address, browser, save, text, view

# --- saving


def test_filters_are_saved_under_a_name_as_the_list_writes_them(ann: User) -> None:
    answer = save(browser(ann), query="q=&page=abc&size=50&sort=-last_used&flag=unpushed&phase=stopped&no-such=thing")
    kept = SavedView.objects.get()
    assert (kept.owner, kept.name, kept.is_shared) == (ann, "Stopped", False)
    # what is not understood stays, so that the view does not show more than its list did
    assert sorted(parse_qsl(kept.query)) == [("flag", "unpushed"), ("no-such", "thing"), ("phase", "stopped")]
    assert answer.status_code == 302
    assert answer["Location"] == kept.url


def test_the_list_says_that_it_was_saved_and_which_view_is_open(ann: User) -> None:
    client = browser(ann)
    page = client.get(save(client, "Mine <b>now</b>")["Location"])
    assert "Saved as Mine &lt;b&gt;now&lt;/b&gt;." in text(page)
    assert page.context["menu"].open.name == "Mine <b>now</b>"
    assert 'aria-current="true"><bdi>Mine &lt;b&gt;now&lt;/b&gt;</bdi>' in text(page)


@pytest.mark.parametrize("url_name", ["environments:list", "audit:lockdown", "audit:archive", "audit:list"])
def test_a_moment_is_part_of_a_view(ann: User, url_name: str) -> None:
    save(browser(ann), query="as_of=2026-10-31T23%3A59%3A00Z&phase=stopped", list=url_name)
    assert ("as_of", "2026-10-31T23:59:00Z") in SavedView.objects.get().pairs


def test_a_moment_that_is_not_understood_is_told_when_the_view_is_opened(ann: User) -> None:
    client = browser(ann)
    page = client.get(save(client, query="as_of=soon")["Location"])
    assert "as_of=soon: takes a time in UTC" in text(page)


def test_a_whole_list_can_be_saved_too(ann: User) -> None:
    assert save(browser(ann), query="")["Location"] == LIST


def test_a_form_that_is_sent_twice_saves_one_view(ann: User) -> None:
    client = browser(ann)
    assert save(client)["Location"] == save(client)["Location"]
    assert SavedView.objects.count() == 1


def test_a_name_that_is_taken_is_told_beside_the_field_and_nothing_typed_is_lost(ann: User) -> None:
    view(ann)
    answer = save(browser(ann), query="phase=running", is_shared="on", is_start="on")
    assert answer.status_code == 422
    assert "You already have a view called Stopped." in text(answer)
    form = answer.context["form"]
    assert "name" in form.errors
    assert (form["name"].value(), form["is_shared"].value(), form["is_start"].value()) == ("Stopped", True, True)
    assert form["query"].value() == "phase=running"
    assert SavedView.objects.get().query == "phase=stopped"


def test_two_people_may_use_the_same_name(ann: User, bo: User) -> None:
    view(ann)
    assert save(browser(bo)).status_code == 302


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 81,
        "line\nbreak",
        "tab\there",
        "\u202eevil",
        "a\u2066b",
        "\u200b",
        "bell\x07",
        "\x00",
        "a\u2028b",
    ],
)
def test_names_that_cannot_be_told_apart_or_do_harm_are_refused(ann: User, name: str) -> None:
    answer = save(browser(ann), name)
    assert answer.status_code == 422
    assert answer.context["form"].errors["name"]
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(
    "name", ["x" * 80, "שלום", "نماذج متوقفة", "環境 🚧", "<script>alert(1)</script>", "{{ 7*7 }}", "'\"&"]
)
def test_any_other_name_is_kept_and_shown_as_it_is(ann: User, name: str) -> None:
    client = browser(ann)
    assert save(client, name, is_shared="on").status_code == 302
    assert SavedView.objects.get().name == name
    for page in (LIST, ALL):
        assert f"<bdi>{escape(name)}</bdi>" in text(client.get(page))


def test_one_name_written_in_two_ways_is_one_name(ann: User) -> None:
    client = browser(ann)
    save(client, "Cafe\u0301", query="phase=running")
    assert save(client, "Caf\u00e9").status_code == 422


def test_filters_that_are_too_long_are_refused_in_words(ann: User) -> None:
    answer = save(browser(ann), query="q=" + "%E7%92%B0" * 600)
    assert answer.status_code == 422
    assert f"of {LONGEST_QUERY:,} characters" in text(answer)


def test_a_person_keeps_at_most_so_many_views(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST", 3)
    for number in range(3):
        view(ann, str(number))
    client = browser(ann)
    answer = save(client)
    assert answer.status_code == 422
    assert "You have 3 views" in text(answer)
    assert save(client, "0").status_code == 302, "what is there already is not one more"


@pytest.mark.parametrize(
    "url_name", ["", "accounts:password", "environments:detail", "https://evil.example/", "admin:index"]
)
def test_only_lists_are_saved(ann: User, url_name: str) -> None:
    client = browser(ann)
    assert client.post(NEW, {"name": "x", "list": url_name, "query": ""}).status_code == 404
    assert client.get(NEW, {"list": url_name}).status_code == 404
    assert not SavedView.objects.exists()


def test_a_query_never_leads_out_of_the_list(ann: User) -> None:
    for query in ("//evil.example", "https://evil.example/?a=b", "\r\nLocation: https://evil.example", "#x", "../../"):
        saved = view(ann, query, query)
        location = browser(ann).get(address(saved))["Location"]
        assert urlsplit(location)[:3] == ("", "", LIST)
        assert "\n" not in location


@pytest.mark.parametrize("url_name", sorted(SAVABLE))
def test_every_list_can_be_saved_and_opened_again(db: None, url_name: str) -> None:
    client = browser(factories.user("Admin"))  # some lists are for admins and auditors
    queries = {"overview": "period=day&by=phase&top=environments", "audit:what-if": "lifetime=14&timeout=nonsense"}
    kept = {
        "overview": "period=day",
        "audit:what-if": "lifetime=14",
        "audit:list": "",
        "automations:batches": "size=25",
    }
    query = queries.get(url_name, "q=shop&size=25")
    page = client.get(reverse(url_name), dict(parse_qsl(query)))
    assert page.context["menu"].label == SAVABLE[url_name].label
    answer = client.post(NEW, {"name": "x", "list": url_name, "query": query})
    assert SavedView.objects.get().query == kept.get(url_name, SavedView.objects.get().query)
    opened = client.get(answer["Location"])
    assert opened.status_code == 200
    assert opened.context["menu"].open.name == "x"


# --- opening


def test_an_opened_view_leads_to_its_list_with_its_filters(ann: User) -> None:
    saved = view(ann, query="phase=stopped&flag=unpushed")
    assert browser(ann).get(address(saved))["Location"] == f"{LIST}?phase=stopped&flag=unpushed"


def test_what_makes_no_sense_any_more_is_told_by_the_list(ann: User) -> None:
    saved = view(ann, query="phase=sleeping&flag=unpushed")
    page = browser(ann).get(address(saved), follow=True)
    assert page.status_code == 200
    assert "phase=sleeping</code> was not understood" in text(page)


def test_the_open_view_is_known_in_whatever_order_its_filters_are_written(ann: User) -> None:
    view(ann, query="flag=unpushed&phase=stopped")
    client = browser(ann)
    assert client.get(f"{LIST}?phase=stopped&flag=unpushed&sort=-last_used").context["menu"].open.name == "Stopped"
    assert client.get(f"{LIST}?phase=stopped").context["menu"].open is None


def test_changes_to_an_opened_view_are_saved_into_it(ann: User) -> None:
    saved = view(ann)
    client = browser(ann)
    assert "Save changes to" not in text(client.get(f"{LIST}?phase=running"))
    client.get(address(saved))
    changed = client.get(f"{LIST}?phase=running")
    assert "Save changes to <bdi>Stopped</bdi>" in text(changed)
    answer = client.post(address(saved, "update/"), {"query": "phase=running&page=x"})
    assert answer["Location"] == f"{LIST}?phase=running"
    saved.refresh_from_db()
    assert saved.query == "phase=running"
    assert "Save changes to" not in text(client.get(f"{LIST}?phase=running"))


def test_views_of_other_lists_are_not_in_the_menu(ann: User) -> None:
    view(ann, url_name="operations:list", query="outcome=failed")
    assert browser(ann).get(LIST).context["menu"].mine == []


# --- changing and deleting


def test_a_view_gets_another_name_and_is_shared(ann: User, bo: User) -> None:
    saved = view(ann)
    client = browser(ann)
    assert client.get(address(saved, "edit/")).context["form"]["name"].value() == "Stopped"
    answer = client.post(address(saved, "edit/"), {"name": "At rest", "is_shared": "on"}, follow=True)
    assert "At rest is changed." in text(answer)
    menu = browser(bo).get(LIST).context["menu"]
    assert [shared.name for shared in menu.shared] == ["At rest"]
    client.post(address(saved, "edit/"), {"name": "At rest"})
    assert browser(bo).get(LIST).context["menu"].shared == []


def test_a_view_cannot_be_called_like_another_of_mine(ann: User) -> None:
    view(ann, "Running")
    saved = view(ann)
    answer = browser(ann).post(address(saved, "edit/"), {"name": "Running"})
    assert answer.status_code == 422
    assert answer.context["form"]["name"].value() == "Running"
    assert "name" in answer.context["form"].errors


def test_deleting_asks_first(ann: User) -> None:
    saved = view(ann)
    client = browser(ann)
    assert "Delete <bdi>Stopped</bdi>?" in text(client.get(address(saved, "delete/")))
    assert SavedView.objects.exists()
    answer = client.post(address(saved, "delete/"), follow=True)
    assert "Stopped is deleted." in text(answer)
    assert not SavedView.objects.exists()
    assert client.post(address(saved, "delete/")).status_code == 404


def test_a_change_to_a_view_that_was_deleted_in_the_meantime_is_told(ann: User) -> None:
    saved = view(ann)
    SavedView.objects.all().delete()
    with pytest.raises(changes.NotKept, match="deleted in the meantime"):
        changes.change_view(view=saved, name="x", is_shared=True, is_start=True)


# --- who may


def test_what_others_keep_to_themselves_is_not_there(ann: User, bo: User) -> None:
    saved = view(ann, "A secret plan")
    client = browser(bo)
    assert [client.get(address(saved, act)).status_code for act in ("", "edit/", "delete/")] == [404] * 3
    assert client.post(address(saved, "edit/"), {"name": "x"}).status_code == 404
    assert client.post(address(saved, "update/"), {"query": ""}).status_code == 404
    assert client.post(address(saved, "delete/")).status_code == 404
    assert client.post(f"{ALL}start/", {"view": saved.pk}).status_code == 404
    for page in (LIST, ALL):
        assert "A secret plan" not in text(client.get(page))
    saved.refresh_from_db()
    assert (saved.name, saved.query) == ("A secret plan", "phase=stopped")


def test_what_others_share_is_seen_and_opened_but_not_changed(ann: User, bo: User) -> None:
    saved = view(ann, is_shared=True)
    client = browser(bo)
    menu = text(client.get(LIST))
    assert "<bdi>Stopped</bdi><small>by <bdi>ann</bdi>" in menu
    assert client.get(address(saved))["Location"] == saved.url
    assert "Save changes to" not in text(client.get(f"{LIST}?phase=running"))
    for act in ("edit/", "delete/", "update/"):
        assert client.post(address(saved, act), {"name": "x"}).status_code == 404
    assert client.post(address(saved, "unshare/")).status_code == 403
    assert SavedView.objects.filter(name="Stopped", is_shared=True).exists()


def test_admins_take_away_what_others_share_and_the_owner_still_has_it(ann: User) -> None:
    saved = view(ann, is_shared=True)
    admin = browser(factories.user("Admin"))
    assert "Stop sharing it" in text(admin.get(ALL))
    answer = admin.post(address(saved, "unshare/"), follow=True)
    assert "ann still has it." in text(answer)
    assert admin.post(address(saved, "unshare/")).status_code == 404
    assert [mine.name for mine in browser(ann).get(LIST).context["menu"].mine] == ["Stopped"]


def test_a_list_that_one_may_not_see_is_not_saved(db: None) -> None:
    user = factories.user("Viewer")
    user.groups.get().permissions.filter(codename="view_operation").delete()
    client = browser(user)
    assert client.post(NEW, {"name": "x", "list": "operations:list", "query": ""}).status_code == 404


def test_the_views_of_a_person_go_with_the_person(ann: User, bo: User) -> None:
    view(ann, is_shared=True)
    ann.delete()
    assert browser(bo).get(ALL).context["shared"] == []


# --- the log


def test_the_log_tells_who_shared_and_deleted_what_and_no_filters(ann: User) -> None:
    saved = view(ann, query="q=a-name-looked-for")
    with capture_logs() as lines:
        changes.change_view(view=saved, name="At rest", is_shared=True, is_start=False)
        changes.delete_view(view=saved)
    assert [(line["event"], line["owner_id"], line["name"]) for line in lines] == [
        ("view_shared", ann.pk, "At rest"),
        ("view_deleted", ann.pk, "At rest"),
    ]
    assert "a-name-looked-for" not in repr(lines)

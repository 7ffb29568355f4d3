"""The pages of saved views: the list, the forms, and the start view."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from portal.accounts.forms import ChangedViewForm, SavedViewForm
from portal.accounts.kept_forms import keeps_form, sent
from portal.accounts.models import SavedView, Start
from portal.accounts.saved_views import changes
from portal.accounts.saved_views.changes import NotKept
from portal.accounts.saved_views.menu import VIEW, may_save, menu, note_opened, query_at_hand
from portal.lists.registry import SAVABLE
from portal.web.htmx import is_fragment
from portal.web.parameters import anything, takes
from portal.web.permissions import permission

NOT_ACCEPTED = 422
SHOWN = 500  # of others' views
UNSHARE = "accounts.unshare_savedview"
PANEL = "accounts/views/_panel.html"


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Redirect to the start view: after signing in, and from the portal's name on every page."""
    url, said = changes.start_of(_person(request))
    if said:
        messages.warning(request, said)
    return redirect(url)


@permission(VIEW)
def views(request: HttpRequest) -> HttpResponse:
    """Own views, shared ones, and the start view."""
    user = _person(request)
    known = SavedView.objects.for_list(user)
    shared = list(known.filter(is_shared=True).exclude(owner=user)[: SHOWN + 1])
    begun = Start.objects.select_related("view").filter(user=user).first()
    context = {
        "mine": known.filter(owner=user),
        "shared": shared[:SHOWN],
        "is_more": len(shared) > SHOWN,
        "shown": SHOWN,
        "start": begun.view if begun and begun.view and begun.view.is_open_to(user) else None,
        "may_unshare": user.has_perm(UNSHARE),
    }
    return render(request, "accounts/views/all.html", context)


@permission(VIEW)
def views_menu(request: HttpRequest) -> HttpResponse:
    """The opened menu: the filters may have changed since its page was rendered."""
    url_name = request.GET.get("list", "")
    if not is_fragment(request):
        return redirect("accounts:views")
    return _panel(request, _list(request, url_name), query_at_hand(request, url_name, ""))


@takes(list=anything, query=anything)
@keeps_form
@permission(VIEW)
def view_new(request: HttpRequest) -> HttpResponse:
    """The form for a new view, as a page or in the menu; POST creates it."""
    initial = {name: request.GET.get(name, "") for name in ("list", "query")}
    form = SavedViewForm(sent(request), initial=initial)
    url_name = _list(request, form["list"].value() or "")
    query = query_at_hand(request, url_name, form["query"].value() or "")
    if request.method == "POST" and form.is_valid() and (view := _keep(request, form, url_name, query)):
        return _done(request, view, f"Saved as {view}.")
    status = NOT_ACCEPTED if request.method == "POST" else 200
    if is_fragment(request):
        return _panel(request, url_name, query, form=form, status=status)
    view = SavedView(url_name=url_name, query=SAVABLE[url_name].canonical(QueryDict(query)))
    return render(request, "accounts/views/new.html", {"form": form, "view": view}, status=status)


@permission(VIEW)
def view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Redirect to the list with the view's filters."""
    found = SavedView.objects.seen_by(_person(request)).filter(pk=view_id).first()
    if found is None or found.url_name not in SAVABLE:
        raise _no_such_view()
    note_opened(request, found)
    return redirect(found.url)


@keeps_form
@permission(VIEW)
def view_edit(request: HttpRequest, view_id: int) -> HttpResponse:
    """Change name, sharing and start, by its owner."""
    found = _own(request, view_id)
    is_start = Start.objects.filter(user=found.owner, view=found).exists()
    initial = {"name": found.name, "is_shared": found.is_shared, "is_start": is_start}
    form = ChangedViewForm(sent(request), initial=initial | {"seen_at": found.changed_at.isoformat()})
    if request.method == "POST" and form.is_valid():
        try:
            changes.change_view(view=found, **form.cleaned_data)
        except NotKept as reason:
            form.add_error(reason.field, str(reason))
            form.data = request.POST.copy()
            form.data["seen_at"] = found.changed_at.isoformat()
        else:
            messages.success(request, f"{found} is changed.")
            return redirect("accounts:views")
    status = NOT_ACCEPTED if request.method == "POST" else 200
    return render(request, "accounts/views/edit.html", {"form": form, "view": found}, status=status)


@require_POST
@permission(VIEW)
def view_update(request: HttpRequest, view_id: int) -> HttpResponse:
    """Replace the view's filters by the present ones."""
    found = _own(request, view_id)
    url_name = _list(request, found.url_name)
    query = query_at_hand(request, url_name, request.POST.get("query", ""))
    try:
        changes.refill_view(view=found, query=query, seen_at=_seen_at(request))
    except NotKept as reason:
        if is_fragment(request):
            return _panel(request, url_name, query, said=str(reason), status=NOT_ACCEPTED)
        messages.error(request, str(reason))
        return redirect("accounts:views")
    return _done(request, found, f"{found} now has these filters.")


@permission(VIEW)
def view_delete(request: HttpRequest, view_id: int) -> HttpResponse:
    """Confirm and delete, by its owner."""
    found = _own(request, view_id)
    if request.method == "POST":
        changes.delete_view(view=found)
        messages.success(request, f"{found} is deleted.")
        return redirect("accounts:views")
    others = Start.objects.filter(view=found).exclude(user=found.owner).count()
    return render(request, "accounts/views/delete.html", {"view": found, "others": others})


@require_POST
@permission(VIEW)
def view_start(request: HttpRequest) -> HttpResponse:
    """Set the start view, or the overview if none is named."""
    user, named = _person(request), request.POST.get("view", "")
    is_id = named.isascii() and named.isdigit() and len(named) < 19
    found = SavedView.objects.seen_by(user).filter(pk=named).first() if is_id else None
    if named and found is None:
        raise _no_such_view()
    changes.choose_start(user=user, view=found)
    messages.success(request, f"Your home page is {found or 'the overview'}.")
    return redirect("accounts:views")


@require_POST
@permission(VIEW, UNSHARE)
def view_unshare(request: HttpRequest, view_id: int) -> HttpResponse:
    """Stop sharing somebody else's view; its owner keeps it."""
    found = SavedView.objects.filter(pk=view_id, is_shared=True).select_related("owner").first()
    if found is None:
        raise _no_such_view()
    changes.unshare_view(view=found, actor=_person(request))
    messages.success(request, f"{found} is not shared any more. {found.owner.get_username()} still has it.")
    return redirect("accounts:views")


def _seen_at(request: HttpRequest) -> datetime | None:
    """When the view had been changed last as the button was shown; None if it does not say."""
    try:
        return datetime.fromisoformat(request.POST.get("seen_at", ""))
    except ValueError:
        return None


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    return request.user


def _own(request: HttpRequest, view_id: int) -> SavedView:
    """The own view; 404 for other people's."""
    found = SavedView.objects.select_related("owner").filter(pk=view_id, owner=_person(request)).first()
    if found is None:
        raise _no_such_view()
    return found


def _no_such_view() -> Http404:
    return Http404(
        "There is no such view, or it is not yours and not shared with you. It may have been deleted. "
        "The page Views, in your account menu, lists all of them."
    )


def _list(request: HttpRequest, url_name: str) -> str:
    if not may_save(_person(request), url_name):
        raise Http404("There is no such list, or you may not see it. Views are saved from the page of a list.")
    return url_name


def _keep(request: HttpRequest, form: SavedViewForm, url_name: str, query: str) -> SavedView | None:
    """Save the view; None if rejected, with the reason on the form."""
    given = form.cleaned_data
    try:
        return changes.keep_view(
            owner=_person(request),
            name=given["name"],
            url_name=url_name,
            query=query,
            is_shared=given["is_shared"],
            is_start=given["is_start"],
        )
    except NotKept as reason:
        form.add_error(reason.field, str(reason))
        return None


def _done(request: HttpRequest, done: SavedView, said: str) -> HttpResponse:
    """Confirm in the menu; without htmx on the list."""
    note_opened(request, done)
    if is_fragment(request):
        return _panel(request, done.url_name, done.query, said=said)
    messages.success(request, said)
    return redirect(done.url)


def _panel(
    request: HttpRequest,
    url_name: str,
    query: str,
    *,
    form: SavedViewForm | None = None,
    said: str = "",
    status: int = 200,
) -> HttpResponse:
    written = SAVABLE[url_name].canonical(QueryDict(query))
    shown = menu(request, _person(request), url_name, written, form, said)
    return render(request, PANEL, {"menu": shown, "is_swapped": True}, status=status)

import pytest
from tests.browser.test_every_page import *
from tests.browser.test_every_page import _complaints
from tests.browser import scenes_timeline, fleet
from tests.browser.scenes import Scene
from environments.models import Environment
pytestmark = pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_mine(context, live_server, sandbox, viewer, width):
    e = Environment.objects.present().order_by("id")[3]
    sandbox.world.remove(str(e.id))
    fleet.read_environments(sandbox)
    visitor, complaints = Visitor(context, live_server.url), []
    visitor.page.set_viewport_size({"width": width, "height": 900})
    for scene in scenes_timeline.timelines(Scene):
        page = visitor.open(scene)
        page.screenshot(path=f"/tmp/m5_{scene.name}_{width}.png", full_page=True)
        complaints += [f"{scene.name}: {c}" for c in _complaints(page, width)]
        if scene.name == "timeline": page.screenshot(path=f"/tmp/m5_dark_{width}.png", full_page=True)
        page.emulate_media(color_scheme="light")
    assert not complaints, "\n".join(complaints)
del test_every_page_is_accessible_in_both_themes_and_as_wide_as_its_window, test_every_address_of_the_portal_is_among_the_pages_looked_at

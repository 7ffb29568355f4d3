import time, gc
import pytest
from django.template.base import Template
from django.test.utils import _TestState
pytestmark = pytest.mark.django_db
import importlib.util
spec = importlib.util.spec_from_file_location("tp", "/work/five/tests/environments/test_timeline_page.py")
tp = importlib.util.module_from_spec(spec); spec.loader.exec_module(tp)
from tests import factories
from environments.models import Environment
def test_p():
    v = factories.client()
    env = tp.busy(5000)
    saved = Template._render
    Template._render = _TestState.saved_data.template_render
    try:
        gc.collect(); gc.freeze()
        for name, q in (("week", {"zoom":"week"}),("all",{"zoom":"all"}),("day",{"zoom":"day"}),("hour",{"zoom":"hour"}),("documents",None)):
            ts=[]
            for _ in range(15):
                t=time.perf_counter(); 
                (tp.page(v, env, **q) if q else v.get(f"/environments/{env.pk}/?tab=documents")); ts.append(time.perf_counter()-t)
            print("T", name, round(sorted(ts)[7]*1000,1), round(min(ts)*1000,1))
    finally:
        Template._render = saved

// News: a visible page asks whether what it is about has changed ([data-live], see portal.live). The web server answers
// when it has, or after a while; only then does that element get the event "news", by which htmx requests the parts that
// did. Where the answer comes at once, the page asks again after 1.25 s.
(() => {
  const EVERY = 1250;
  const AGAIN = 250; // after an answer that the server held back
  const SHARE = 2; // a page that takes long to make is not made again before so many times as long
  const LONGEST = 15000;
  const SILENT = 40000; // longer than the server lets a page wait
  const WITHOUT = 10000; // where it cannot be told whether there is news
  const seen = new Map(); // what each topic was like when its element was last requested
  const restUntil = new Map();
  const asking = new Set(); // topics
  const asked = new Map(); // elements that are being requested
  let isPressed = false;
  let isLost = false;
  let failures = 0;
  let timer = 0;

  async function look() {
    clearTimeout(timer);
    const began = performance.now();
    const topics = document.hidden ? [] : [...document.querySelectorAll("[data-live]")].map(({ dataset }) => dataset.live);
    await Promise.all(topics.map(ask));
    clearTimeout(timer);
    const now = performance.now();
    const rests = topics.map((about) => restUntil.get(about) - now).filter((rest) => rest > 0);
    timer = setTimeout(look, Math.min(now - began > EVERY ? AGAIN : EVERY, ...rests));
  }

  async function ask(about) {
    if (asking.has(about) || asked.has(elementOf(about)) || performance.now() < (restUntil.get(about) ?? 0)) return;
    const query = new URLSearchParams({ about, seen: seen.get(about) ?? "", wait: "yes" });
    let answer;
    asking.add(about);
    try {
      answer = await fetch(`/live/?${query}`, { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(SILENT) });
    } catch (error) {
      failures += 1;
      tell(failures > 1 || error.name === "TimeoutError"); // one may be the page's own end
      return;
    } finally {
      asking.delete(about);
    }
    failures = 0;
    tell(false);
    if (answer.ok && answer.status !== 204) request(about, await answer.text());
    else if (answer.status !== 204) { // signed out, or the portal is in trouble: htmx tells which
      restUntil.set(about, performance.now() + WITHOUT);
      request(about, "");
    }
  }

  function tell(lost) {
    if (lost !== isLost) document.dispatchEvent(new Event(lost ? "portal:lost" : "portal:back"));
    isLost = lost;
  }

  function elementOf(about) {
    return document.querySelector(`[data-live="${CSS.escape(about)}"]`);
  }

  function request(about, token) {
    const element = elementOf(about);
    if (!element) return;
    asked.set(element, { about, token, began: performance.now() });
    htmx.trigger(element, "news");
    setTimeout(() => asked.delete(element), LONGEST); // if no request came of it
  }

  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const of = asked.get(detail.requestConfig?.elt ?? detail.elt);
    if (!of) return;
    const element = detail.requestConfig?.elt ?? detail.elt;
    asked.delete(element);
    const now = performance.now();
    restUntil.set(of.about, Math.max(restUntil.get(of.about) ?? 0, now + Math.min(LONGEST, SHARE * (now - of.began))));
    clearTimeout(timer);
    timer = setTimeout(look, restUntil.get(of.about) - now);
    // else it waits, or it failed: the news is told again
    if (detail.xhr.status === 204 || (detail.successful && of.isShown)) seen.set(of.about, of.token);
  });

  // What moves between mouse down and mouse up would take the click away.
  document.addEventListener("pointerdown", () => { isPressed = true; }, true);
  for (const end of ["pointerup", "pointercancel", "dragend"]) document.addEventListener(end, () => { isPressed = false; }, true);
  document.addEventListener("pointermove", ({ buttons }) => { isPressed &&= buttons > 0; }, true);
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const { elt, triggeringEvent } = detail.requestConfig;
    const isPolled = asked.has(elt) || (!triggeringEvent && elt.matches('[hx-trigger*="every "]'));
    if (isPressed && isPolled) detail.shouldSwap = false;
    if (asked.has(elt)) asked.get(elt).isShown = detail.shouldSwap;
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  window.addEventListener("offline", () => tell(true));
  window.addEventListener("online", look);
  timer = setTimeout(look, EVERY);
})();

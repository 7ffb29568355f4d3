// News: a visible page asks every 1.25 s whether what it is about has changed ([data-live], see portal.live); only then
// does that element get the event "news", by which htmx requests the parts that did.
(() => {
  const EVERY = 1250;
  const SHARE = 4; // a page that takes long to make is not made again before so many times as long
  const LONGEST = 15000;
  const WITHOUT = 10000; // where it cannot be told whether there is news
  const seen = new Map(); // what each topic was like when its element was last requested
  const restUntil = new Map();
  const asked = new Map(); // elements that are being requested
  let isPressed = false;
  let isLost = false;
  let failures = 0;
  let timer = 0;

  async function look() {
    clearTimeout(timer);
    if (!document.hidden) await Promise.all([...document.querySelectorAll("[data-live]")].map(ask));
    clearTimeout(timer);
    timer = setTimeout(look, EVERY);
  }

  async function ask(element) {
    const about = element.dataset.live;
    if (asked.has(element) || performance.now() < (restUntil.get(about) ?? 0)) return;
    const query = new URLSearchParams({ about, seen: seen.get(about) ?? "" });
    let answer;
    try {
      answer = await fetch(`/live/?${query}`, { redirect: "manual", cache: "no-store" });
    } catch {
      failures += 1;
      tell(failures > 1); // one may be the page's own end
      return;
    }
    failures = 0;
    tell(false);
    if (answer.ok && answer.status !== 204) request(element, about, await answer.text());
    else if (answer.status !== 204) { // signed out, or the portal is in trouble: htmx tells which
      restUntil.set(about, performance.now() + WITHOUT);
      request(element, about, "");
    }
  }

  function tell(lost) {
    if (lost !== isLost) document.dispatchEvent(new Event(lost ? "portal:lost" : "portal:back"));
    isLost = lost;
  }

  function request(element, about, token) {
    if (!element.isConnected) return;
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
  timer = setTimeout(look, EVERY);
})();

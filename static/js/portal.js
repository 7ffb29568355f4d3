// What every page shares: the theme switch, copy buttons, and telling when the portal is out of reach.
// Pages work without any of it.
(() => {
  const live = document.getElementById("live");
  const trouble = document.getElementById("trouble");

  // --- theme: auto → light → dark
  const names = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
  const following = { auto: "light", light: "dark", dark: "auto" };
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    const show = () => {
      const text = names[window.portalTheme.choice()] || names.auto;
      button.setAttribute("aria-label", text);
      button.title = text;
    };
    button.hidden = false;
    button.addEventListener("click", () => {
      window.portalTheme.choose(following[window.portalTheme.choice()] || "light");
      show();
    });
    show();
  }

  // --- menus close when something in them is chosen, beside them is clicked, or Escape is pressed
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target) || event.target.closest("a")) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // --- another address: which view is open is told when the menu is opened next
  for (const moved of ["htmx:pushedIntoHistory", "htmx:replacedInHistory"]) {
    document.addEventListener(moved, () => document.getElementById("views-open")?.replaceChildren());
  }

  // --- copy buttons
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say("Copied");
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    } catch {
      say("Could not copy: the browser refused");
    }
  });

  function say(text) {
    live.textContent = text;
    live.classList.add("shown");
    setTimeout(() => { live.classList.remove("shown"); live.textContent = ""; }, 2000);
  }

  // --- what scrolls sideways can be reached and scrolled by keyboard
  function reach() {
    for (const box of document.querySelectorAll(".table-responsive, pre, .list-help-text")) {
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }
  reach();
  window.addEventListener("resize", reach);
  document.addEventListener("htmx:afterSettle", reach);
  document.addEventListener("toggle", reach, true);

  // --- htmx: pages in background tabs do not poll; failures are told once and go away when the portal answers again
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("details:not([open])")) event.preventDefault(); // what it would show is not seen
    const polling = event.detail.elt.matches('[hx-trigger*="every "]') && !event.detail.requestConfig.triggeringEvent;
    if (polling && document.hidden) event.preventDefault();
  });

  const meanings = {
    400: "The portal did not understand this request. Reload the page and try again.",
    403: "Access denied with your roles, or this page was open for too long. Reload it to see.",
    404: "This is not here any more. Reload the page to see what is.",
    429: "Too many requests. Wait a moment, then try again.",
    500: "Something went wrong in the portal. It was logged; try again, or tell whoever runs the portal.",
    503: "The portal cannot answer at the moment. Try again in a minute.",
  };
  const unreachable = "Could not reach the portal. What you see may be old, what you typed is still here. Try again shortly.";

  function complain(text) {
    if (trouble.dataset.text === text) return;
    const words = document.createElement("span");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn-close";
    close.setAttribute("aria-label", "Dismiss");
    close.addEventListener("click", calm);
    trouble.replaceChildren(words, close);
    trouble.dataset.text = text;
  }

  function calm() {
    trouble.replaceChildren();
    delete trouble.dataset.text;
  }

  // Signed out: a page that asks for news must not take away what is being typed in it. Sending it keeps it.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("main form:not([hx-get])");
    if (form) form.dataset.typed = "";
  });
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const leads = event.detail.xhr.getResponseHeader("HX-Redirect");
    if (!leads || event.detail.requestConfig.verb !== "get" || !document.querySelector("form[data-typed]")) return;
    event.preventDefault();
    complain("You are signed out. What you typed is still here: send it, and it is filled in again after you sign in.");
  });
  document.addEventListener("htmx:responseError", (event) => {
    const answer = event.detail.xhr;
    const plain = (answer.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    complain((plain && answer.responseText.slice(0, 500)) || meanings[answer.status] || meanings[500]);
  });
  document.addEventListener("htmx:sendError", () => complain(unreachable));
  document.addEventListener("portal:lost", () => complain(unreachable));
  document.addEventListener("portal:back", () => { if (trouble.dataset.text === unreachable) calm(); });
  document.addEventListener("htmx:timeout", () => complain(unreachable));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) calm();
  });
})();

// Completion in a list's search box: keys, then values, as [data-complete] offers them for what stands before the caret.
// Arrows choose, Enter or Tab takes, Escape closes. Without scripts the box is a plain field.
(() => {
  const WAIT = 120; // ms without a key
  let timer = 0;
  let asked = null; // the request under way
  let at = -1; // the offer that is chosen

  const listOf = (box) => document.getElementById(`${box.id}-offers`);
  const options = (box) => [...listOf(box).children];

  function close(box) {
    clearTimeout(timer);
    if (asked) asked.abort();
    if (!box.matches("[aria-expanded]")) return;
    listOf(box).hidden = true;
    choose(box, -1);
    box.setAttribute("aria-expanded", "false");
  }

  function choose(box, place) {
    const all = options(box);
    at = place;
    all.forEach((option, number) => option.setAttribute("aria-selected", String(number === at)));
    if (at < 0) box.removeAttribute("aria-activedescendant");
    else box.setAttribute("aria-activedescendant", all[at].id);
  }

  function show(box, offers) {
    const list = listOf(box);
    list.replaceChildren(...offers.map((offer, number) => {
      const option = document.createElement("li");
      Object.assign(option, { id: `${list.id}-${number}`, role: "option", textContent: offer.text });
      Object.assign(option.dataset, { text: offer.text, start: offer.start });
      if (offer.note) {
        const note = document.createElement("span");
        note.textContent = offer.note;
        option.append(note);
      }
      return option;
    }));
    list.hidden = !offers.length;
    const combobox = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": offers.length > 0 };
    for (const [name, value] of Object.entries(combobox)) box.setAttribute(name, value);
    choose(box, -1);
  }

  async function ask(box) {
    if (asked) asked.abort();
    asked = new AbortController();
    const typed = box.value.slice(0, box.selectionStart);
    try {
      const answer = await fetch(`${box.dataset.complete}&q=${encodeURIComponent(typed)}`, { signal: asked.signal });
      if (!answer.ok || answer.redirected) return;
      const { offers } = await answer.json();
      if (document.activeElement === box && box.value.slice(0, box.selectionStart) === typed) {
        show(box, offers.filter((offer) => offer.text !== typed.slice(offer.start)));
      }
    } catch {
      // the next key asks again
    }
  }

  function take(box, option) {
    const rest = box.value.slice(box.selectionStart);
    const end = option.dataset.text.endsWith(":") || rest.startsWith(" ") ? "" : " ";
    const text = box.value.slice(0, Number(option.dataset.start)) + option.dataset.text + end;
    box.value = text + rest;
    box.setSelectionRange(text.length, text.length);
    close(box);
    box.dispatchEvent(new Event("input", { bubbles: true })); // the list follows, and the next offers
  }

  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-complete]")) return;
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT, event.target);
  });

  document.addEventListener("keydown", (event) => {
    const box = event.target;
    if (!box.matches("[data-complete][aria-expanded=true]")) {
      if (box.matches("[data-complete]") && event.key === "Enter") close(box);
      return;
    }
    const count = options(box).length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const from = event.key === "ArrowUp" && at < 0 ? count : at;
      choose(box, (from + (event.key === "ArrowDown" ? 1 : -1) + count) % count);
    } else if (event.key === "Escape") {
      close(box);
    } else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) {
      take(box, options(box)[at]);
    } else {
      if (event.key === "Enter") close(box);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }, true);

  document.addEventListener("mousedown", (event) => {
    const option = event.target.closest(".complete [role=option]");
    if (!option) return;
    event.preventDefault(); // the box keeps the focus
    take(document.getElementById(option.parentElement.id.replace("-offers", "")), option);
  });

  document.addEventListener("focusout", (event) => {
    if (event.target.matches("[data-complete]")) close(event.target);
  });
})();

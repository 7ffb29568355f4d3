// The viewer of logs: reads the stream as it grows, keeps its last lines, shows colours, finds, wraps, follows.
// What a log says becomes text nodes and class names only. Frames: see automations/logs/body.py.
(() => {
  const MOST_LINES = 10000, MOST_CHARACTERS = 2000000, LONGEST_LINE = 20000;
  const BEAT = 0x16, FRAME = 0x1e;
  const WAITS = [1, 2, 4, 8, 15, 30];
  const COLOUR = /\x1b\[([0-9;:]*)m/g;
  const number = new Intl.NumberFormat("en");

  // --- colours: a state carried from line to line
  const plain = () => ({ fore: -1, back: -1, bold: false, dim: false, italic: false, underline: false, strike: false, reverse: false });

  // one of the sixteen that the 256 colours and the millions are nearest to
  function sixteen(red, green, blue) {
    const most = Math.max(red, green, blue), least = Math.min(red, green, blue);
    if (most - least < 40) return most < 64 ? 0 : most < 160 ? 8 : 7;
    const middle = (most + least) / 2;
    return (red > middle ? 1 : 0) + (green > middle ? 2 : 0) + (blue > middle ? 4 : 0);
  }

  function of256(code) {
    if (code < 16) return code;
    if (code > 231) return sixteen(...Array(3).fill((code - 232) * 10 + 8));
    const part = (step) => [0, 95, 135, 175, 215, 255][Math.floor((code - 16) / step) % 6];
    return sixteen(part(36), part(6), part(1));
  }

  // a colour given as 38;5;n or 38;2;r;g;b: the colour, and how many codes it took
  function extended(codes, at) {
    if (codes[at + 1] === 5) return [of256(Math.min(codes[at + 2] || 0, 255)), 2];
    if (codes[at + 1] === 2) return [sixteen(codes[at + 2] || 0, codes[at + 3] || 0, codes[at + 4] || 0), 4];
    return [-1, 0];
  }

  const switches = {
    1: ["bold", true], 2: ["dim", true], 3: ["italic", true], 4: ["underline", true], 7: ["reverse", true], 9: ["strike", true],
    23: ["italic", false], 24: ["underline", false], 27: ["reverse", false], 29: ["strike", false], 39: ["fore", -1], 49: ["back", -1],
  };

  function styled(style, text) {
    const codes = text.split(/[;:]/).map(Number);
    for (let at = 0; at < codes.length; at += 1) {
      const code = codes[at];
      if (code === 0) Object.assign(style, plain());
      else if (code === 22) style.bold = style.dim = false;
      else if (switches[code]) style[switches[code][0]] = switches[code][1];
      else if (code >= 30 && code < 38) style.fore = code - 30;
      else if (code >= 90 && code < 98) style.fore = code - 82;
      else if (code >= 40 && code < 48) style.back = code - 40;
      else if (code >= 100 && code < 108) style.back = code - 92;
      else if (code === 38 || code === 48) {
        const [colour, taken] = extended(codes, at);
        style[code === 38 ? "fore" : "back"] = colour;
        at += taken;
      }
    }
  }

  function classes(style) {
    const names = ["bold", "dim", "italic", "underline", "strike"].filter((name) => style[name]).map((name) => `ansi-${name}`);
    if (style.fore >= 0) names.push(`ansi-${style.fore}`);
    if (style.back >= 0 || style.reverse) names.push(`ansi-on-${style.reverse ? 7 : style.back}`);
    return names.join(" ");
  }

  function piece(text, style) {
    const names = classes(style);
    if (!names) return document.createTextNode(text);
    const span = document.createElement("span");
    span.className = names;
    span.textContent = text;
    return span;
  }

  // the number is a link to the line; it is no text of the line, and not copied with it
  function drawn({ text: line, number: at }, style) {
    const element = document.createElement("div");
    element.className = "log-line";
    element.id = `L${at}`;
    const link = document.createElement("a");
    Object.assign(link, { className: "log-number", href: `#L${at}`, tabIndex: -1, ariaLabel: `Line ${at}` });
    link.dataset.number = at;
    element.append(link);
    let from = 0;
    for (const found of line.matchAll(COLOUR)) {
      if (found.index > from) element.append(piece(line.slice(from, found.index), style));
      styled(style, found[1]);
      from = found.index + found[0].length;
    }
    if (from < line.length) element.append(piece(line.slice(from), style));
    return element;
  }

  // backspaces go back one place each, and what follows writes over what stood there; those at the end are kept
  function overwritten(text) {
    if (!text.includes("\b")) return text;
    const places = [];
    let at = 0, colours = "";
    for (const token of text.match(/\x1b\[[0-9;:]*m|./gsu) || []) {
      if (token === "\b") at = Math.max(0, at - 1);
      else if (token.length > 2) colours += token;
      else { places[at] = colours + token; colours = ""; at += 1; }
    }
    return places.join("") + colours + "\b".repeat(places.length - at);
  }

  // a progress bar writes over its line: what stands there at last is what counts. It may not have ended yet, so a last
  // "\r" and last backspaces stay. Cut only then, one character too long as a sign.
  function settled(line) {
    const text = line.replace(/\r+$/, "");
    const last = overwritten(text.slice(text.lastIndexOf("\r") + 1));
    return (last.length > LONGEST_LINE ? last.slice(0, LONGEST_LINE + 1) : last) + (text === line ? "" : "\r");
  }

  function shown(line) {
    const text = settled(line).replace(/[\b\r]+$/, "");
    return text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)} …` : text;
  }

  const ERROR = /\b(?:error|fatal|failed|failure|panic|exception|traceback)\b/i;
  const tellsError = (line) => line.querySelector(".ansi-1, .ansi-9") !== null || ERROR.test(line.textContent);

  class Viewer {
    constructor(section) {
      const part = (name) => section.querySelector(`[data-log-${name}]`);
      this.section = section;
      this.url = section.dataset.log;
      for (const name of ["state", "tools", "find", "query", "hits", "before", "next", "error", "wrap", "follow", "again", "dropped", "lines"]) this[name] = part(name);
      this.tools.hidden = this.lines.hidden = false;
      this.listen();
      this.start();
    }

    listen() {
      this.wrap.addEventListener("change", () => this.lines.classList.toggle("log-wrap", this.wrap.checked));
      this.follow.addEventListener("change", () => this.toEnd());
      this.again.addEventListener("click", () => this.start());
      this.query.addEventListener("input", () => this.search());
      this.find.addEventListener("submit", (event) => { event.preventDefault(); this.go(1); });
      this.before.addEventListener("click", () => this.go(-1));
      this.error.addEventListener("click", () => this.show([...this.lines.children].find(tellsError)));
      this.lines.addEventListener("click", (event) => {
        const link = event.target.closest(".log-number");
        if (!link) return;
        event.preventDefault();
        history.replaceState(history.state, "", link.hash);
        this.show(link.parentElement);
      });
      window.addEventListener("hashchange", () => this.linked());
      // scrolling away from the end stops following it, scrolling back takes it up again
      this.lines.addEventListener("wheel", () => this.moved(), { passive: true });
      this.lines.addEventListener("touchmove", () => this.moved(), { passive: true });
      this.lines.addEventListener("keyup", () => this.moved());
      this.lines.addEventListener("pointerup", () => this.moved());
    }

    moved() {
      if (this.isOver) return;
      requestAnimationFrame(() => {
        this.follow.checked = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 24;
      });
    }

    start() {
      this.bytes = this.total = this.dropped_lines = this.characters = this.tries = 0;
      this.waiting = [];
      this.unfinished = "";
      this.partial = null;
      this.style = plain();
      this.hit = null;
      this.isOver = false;
      this.wanted = location.hash;
      this.error.disabled = true;
      this.follow.disabled = false;
      this.follow.checked = !/^#L\d+$/.test(this.wanted);
      this.decoder = new TextDecoder();
      this.lines.replaceChildren();
      this.dropped.hidden = this.again.hidden = true;
      this.read();
    }

    // read out are only the words at the end, not the count of lines
    say(text, { broken = false, loud = broken } = {}) {
      this.state.setAttribute("aria-live", loud ? "polite" : "off");
      if (this.state.textContent !== text) this.state.textContent = text;
      this.state.classList.toggle("log-state-broken", broken);
    }

    count() {
      const total = this.total + (shown(this.unfinished) ? 1 : 0);
      return total === 1 ? "1 line" : `${number.format(total)} lines`;
    }

    // --- reading

    async read() {
      this.say(this.bytes ? `${this.count()}, reading on…` : "Opening…");
      let end = { state: "broken", text: "The connection to the portal was lost.", retry: true };
      try {
        const answer = await fetch(`${this.url}?viewer=1&skip=${this.bytes}`, { headers: { Accept: "text/plain" } });
        if (answer.redirected || !(answer.headers.get("Content-Type") || "").startsWith("text/plain")) {
          end = { state: "broken", text: "The portal did not answer with a log. Reload the page to sign in again." };
        } else if (!answer.ok) {
          end = { state: "broken", text: (await answer.text()).trim().slice(0, 500), retry: answer.status === 503 };
        } else {
          end = { ...end, ...(await this.take(answer.body.getReader())) };
        }
      } catch {
        // the network: said and tried again below
      }
      this.ended(end);
    }

    async take(reader) {
      this.say("Reading…");
      let frame = null;
      for (;;) {
        const { done, value } = await reader.read();
        if (!this.section.isConnected) { await reader.cancel(); return { state: "left" }; }
        if (done) return frame === null ? {} : { retry: true, ...JSON.parse(new TextDecoder().decode(frame)) };
        const rest = this.unframed(value, frame);
        if (rest.frame) frame = rest.frame;
        if (rest.content.length) await this.add(rest.content);
      }
    }

    unframed(value, frame) {
      if (frame) return { content: new Uint8Array(), frame: new Uint8Array([...frame, ...value]) };
      const at = value.indexOf(FRAME);
      const content = at < 0 ? value : value.subarray(0, at);
      return { content: content.includes(BEAT) ? content.filter((each) => each !== BEAT) : content, frame: at < 0 ? null : value.slice(at + 1) };
    }

    async add(content) {
      this.bytes += content.length;
      this.tries = 0;
      const lines = (this.unfinished + this.decoder.decode(content, { stream: true })).split("\n");
      this.unfinished = settled(lines.pop());
      for (const line of lines) this.keep(line);
      this.draw();
      // the page stays usable while a gigabyte goes by
      if (this.waiting.length > MOST_LINES / 4) await new Promise((resolve) => setTimeout(resolve));
    }

    keep(line) {
      this.total += 1;
      this.waiting.push({ text: shown(line), number: this.total });
      if (this.waiting.length >= 2 * MOST_LINES) this.dropped_lines += this.waiting.splice(0, MOST_LINES).length;
    }

    ended(end) {
      if (end.state === "left") return;
      if (end.state === "ended") {
        if (this.unfinished) this.keep(this.unfinished);
        this.unfinished = "";
        this.isOver = true;
        this.draw();
        this.say(this.total ? `${this.count()}. The log ends here.` : "The log is empty.", { loud: true });
        this.again.hidden = false;
      } else if (end.state === "again") {
        this.read();
      } else if (end.retry && this.tries < WAITS.length) {
        this.say(`${end.text} Trying again…`, { broken: true });
        setTimeout(() => this.section.isConnected && this.read(), 1000 * WAITS[this.tries]);
        this.tries += 1;
      } else {
        this.say(end.text, { broken: true });
        this.again.hidden = false;
      }
    }

    // --- drawing: at most once in a while, and never more than is kept

    draw() {
      if (this.drawing) return;
      this.drawing = true;
      setTimeout(() => { this.drawing = false; this.put(); }, 80);
    }

    put() {
      const over = this.waiting.length - MOST_LINES;
      if (over > 0) this.dropped_lines += this.waiting.splice(0, over).length;
      const added = document.createDocumentFragment();
      for (const line of this.waiting) {
        const element = drawn(line, this.style);
        this.characters += element.textContent.length;
        added.append(element);
      }
      this.waiting = [];
      this.putPartial(added);
      this.mark([...added.children]);
      if (this.error.disabled) this.error.disabled = ![...added.children].some(tellsError);
      this.lines.append(added);
      this.trim();
      if (this.wanted) this.linked();
      if (this.state.textContent.startsWith("Reading") || this.state.textContent.endsWith("so far.")) this.say(`${this.count()} so far.`);
      this.toEnd();
      if (this.isOver) {
        this.follow.checked = false;  // nothing comes any more
        this.follow.disabled = true;
      }
      if (this.query.value) this.tell();
    }

    // the line that the address names, once it is there
    linked() {
      const line = /^#L\d+$/.test(location.hash) && this.lines.querySelector(location.hash);
      if (line) this.show(line);
    }

    show(line) {
      if (!line) return;
      this.wanted = "";
      for (const other of this.lines.querySelectorAll(".log-shown")) other.classList.remove("log-shown");
      line.classList.add("log-shown");
      this.follow.checked = false;
      line.scrollIntoView({ block: "center" });
    }

    // the last line while it has not ended: a question, a progress bar
    putPartial(added) {
      if (this.partial && this.partial === this.hit) this.hit = null;
      if (this.partial) this.partial.remove();
      const text = shown(this.unfinished);
      this.partial = text ? drawn({ text, number: this.total + 1 }, { ...this.style }) : null;
      if (this.partial) added.append(this.partial);
    }

    trim() {
      while (this.lines.childElementCount > MOST_LINES || this.characters > MOST_CHARACTERS) {
        const first = this.lines.firstElementChild;
        if (first === this.partial) break;
        this.characters -= first.textContent.length;
        if (first === this.hit) this.hit = null;
        first.remove();
        this.dropped_lines += 1;
      }
      if (!this.dropped_lines) return;
      const lines = this.dropped_lines === 1 ? "line is" : "lines are";
      this.dropped.textContent = `The first ${number.format(this.dropped_lines)} ${lines} not kept on this page. The download has them.`;
      this.dropped.hidden = false;
    }

    toEnd() {
      if (this.follow.checked) this.lines.scrollTop = this.lines.scrollHeight;
    }

    // --- finding

    mark(lines) {
      const wanted = this.query.value.toLowerCase();
      for (const line of lines) line.classList.toggle("log-hit", wanted !== "" && line.textContent.toLowerCase().includes(wanted));
    }

    search() {
      this.mark([...this.lines.children]);
      if (this.hit) this.hit.classList.remove("log-here");
      this.hit = null;
      if (this.query.value) this.go(1);
      else this.tell();
    }

    tell() {
      const hits = [...this.lines.querySelectorAll(".log-hit")];
      if (this.query.value && !this.hit && hits.length) return this.go(1);  // the first came after the words
      const at = hits.indexOf(this.hit) + 1;
      const found = hits.length ? `${number.format(at)} of ${number.format(hits.length)}` : "none";
      this.hits.textContent = this.query.value ? found : "";
      this.before.disabled = this.next.disabled = !this.query.value || !hits.length;
    }

    go(by) {
      const hits = [...this.lines.querySelectorAll(".log-hit")];
      if (hits.length) {
        if (this.hit) this.hit.classList.remove("log-here");
        const at = hits.indexOf(this.hit);
        const next = at < 0 && by < 0 ? hits.length - 1 : (at + by + hits.length) % hits.length;
        this.hit = hits[next];
        this.hit.classList.add("log-here");
        this.follow.checked = false;
        this.hit.scrollIntoView({ block: "center" });
      }
      this.tell();
    }
  }

  const begun = new WeakSet();
  function begin() {
    for (const section of document.querySelectorAll("[data-log]")) {
      if (begun.has(section)) continue;
      begun.add(section);
      new Viewer(section);
    }
  }
  begin();
  document.addEventListener("htmx:afterSettle", begin);
})();

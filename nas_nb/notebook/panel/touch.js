// Answers the pointer and the keys in a panel: pictures, rows and headers. The kernel draws and
// decides; this file shows what a mark is, and says what was selected, sorted or zoomed.
const NEAR = 14; // pixels from a mark at which it is meant
const DOUBLE_MS = 500; // between the halves of a double click
const SILENT_MS = 9000;

// The marks of a picture, and where they are now; a trial may have several.
function marksOf(image) {
  const box = image.getBoundingClientRect();
  const count = {};
  return JSON.parse(image.dataset.marks || "[]").map(([trial, x, y, words]) => {
    count[trial] = (count[trial] ?? 0) + 1;
    return { trial, words, which: count[trial], at: [box.left + x * box.width, box.top + y * box.height] };
  });
}
const chartOf = image => image.dataset.chart;

// What takes the keys in a part that is drawn anew, found again in the new drawing.
function nameOf(element) {
  const { chart, trial } = element.dataset;
  if (chart) return `img.nas-plot[data-chart="${chart}"]`;
  if (trial) return `tr[data-trial="${trial}"]`;
  return [".nas-log", ".nas-code", "[data-copy]"].find(name => element.matches(name));
}

function nearest(image, event) {
  let found = null;
  let least = NEAR ** 2;
  for (const mark of marksOf(image)) {
    const far = (mark.at[0] - event.clientX) ** 2 + (mark.at[1] - event.clientY) ** 2;
    if (far <= least) [least, found] = [far, mark];
  }
  return found;
}

function differences(values, best) {
  const names = [...new Set([...Object.keys(values), ...Object.keys(best)])];
  const told = names
    .filter(name => values[name] !== best[name])
    .map(name => `${name} ${values[name] ?? "none"} (best: ${best[name] ?? "none"})`);
  return told.length > 5 ? [...told.slice(0, 5), `and ${told.length - 5} more`] : told;
}

function render({ model, el }) {
  const facts = new Map();
  const stops = new AbortController();
  const tip = Object.assign(document.createElement("div"), { className: "nas-tip", hidden: true });
  const ring = Object.assign(document.createElement("div"), { className: "nas-ring", hidden: true });
  const gone = Object.assign(document.createElement("p"), { className: "nas-gone-note", hidden: true });
  const box = Object.assign(document.createElement("div"), { className: "nas-box", hidden: true });
  tip.setAttribute("role", "status");
  gone.setAttribute("role", "alert");
  let root = null;
  let best = null;
  let heard = Date.now();
  let drag = null;
  let focus = null; // what has the keys: where it is drawn, its name, and a picture's mark
  let told = null; // the mark that the tip tells of: its trial, which of its marks, and the chart
  let rests = null; // where on a picture the pointer was moved last
  let clicked = null; // the last click on a picture

  const hide = () => { tip.hidden = ring.hidden = true; told = null; };
  const show = (chart, { trial, which, at, words }) => {
    told = { chart, trial, which };
    const fact = facts.get(trial);
    const lines = [words ?? fact?.text ?? `trial ${trial}: running`];
    const other = facts.get(best);
    if (fact && other && trial !== best) lines.push(...differences(fact.values, other.values));
    const text = lines.join("\n");
    if (tip.textContent !== text) tip.textContent = text; // screen readers read it out again
    ring.hidden = tip.hidden = false;
    Object.assign(ring.style, { left: `${at[0]}px`, top: `${at[1]}px` });
    const right = at[0] + 16 + tip.offsetWidth > window.innerWidth;
    tip.style.left = `${right ? at[0] - 16 - tip.offsetWidth : at[0] + 16}px`;
    tip.style.top = `${Math.max(4, at[1] - 12)}px`;
  };
  const on = (name, handle) =>
    root.addEventListener(name, handle, { signal: stops.signal });
  const picture = event => event.target.closest?.("img.nas-plot");

  function step(image, by) {
    const marks = marksOf(image).sort((a, b) => a.at[0] - b.at[0]);
    if (!marks.length) return;
    // A frame may move the marks: else the trial's first one is meant.
    const meant = ({ trial }) => trial === focus?.trial;
    const found = marks[focus?.mark] && meant(marks[focus.mark]) ? focus.mark : marks.findIndex(meant);
    const here = found < 0 && by < 0 ? marks.length : found;
    const mark = Math.min(Math.max(here + by, 0), marks.length - 1);
    focus = { ...focus, mark, trial: marks[mark].trial };
    show(chartOf(image), marks[mark]);
  }

  // A frame moves the mark that the tip tells of, or draws one where the pointer rests. So do
  // scrolling, and whatever grows above the panel.
  function follow() {
    if (!told && (drag || !rests)) return;
    const image = root.querySelector(`img.nas-plot[data-chart="${(told ?? rests).chart}"]`);
    if (!told) {
      const found = image && nearest(image, rests);
      return found && show(rests.chart, found);
    }
    const mark = image && marksOf(image).find(
      ({ trial, which }) => trial === told.trial && which === told.which);
    mark ? show(told.chart, mark) : hide();
  }

  function send(message) {
    try {
      model.send(message);
    } catch (error) {
      if (error.message !== "Cannot send") throw error; // the kernel is gone, as the notice says
    }
  }

  function share(image, event) {
    const area = image.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
  }

  function attach() {
    root = el.closest(".nas-panel");
    if (!root) return setTimeout(attach, 50);
    document.body.append(tip, ring, box); // cells have their own frame for what is fixed
    root.prepend(gone);
    on("pointermove", event => {
      const image = picture(event);
      if (drag) {
        const [x, y] = [Math.min(drag.x, event.clientX), Math.min(drag.y, event.clientY)];
        const [w, h] = [Math.abs(event.clientX - drag.x), Math.abs(event.clientY - drag.y)];
        Object.assign(box.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${h}px` });
        box.hidden = w < 8 && h < 8;
        return hide();
      }
      const found = image && nearest(image, event);
      rests = image && { chart: chartOf(image), clientX: event.clientX, clientY: event.clientY };
      found ? show(chartOf(image), found) : hide();
      if (image) image.style.cursor = found ? "pointer" : "crosshair";
    });
    on("pointerleave", () => { rests = null; hide(); });
    on("pointerdown", event => {
      const image = picture(event);
      if (!image || event.button) return;
      event.preventDefault(); // the browser would drag the picture itself
      image.focus({ preventScroll: true });
      const [chart, x, y] = [chartOf(image), event.clientX, event.clientY];
      // A frame between this and the release moves the marks: what the tip says is what is meant.
      drag = { x, y, chart, from: share(image, event), meant: told ?? nearest(image, event) };
    });
    on("pointerup", event => {
      const image = picture(event);
      const begun = drag;
      drag = null;
      box.hidden = true;
      if (!begun || !image || chartOf(image) !== begun.chart) return;
      const far = Math.hypot(event.clientX - begun.x, event.clientY - begun.y);
      if (far >= 8) return send({ zoom: begun.chart, box: [begun.from, share(image, event)] });
      // The browser counts no double click where a frame replaces the picture between its halves.
      const again = clicked?.chart === begun.chart && event.timeStamp - clicked.at < DOUBLE_MS;
      clicked = again ? null : { chart: begun.chart, at: event.timeStamp };
      if (again) send({ zoom: begun.chart, box: null });
      else if (begun.meant) {
        focus = { ...focus, trial: begun.meant.trial }; // the arrow keys go on from there
        send({ select: begun.meant.trial });
      }
    });
    on("click", event => {
      const copy = event.target.closest("[data-copy]");
      if (copy) {
        getSelection().selectAllChildren(copy.parentElement.querySelector("pre"));
        copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C to copy";
      }
      const row = event.target.closest("tr[data-trial]");
      const head = event.target.closest("th[data-sort]");
      if (row) send({ select: Number(row.dataset.trial) });
      if (head) send({ sort: head.dataset.sort });
    });
    on("keydown", event => {
      const image = picture(event);
      const row = event.target.closest?.("tr[data-trial]");
      if (row && event.key === "Enter") send({ select: Number(row.dataset.trial) });
      if (!image) return;
      const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (by) step(image, by);
      else if (event.key === "Enter" && focus?.trial !== undefined) send({ select: focus.trial });
      else if (event.key === "Escape") { rests = null; hide(); }
      else return;
      event.preventDefault();
    });
    on("focusin", event => {
      const drawn = event.target.closest(".widget-html-content");
      focus = drawn ? { drawn, name: nameOf(event.target) } : null;
    });
    document.addEventListener(
      "pointerdown", event => { if (!root.contains(event.target)) focus = null; }, { signal: stops.signal });
    // A new frame replaces what the pointer rests on, and what has the keys.
    const watch = new MutationObserver(() => {
      for (const option of root.querySelectorAll("option")) option.disabled = / \(needs /.test(option.text);
      follow();
      if (!focus?.name || document.activeElement !== document.body) return;
      const kept = focus;
      kept.drawn.querySelector(kept.name)?.focus({ preventScroll: true });
      focus = kept;
    });
    watch.observe(root, { childList: true, subtree: true });
    stops.signal.addEventListener("abort", () => watch.disconnect());
    const sized = new ResizeObserver(() => send({ width: [root.clientWidth, window.devicePixelRatio] }));
    sized.observe(root);
    for (const name of ["scroll", "resize"])
      window.addEventListener(name, follow, { capture: true, passive: true, signal: stops.signal });
    // JupyterLab says which theme it has, others show it by their letters.
    const dark = () => {
      const light = document.body.dataset.jpThemeLight;
      const [red, green, blue] = getComputedStyle(root).color.match(/\d+/g).map(Number);
      send({ dark: light ? light === "false" : red + green + blue > 382 });
    };
    const themed = new MutationObserver(dark);
    for (const part of [document.body, document.documentElement]) themed.observe(part, { attributes: true });
    stops.signal.addEventListener("abort", () => { sized.disconnect(); themed.disconnect(); });
    send({ here: true });
    dark();
  }

  model.on("msg:custom", message => {
    if (message.best !== undefined) best = message.best;
    for (const [trial, fact] of Object.entries(message.facts ?? {})) facts.set(Number(trial), fact);
  });
  model.on("change:beat", () => { heard = Date.now(); });
  const timer = setInterval(() => {
    const silent = model.get("live") && Date.now() - heard > SILENT_MS;
    root?.classList.toggle("nas-gone", Boolean(silent));
    gone.hidden = !silent;
    if (root) follow();
    gone.textContent = silent ? "The kernel has not answered for 9 s: it is gone, or very busy." : "";
  }, 1000);
  attach();
  return () => {
    clearInterval(timer);
    stops.abort();
    for (const part of [tip, ring, gone, box]) part.remove();
  };
}

export default { render };

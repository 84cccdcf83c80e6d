"use strict";
document.documentElement.classList.add("scripted");

// Tables are sorted by their heads: numbers by value (data-v), all else as text.
for (const table of document.querySelectorAll("table.sorted")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numbers = !head.classList.contains("text");
      const down = head.getAttribute("aria-sort") === (numbers ? null : "ascending") || head.getAttribute("aria-sort") === "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = row => {
        const cell = row.cells[column];
        return numbers ? Number(cell.dataset.v ?? cell.textContent) : cell.textContent;
      };
      const order = numbers ? (a, b) => value(a) - value(b) : (a, b) => value(a).localeCompare(value(b), undefined, { numeric: true });
      const rows = [...table.tBodies[0].rows].sort((a, b) => down ? order(b, a) : order(a, b));
      table.tBodies[0].append(...rows);
    });
  });
}

const filter = document.getElementById("filter");
if (filter) {
  const rows = [...document.querySelectorAll("#families tbody tr")];
  filter.addEventListener("input", () => {
    const wanted = filter.value.toLowerCase();
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  });
}

// Density along one contig: drag over a part to see it, or move and zoom by the buttons and keys.
const zoom = document.getElementById("zoom");
const density = zoom && JSON.parse(document.getElementById("density").textContent);
if (density && density.contigs.length) {
  const NS = "http://www.w3.org/2000/svg";
  const [left, right, top, bottom] = [52, 1106, 10, 178];
  const pick = document.getElementById("contig");
  const shown = document.getElementById("shown");
  density.contigs.forEach((contig, i) => pick.append(new Option(contig.name, i)));
  let contig, from, to;

  const add = (name, attributes, text) => {
    const element = document.createElementNS(NS, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    zoom.append(element);
    return element;
  };
  const x = base => left + (base - from) / (to - from) * (right - left);
  const number = n => Math.round(n).toLocaleString("en-US");

  const draw = () => {
    zoom.replaceChildren();
    for (let share = 0; share <= 4; share++) {
      const y = bottom - share / 4 * (bottom - top);
      add("line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
      add("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, share * 25 + " %");
    }
    const step = 10 ** Math.floor(Math.log10((to - from) / 4));
    const tick = [1, 2, 5, 10].map(n => n * step).find(n => (to - from) / n <= 8) || step * 10;
    for (let at = Math.ceil(from / tick) * tick; at <= to; at += tick) {
      add("line", { class: "grid", x1: x(at), x2: x(at), y1: top, y2: bottom });
      add("text", { x: x(at), y: bottom + 18, "text-anchor": "middle" }, number(at));
    }
    const first = Math.floor(from / density.window), last = Math.min(Math.ceil(to / density.window), contig.bases[0].length);
    const together = Math.max(1, Math.ceil((last - first) / (right - left)));
    const below = new Map();
    contig.bases.forEach((counts, row) => {
      let path = "";
      for (let w = first; w < last; w += together) {
        let bases = 0;
        for (let i = w; i < Math.min(w + together, last); i++) bases += counts[i];
        if (!bases) continue;
        const start = w * density.window, end = Math.min(contig.length, (w + together) * density.window);
        const high = bases / (end - start) * (bottom - top), base = below.get(w) || 0;
        const x0 = Math.max(left, x(start)), x1 = Math.min(right, x(end));
        path += `M${x0.toFixed(1)} ${(bottom - base).toFixed(1)}v${(-high).toFixed(1)}h${(x1 - x0).toFixed(1)}v${high.toFixed(1)}z`;
        below.set(w, base + high);
      }
      add("path", { d: path, fill: density.colours[row] });
    });
    add("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` });
    shown.textContent = `${number(from + 1)} to ${number(to)} of ${number(contig.length)} bases`;
  };
  const show = (start, end) => {
    const least = Math.min(contig.length, 10 * density.window);
    const size = Math.max(least, Math.min(contig.length, end - start));
    from = Math.max(0, Math.min(contig.length - size, start + (end - start - size) / 2));
    to = from + size;
    draw();
  };
  const choose = () => { contig = density.contigs[pick.value || 0]; show(0, contig.length); };
  pick.addEventListener("change", choose);

  const moves = {
    in: () => show(from + (to - from) / 4, to - (to - from) / 4),
    out: () => show(from - (to - from) / 2, to + (to - from) / 2),
    left: () => show(from - (to - from) / 3, to - (to - from) / 3),
    right: () => show(from + (to - from) / 3, to + (to - from) / 3),
    all: () => show(0, contig.length),
  };
  for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", moves[button.dataset.move]);
  zoom.addEventListener("keydown", event => {
    const move = { "+": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", Escape: "all" }[event.key];
    if (move) { event.preventDefault(); moves[move](); }
  });
  zoom.addEventListener("dblclick", moves.all);

  const base = event => {
    const box = zoom.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width * 1150;
    return from + (Math.max(left, Math.min(right, at)) - left) / (right - left) * (to - from);
  };
  let begun = null, mark = null;
  zoom.addEventListener("pointerdown", event => { begun = base(event); zoom.setPointerCapture(event.pointerId); });
  zoom.addEventListener("pointermove", event => {
    if (begun === null) return;
    mark?.remove();
    const ends = [begun, base(event)].sort((a, b) => a - b);
    mark = add("rect", { x: x(ends[0]), width: x(ends[1]) - x(ends[0]), y: top, height: bottom - top, fill: "currentColor", opacity: .18 });
  });
  zoom.addEventListener("pointerup", event => {
    if (begun === null) return;
    const [start, end] = [begun, base(event)].sort((a, b) => a - b);
    begun = null;
    if (x(end) - x(start) > 4) show(start, end); else mark?.remove();
  });
  zoom.addEventListener("pointercancel", () => { begun = null; mark?.remove(); });
  choose();
}

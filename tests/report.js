// Operates the report as a reader does, and then replaces the page by what it saw, as JSON.
addEventListener("load", () => {
  const seen = {};
  const all = selector => [...document.querySelectorAll(selector)];
  const one = selector => document.querySelector(selector);
  seen.loaded = performance.getEntriesByType("resource").map(entry => entry.name);
  seen.wider = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  seen.pictures = all("figure > svg").map(svg => { const box = svg.getBoundingClientRect(); return [box.width, box.height]; });
  seen.ground = getComputedStyle(document.body).backgroundColor;
  seen.ink = getComputedStyle(document.body).color;

  const column = (table, name) => {
    const at = all(`${table} th`).findIndex(head => head.textContent === name);
    return { head: all(`${table} th`)[at].querySelector("button"), cells: () => all(`${table} tbody tr`).map(row => row.cells[at].textContent) };
  };
  const bases = column("#families", "Bases"), names = column("#families", "Family");
  seen.bases = bases.cells();
  bases.head.click();
  seen.sortedOnce = bases.cells();
  bases.head.click();
  seen.sortedTwice = bases.cells();
  names.head.click();
  seen.names = names.cells();

  const filter = one("#filter");
  filter.value = "FAMILY-2";
  filter.dispatchEvent(new Event("input"));
  seen.filtered = all("#families tbody tr").filter(row => row.offsetHeight > 0).map(row => row.cells[0].textContent);

  const zoom = one("#zoom"), shown = () => one("#shown").textContent;
  const press = name => { one(`[data-move=${name}]`).click(); return shown(); };
  seen.whole = shown();
  seen.closer = press("in");
  seen.right = press("right");
  seen.again = press("all");
  const box = zoom.getBoundingClientRect();
  zoom.setPointerCapture = () => {};
  const point = (kind, share) => zoom.dispatchEvent(new PointerEvent(kind, { clientX: box.left + share * box.width, clientY: box.top + 50 }));
  point("pointerdown", 0.4); point("pointermove", 0.6); point("pointerup", 0.6);
  seen.dragged = shown();
  zoom.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  seen.escaped = shown();
  one("#contig").value = "1";
  one("#contig").dispatchEvent(new Event("change"));
  seen.second = shown();
  seen.drawn = all("#zoom path").length;
  seen.wrong = wrong;
  const results = document.createElement("pre");
  results.id = "results";
  // As JSON without what HTML has its own way of writing.
  results.textContent = JSON.stringify(seen).replace(/[<>&]/g, c => "\\u00" + c.charCodeAt(0).toString(16));
  document.body.replaceChildren(results);
});

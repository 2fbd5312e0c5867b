// What the page does: theme, sorting, filtering, links to runs, figures. Nothing is fetched; names are only ever text.
const root = document.documentElement;
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

// Theme: the system's, until the switch says otherwise.
const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
const store = { // a page from the disk may have no storage
  get() { try { return localStorage.getItem("recipelab-theme"); } catch { return null; } },
  set(value) { try { localStorage.setItem("recipelab-theme", value); } catch { /* forgotten at the next visit */ } },
};
if (["light", "dark"].includes(store.get())) root.dataset.theme = store.get();
const themeButton = document.getElementById("theme");
const nameTheme = () => { themeButton.textContent = dark() ? "Light" : "Dark"; };
themeButton.addEventListener("click", () => {
  root.dataset.theme = dark() ? "light" : "dark";
  store.set(root.dataset.theme);
  nameTheme();
  recolour();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { nameTheme(); recolour(); });
nameTheme();

// Tables: a heading sorts, up and then down; what is blank comes last either way.
function sort(table, index, heading) {
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of all("thead th", table)) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const key = (row) => row.cells[index].dataset.value ?? row.cells[index].textContent.trim();
  const rows = all("tbody tr", table).map((row) => [key(row), row]);
  const numeric = rows.every(([value]) => value === "" || Number.isFinite(Number(value)));
  const order = (a, b) => numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
  rows.sort(([a], [b]) => a === "" || b === "" ? (a === "") - (b === "") : (down ? -1 : 1) * order(a, b));
  table.tBodies[0].append(...rows.map(([, row]) => row));
}
for (const table of all("table")) {
  all("thead th", table).forEach((heading, index) => {
    heading.querySelector("button")?.addEventListener("click", () => sort(table, index, heading));
  });
}
for (const box of all(".filter input")) {
  const table = document.getElementById(box.getAttribute("aria-controls"));
  const count = box.closest(".filter").querySelector(".count");
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = all("tbody tr", table);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    count.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
  });
}

// A link to something opens what it is in; a row that a filter hides is shown.
function reveal() {
  for (const row of all("tr.target")) row.classList.remove("target");
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  if (target.tagName === "TR") { target.hidden = false; target.classList.add("target"); }
  target.scrollIntoView();
  if (target.tagName === "DETAILS") target.querySelector("summary").focus({ preventScroll: true });
}
addEventListener("hashchange", reveal);

// Figures: plotly and their data are packed, and unpacked when one comes into sight. Nothing waits, so that printing can.
function unpack(id) {
  const letters = atob(document.getElementById(id).textContent.trim()), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return new TextDecoder().decode(inflate(bytes));
}
function plotly() {
  if (!window.Plotly) {
    const script = document.createElement("script"); // allowed by its hash, which the page's policy names
    script.textContent = unpack("plotly");
    document.head.append(script);
    if (!window.Plotly) throw new Error("plotly.js did not start");
  }
  return window.Plotly;
}
const PAPER = 1000; // pixels that a figure is wide when it is printed; the style sheet makes them fit the paper
let printing = false;
const colours = () => dark() && !printing
  ? { font: { color: "#e8eaed" }, ink: "#e8eaed", ground: "#1d2127" }
  : { font: { color: "#1a1a1a" }, ink: "#000000", ground: "#ffffff" };
const inked = (node) => JSON.parse(JSON.stringify(node).replaceAll(/"#(?:000000|1a1a1a)"/gi, `"${colours().ink}"`));
function themed(figure) {
  const { font, ground } = colours();
  const layout = inked(figure.layout);
  return {
    data: inked(figure.data),
    layout: {
      ...layout,
      width: printing ? PAPER : layout.width,
      font: { family: "system-ui, sans-serif", size: 12, ...layout.font, ...font },
      hoverlabel: { bgcolor: ground, font, ...layout.hoverlabel },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: "#888888", activecolor: font.color },
    },
  };
}
const drawn = new Map(); // element -> its figure as it came: data, and layouts by the width that each is for, the widest first
const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] };
const anchors = JSON.parse(document.getElementById("anchors").textContent);
const CELL = 34, NARROW = 500; // pixels of a matrix's cell that has room for what is written in it, of a page without a scale
const fitting = (trace, width) => trace.type !== "heatmap" ? trace : {
  ...trace,
  texttemplate: width / trace.x.length < CELL ? "" : trace.texttemplate,
  showscale: trace.showscale && width >= NARROW,
};
function put(plot, { data, layouts }) {
  const width = printing ? PAPER : plot.clientWidth;
  const [, layout] = layouts.find(([least]) => least <= width) ?? layouts.at(-1);
  const wide = layout.width > width ? layout.width : undefined; // more than the page has: it scrolls
  const shown = themed({ data: data.map((trace) => fitting(trace, width)), layout: { ...layout, width: wide } });
  window.Plotly.react(plot, shown.data, shown.layout, config);
}
function draw(plot) {
  if (plot.dataset.state) return;
  try {
    const figures = JSON.parse(unpack(plot.dataset.figure));
    plotly();
    plot.replaceChildren();
    put(plot, figures);
    plot.on("plotly_click", (event) => {
      const at = event.points[0]?.customdata;
      const anchor = anchors[Array.isArray(at) ? at[0] : at];
      if (anchor) location.hash = anchor;
    });
    drawn.set(plot, figures);
    plot.dataset.state = "drawn";
  } catch (error) {
    plot.dataset.state = "failed";
    plot.textContent = `This figure cannot be drawn here (${error.message}); its picture is in the folder figures.`;
  }
}
const recolour = () => drawn.forEach((figures, plot) => put(plot, figures));
let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => { if (!printing) recolour(); }, 200);
});
const seen = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) { seen.unobserve(target); setTimeout(draw, 0, target); }
}, { rootMargin: "400px" });
const plots = all(".plot");
for (const plot of plots) seen.observe(plot);

// Printed are all figures that are not in a closed run, on white and as wide as paper; then each as it is seen again.
addEventListener("beforeprint", () => {
  printing = true;
  recolour();
  plots.filter((plot) => plot.checkVisibility()).forEach(draw);
});
addEventListener("afterprint", () => {
  printing = false;
  for (const plot of drawn.keys()) {
    window.Plotly.purge(plot);
    delete plot.dataset.state;
    seen.observe(plot);
  }
  drawn.clear();
});
document.getElementById("print").addEventListener("click", () => print());
reveal();

// Plots over time.
import { html, useEffect, useRef, useState } from "./html.js";
import uPlot from "./vendor/uplot.mjs";
import { boardPath, get } from "./api.js";
import { language, t } from "./i18n.js";
import { useStore } from "./store.js";

const STAGES = ["wait", "ai2d", "kpu", "decode", "publish", "gc", "idle"];
const INK = ["#2a78b8", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9", "#8a949b"];
const PLOTS = [
  { id: "fps", names: ["fps"], unit: "/s" },
  { id: "latency", names: ["latency_ms"], unit: "ms" },
  { id: "stages", names: STAGES.map((name) => `${name}_ms`), unit: "ms" },
  { id: "heap", names: ["heap_kb"], unit: "MB", of: 1024 },
];

export function Figures({ board }) {
  const store = useStore();
  const [span, setSpan] = useState("recent");
  const [rows, setRows] = useState([]);
  useEffect(() => {
    let there = true;
    get(boardPath(board.id, `/figures?span=${span}`)).then((found) => there && setRows(found.rows), () => {});
    return () => { there = false; };
  }, [board.id, span, store.link]);
  const last = rows[rows.length - 1]?.t || 0;
  const live = span === "recent" ? (store.figures.get(board.id) || []).filter((row) => row.t > last) : [];
  const all = [...rows, ...live].slice(-1500);
  return html`<div class="stack"><div class="chips filter" role="group" aria-label=${t("figures.span")}>
    ${["recent", "day"].map((name) => html`<button type="button" class="chip" aria-pressed=${String(span === name)} onClick=${() => setSpan(name)}>${t(`figures.${name}`)}</button>`)}</div>
    ${PLOTS.map((plot) => html`<section class="card" key=${plot.id}><h2>${t(`plot.${plot.id}`)}</h2><${Plot} plot=${plot} rows=${all} /></section>`)}</div>`;
}

const scaled = (value, plot) => (value == null ? null : value / (plot.of || 1));

// Marks of the time axis, as the list of events has its times.
function clock(_, marks) {
  const fine = marks.length > 1 && marks[1] - marks[0] < 60;
  const form = new Intl.DateTimeFormat(language(), { hour: "2-digit", minute: "2-digit", ...(fine && { second: "2-digit" }), hourCycle: "h23" });
  return marks.map((mark) => form.format(new Date(1000 * mark)));
}

function Plot({ plot, rows }) {
  const place = useRef(null);
  const chart = useRef(null);
  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--quiet").trim();
    const axis = { stroke: ink, grid: { stroke: style.getPropertyValue("--line").trim(), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const made = new uPlot({
      width: Math.max(200, place.current.clientWidth), height: 150, padding: [8, 8, 8, 0],
      cursor: { drag: { x: false, y: false } }, legend: { show: plot.names.length > 1, live: false },
      scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.1] } },
      axes: [{ ...axis, values: clock }, { ...axis, size: 52, values: (_, values) => values.map((v) => `${+v.toFixed(2)} ${plot.unit}`) }],
      series: [{}, ...plot.names.map((name, i) => ({ label: name.replace(/_ms$/, ""), stroke: INK[i], width: 2, spanGaps: true, points: { show: false } }))],
    }, [[], ...plot.names.map(() => [])], place.current);
    chart.current = made;
    const watcher = new ResizeObserver(() => place.current && made.setSize({ width: Math.max(200, place.current.clientWidth), height: 150 }));
    watcher.observe(place.current);
    return () => { watcher.disconnect(); made.destroy(); };
  }, [document.documentElement.dataset.theme]);
  useEffect(() => {
    chart.current?.setData([rows.map((row) => row.t), ...plot.names.map((name) => rows.map((row) => scaled(row[name], plot)))]);
  });
  const values = rows.map((row) => row[plot.names[0]]).filter((v) => v != null);
  const newest = values[values.length - 1];
  return html`<div ref=${place} class="plot" role="img" aria-label=${`${t(`plot.${plot.id}`)}: ${newest == null ? "–" : +scaled(newest, plot).toFixed(2)} ${plot.unit}`}></div>`;
}

// A small line of the last values.
export function Spark({ rows, name, label }) {
  const values = rows.slice(-60).map((row) => row[name]).filter((v) => v != null);
  if (values.length < 2) return html`<svg class="spark" viewBox="0 0 100 24" aria-hidden="true"></svg>`;
  const top = Math.max(...values, 1e-9) * 1.1;
  const points = values.map((v, i) => `${((100 * i) / (values.length - 1)).toFixed(1)},${(23 - (22 * v) / top).toFixed(1)}`).join(" ");
  return html`<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" role="img" aria-label=${label}><polyline points=${points} /></svg>`;
}

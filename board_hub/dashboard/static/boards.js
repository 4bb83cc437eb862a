// All boards at a glance.
import { html } from "./html.js";
import { t } from "./i18n.js";
import { Spark } from "./figures.js";
import { Empty, State } from "./parts.js";

export function Boards({ store }) {
  const boards = store.order.map((id) => store.boards.get(id)).filter(Boolean);
  if (!boards.length) return html`<main id="main" class="page"><h1>${t("boards")}</h1><${Empty}>${t("boards.none")}<//></main>`;
  const groups = [...new Set(boards.map((board) => board.group || ""))].sort();
  return html`<main id="main" class="page"><h1>${t("boards")} <small class="quiet">${boards.length}</small></h1>
    <p><a href="status">${t("hub")}</a></p>
    ${groups.map((group) => html`<section key=${group}>${group && html`<h2>${group}</h2>`}<ul class="grid">
      ${boards.filter((board) => (board.group || "") === group).map((board) => html`<${Card} key=${board.id} board=${board} rows=${store.figures.get(board.id) || []} />`)}</ul></section>`)}</main>`;
}

function Card({ board, rows }) {
  const s = board.status || {};
  const f = board.figures || {};
  const facts = [
    [t("figure.fps"), f.fps == null ? "–" : f.fps.toFixed(1)],
    [t("figure.latency"), f.latency_ms == null ? "–" : `${Math.round(f.latency_ms)} ms`],
    [t("figure.dropped"), f.dropped ?? "–"],
    [t("health.temperature"), s.temperature_c == null ? "–" : `${s.temperature_c} °C`],
    [t("health.heap"), s.heap_free_bytes == null ? "–" : `${Math.round((100 * s.heap_used_bytes) / (s.heap_used_bytes + s.heap_free_bytes))}%`],
    [t("health.version"), s.version || "–"],
  ];
  return html`<li class="card board"><header><h2><a href=${`#/board/${encodeURIComponent(board.id)}/now`}>${board.board_name || board.id}</a></h2><${State} board=${board} /></header>
    <p class="quiet">${board.model?.task_name || s.task || "–"} · ${board.model?.model || s.model || ""}</p>
    <${Spark} rows=${rows} name="fps" label=${t("figure.fps")} />
    <dl class="facts grid3">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${board.state !== "connected" && html`<p class="warn-text small">${board.reason}</p>`}
    ${(s.problems || []).slice(0, 2).map((p) => html`<p class="warn-text small">${p.text}</p>`)}</li>`;
}

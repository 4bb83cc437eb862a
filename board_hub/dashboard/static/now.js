// What is seen now, as a list that a screen reader can read too.
import { html } from "./html.js";
import { answersOf, colourOf, objectsOf } from "./draw.js";
import { t } from "./i18n.js";
import { Empty } from "./parts.js";

export function Now({ result, picked, onPick }) {
  const words = { unknown: t("unknown"), undecided: t("undecided") };
  const objects = objectsOf(result, words);
  const answers = answersOf(result, words);
  if (!result) return html`<${Empty}>${t("now.none")}<//>`;
  const counts = new Map();
  for (const o of objects) counts.set(o.label, (counts.get(o.label) || 0) + 1);
  const repeated = 2 * counts.size <= objects.length; // else the list below says it all
  const rows = objects.length ? objects : answers;
  return html`<div class="now">
    ${repeated && html`<ul class="chips" aria-label=${t("now.counts")}>${[...counts].map(([label, n]) => html`<li><b>${n}</b> ${label || "–"}</li>`)}</ul>`}
    ${!rows.length && html`<${Empty}>${t("now.nothing")}<//>`}
    <ul class="found">${rows.slice(0, 100).map((o) => html`<li class=${picked && o.box && picked.track === o.track && picked.label === o.label && (o.track != null || picked === o) ? "picked" : ""}>
      <i class="swatch" style=${{ background: o.unknown ? "#b9c2c9" : colourOf(o.classId ?? -1) }}></i>
      ${o.box && onPick
        ? html`<button type="button" class="link name" onClick=${() => onPick(o)}>${o.track != null ? `#${o.track} ` : ""}${o.label || "–"}</button>`
        : html`<span class="name">${o.label || "–"}</span>`}
      ${o.score != null && html`<meter min="0" max="1" value=${Math.max(0, o.score)} aria-label=${t("score")}></meter><span class="number">${(100 * o.score).toFixed(1)}%</span>`}
    </li>`)}</ul>
    <p class="quiet small">${t("now.frame", { seq: result.seq, model: result.model })}</p></div>`;
}

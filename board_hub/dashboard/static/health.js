// How a board is, and starting it anew.
import { html, useState } from "./html.js";
import { boardPath, post } from "./api.js";
import { language, t } from "./i18n.js";
import { Button, Confirm, useWork } from "./parts.js";
import { mayChange, toast } from "./store.js";

const kb = (v) => (v == null ? null : v > 10 << 20 ? `${(v / 1048576).toFixed(0)} MB` : `${Math.round(v / 1024)} kB`);

const count = (n) => (n == null ? "–" : new Intl.NumberFormat(language()).format(n));

export function duration(ms) {
  if (ms == null) return null;
  const s = Math.floor(ms / 1000);
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return t("time.days", { d, h });
  if (h) return t("time.hours", { h, m });
  return m ? t("time.minutes", { m, s: s % 60 }) : t("time.seconds", { s });
}

export function Health({ board }) {
  const [asking, setAsking] = useState(false);
  const [busy, work] = useWork();
  const s = board.status || {};
  const network = s.network || {};
  const rows = [
    [t("health.address"), board.url], [t("health.id"), board.board_id], [t("health.type"), s.board_type],
    [t("health.version"), s.version], [t("health.firmware"), s.firmware], [t("health.uptime"), duration(s.uptime_ms)],
    [t("health.restart"), s.restart_reason?.text], [t("health.starts"), s.starts],
    [t("health.temperature"), s.temperature_c == null ? null : `${s.temperature_c} °C`],
    [t("health.heap"), s.heap_free_bytes == null ? null : t("health.free", { used: kb(s.heap_used_bytes), free: kb(s.heap_free_bytes) })],
    [t("health.media"), kb(s.memory?.media_free_bytes)], [t("health.card"), kb(s.card_free_bytes)],
    [t("health.network"), network.interface && [network.interface, network.address, network.signal_dbm != null ? `${network.signal_dbm} dBm` : ""].filter(Boolean).join(", ")],
    [t("health.frames"), s.processed == null ? null : t("health.framestext", { processed: count(s.processed), skipped: count(s.skipped) })],
    [t("health.clients"), s.clients?.length],
  ].filter(([, value]) => value != null && value !== "");
  const restart = () => work(async () => {
    await post(boardPath(board.id, "/restart"));
    toast(t("health.restarting"));
  });
  return html`<div class="stack">
    ${(s.problems || []).map((p) => html`<section class="card bad"><b>${t("health.problem")}</b><p>${p.text}</p></section>`)}
    <section class="card"><h2>${t("tab.board")}</h2><dl class="table">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>
    <section class="card"><h2>${t("health.streams")}</h2><p class="quiet small">${t("health.streamstext")}</p>
      <ul class="links">${["stream.mjpg", "snapshot.jpg"].map((name) => html`<li><a href=${`${encodeURIComponent(board.id)}/${name}`} target="_blank" rel="noreferrer">${`${encodeURIComponent(board.id)}/${name}`}</a></li>`)}</ul></section>
    ${mayChange() && html`<section class="card"><h2>${t("health.again")}</h2><p class="quiet">${t("health.againtext")}</p>
      <${Button} kind="danger" label=${t("health.go")} disabled=${busy || board.state !== "connected"} onClick=${() => setAsking(true)} /></section>`}
    ${asking && html`<${Confirm} title=${t("health.again")} text=${t("health.againtext")} action=${t("health.go")} onClose=${() => setAsking(false)} onYes=${restart} />`}</div>`;
}

// What happened, newest first, with pictures; older ones are asked for page by page.
import { html, useEffect, useMemo, useState } from "./html.js";
import { boardPath, get } from "./api.js";
import { has, language, t } from "./i18n.js";
import { Button, Dialog, Empty, useWork } from "./parts.js";
import { state } from "./store.js";

const PAGE = 100;
const OLDER = 500;
const SHOWN = 3000;
const CLOCK = { timeStyle: "medium", hourCycle: "h23" };
const KINDS = { track: "eye", zone: "zone", line: "line", problem: "bad", solved: "good", link: "net", board: "net" };

export function Events({ board, live }) {
  const [kinds, setKinds] = useState([]);
  const [text, setText] = useState("");
  const [rows, setRows] = useState([]);
  const [more, setMore] = useState(null);
  const [all, setAll] = useState([]);
  const [open, setOpen] = useState(null);
  const [busy, work] = useWork();
  const ask = (before) => {
    const query = new URLSearchParams({ limit: before ? OLDER : PAGE, kinds: kinds.join(","), text });
    if (before) query.set("before", before);
    return get(boardPath(board.id, `/events?${query}`));
  };
  useEffect(() => {
    let there = true;
    const timer = setTimeout(() => {
      ask().then((found) => {
        if (!there) return;
        setRows(found.events);
        setMore(found.before);
        setAll(found.kinds);
      }, () => {});
    }, text ? 250 : 0);
    return () => { there = false; clearTimeout(timer); };
  }, [board.id, kinds.join(), text, state.link]);
  const newest = rows[0]?.n || 0;
  const fresh = (live || []).filter((row) => row.n > newest && (!kinds.length || kinds.includes(row.kind)) && (!text || JSON.stringify(row).toLowerCase().includes(text.toLowerCase())));
  const shown = [...fresh, ...rows].slice(0, SHOWN);
  // The page keeps few of the newest: what is shown must not fall out between them and the pages.
  useEffect(() => {
    if (fresh.length >= PAGE) setRows(shown);
  }, [fresh.length]);
  const older = () => work(async () => {
    const found = await ask(more);
    setRows([...fresh, ...rows, ...found.events]);
    setMore(found.before);
  });
  const known = [...new Set([...all, ...fresh.map((row) => row.kind)])].sort();
  const toggle = (kind) => setKinds(kinds.includes(kind) ? kinds.filter((k) => k !== kind) : [...kinds, kind]);
  const pictures = state.pictures.get(board.id);
  // A row is made once, and the list is flat: neither figures nor an event make a day's rows again.
  const made = useMemo(() => new WeakMap(), [language(), board.id]);
  const timeline = useMemo(() => {
    let day = "";
    const clock = new Intl.DateTimeFormat(language(), CLOCK);
    const days = new Intl.DateTimeFormat(language(), { dateStyle: "medium" });
    return html`<ol class="timeline">${shown.flatMap((row) => {
      const date = new Date(1000 * row.t);
      const today = days.format(date);
      const head = today !== day ? [html`<li class="day" key=${`day ${today}`}>${today}</li>`] : [];
      day = today;
      const pictured = !!(row.picture || pictures?.has(row.n));
      const old = made.get(row);
      if (old?.pictured === pictured) return [...head, old.item];
      const item = html`<li key=${row.n} class=${`event ${KINDS[row.kind.split(".")[0]] || ""}`}>
        <time datetime=${date.toISOString()}>${clock.format(date)}</time>
        <div class="what"><b>${kindName(row.kind)}</b> <span>${describe(row)}</span></div>
        ${pictured && html`<button type="button" class="thumb" aria-label=${t("events.picture")} onClick=${() => setOpen(row)}><img loading="lazy" alt="" src=${picture(board, row)} /></button>`}</li>`;
      made.set(row, { pictured, item });
      return [...head, item];
    })}</ol>`;
  }, [rows, fresh.length, fresh[0]?.n, pictures?.size, language(), board.id]);
  return html`<div class="stack"><section class="card">
    <div class="row wrap"><label class="grow"><span class="hidden">${t("events.search")}</span><input type="search" value=${text} placeholder=${t("events.search")} onInput=${(e) => setText(e.target.value)} /></label></div>
    <div class="chips filter" role="group" aria-label=${t("events.kinds")}>${known.map((kind) => html`<button type="button" class="chip" aria-pressed=${String(kinds.includes(kind))} onClick=${() => toggle(kind)}>${kindName(kind)}</button>`)}</div></section>
    ${!shown.length && html`<${Empty}>${t("events.none")}<//>`}
    ${timeline}
    ${more && shown.length < SHOWN && html`<${Button} label=${busy ? "…" : t("events.older")} disabled=${busy} onClick=${older} />`}
    ${more && shown.length >= SHOWN && html`<p class="quiet small">${t("events.most", { n: SHOWN })}</p>`}
    ${open && html`<${Dialog} title=${`${kindName(open.kind)} ${describe(open)}`} onClose=${() => setOpen(null)}><img class="whole" alt=${t("events.picture")} src=${picture(board, open)} /><//>`}</div>`;
}

// The newest few, below the picture.
export function Latest({ board, rows, onMore }) {
  if (!rows?.length) return null;
  return html`<section class="card latest"><header class="row"><h2 class="grow">${t("events.latest")}</h2><button type="button" class="link small" onClick=${onMore}>${t("events.all")}</button></header>
    <ol class="timeline">${rows.slice(0, 6).map((row) => html`<li key=${row.n} class=${`event ${KINDS[row.kind.split(".")[0]] || ""}`}>
      <time datetime=${new Date(1000 * row.t).toISOString()}>${new Date(1000 * row.t).toLocaleTimeString(language(), CLOCK)}</time>
      <div class="what"><b>${kindName(row.kind)}</b> <span>${describe(row)}</span></div></li>`)}</ol></section>`;
}

const picture = (board, row) => `api/v1/${boardPath(board.id, `/events/${row.n}/picture.jpg`)}`;

export const kindName = (kind) => (has(`kind.${kind}`) ? t(`kind.${kind}`) : kind);

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

export function describe(row) {
  const d = row.details || {};
  const label = [d.label, d.track != null ? `#${d.track}` : "", d.identity, d.text && row.kind.startsWith("track") ? `“${d.text}”` : ""].filter(Boolean).join(" ");
  switch (row.kind) {
    case "zone.enter": return `${label} → ${d.zone}`;
    case "zone.leave": return `${label} ← ${d.zone}${d.dwell_ms != null ? ` (${seconds(d.dwell_ms)})` : ""}`;
    case "line.cross": return `${label} ${d.direction === "in" ? "▲" : "▼"} ${d.line} (▲ ${d.in} ▼ ${d.out})`;
    case "track.new": return label;
    case "track.update": return label;
    case "track.end": return `${label}${d.first_ms != null && d.last_ms != null ? ` (${seconds(d.last_ms - d.first_ms)})` : ""}`;
    case "state.change": return `${d.name}: ${show(d.before)} → ${show(d.value)}`;
    case "count": return [d.name, d.label, d.count ?? `▲ ${d.in} ▼ ${d.out}`].filter((x) => x != null).join(" ");
    case "switched": return d.task || "";
    case "problem": return d.text || d.code || "";
    case "solved": return d.code || "";
    case "gallery": return [d.action, d.label].filter(Boolean).join(" ");
    default: {
      if (d.reason) return String(d.reason);
      return [d.by, Array.isArray(d.changed) ? d.changed.join(", ") : ""].filter(Boolean).join(": ") || Object.entries(d).map(([k, v]) => `${k} ${typeof v === "object" ? JSON.stringify(v) : v}`).join(", ").slice(0, 160);
    }
  }
}

const show = (value) => (value === null ? "–" : String(value));

// The page: who looks, where one is, and what is shown there.
import { html, render, useEffect, useMemo, useRef, useState } from "./html.js";
import { get, post } from "./api.js";
import { LANGUAGES, language, setLanguage, t } from "./i18n.js";
import { Adjust } from "./adjust.js";
import { Boards } from "./boards.js";
import { Events, Latest } from "./events.js";
import { Figures } from "./figures.js";
import { Health } from "./health.js";
import { Identities } from "./identities.js";
import { Live } from "./live.js";
import { Log } from "./log.js";
import { Now } from "./now.js";
import { Packages } from "./packages.js";
import { Button, Progress, State, Tabs } from "./parts.js";
import { Login, People } from "./people.js";
import { countsOf, list, placed, regionOf, regionPoints, same, setting, shapesOf } from "./shapes.js";
import { changed, connect, mayChange, state, toast, useStore } from "./store.js";

const TABS = ["now", "adjust", "identities", "packages", "events", "figures", "log", "board"];

const route = () => location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);

function useRoute() {
  const [now, go] = useState(route);
  useEffect(() => {
    const listener = () => go(route());
    window.addEventListener("hashchange", listener);
    return () => window.removeEventListener("hashchange", listener);
  }, []);
  return now;
}

export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("k230-theme", theme);
  } catch {
    // a private window
  }
}

function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function App() {
  const store = useStore();
  const [place, id, tab] = useRoute();
  if (!store.me) return html`<p class="loading" role="status">${t("loading")}</p>`;
  if (!store.me.role) {
    return html`<${Login} onIn=${(me) => { state.me = { ...me, login: true }; changed(); connect(); }} />`;
  }
  const only = store.order.length === 1 ? store.order[0] : null;
  let page;
  if (place === "people" && store.me.login) page = html`<${People} />`;
  else if (place === "board" && store.boards.has(id)) page = html`<${BoardPage} key=${id} store=${store} board=${store.boards.get(id)} tab=${TABS.includes(tab) ? tab : "now"} />`;
  else if (place !== "boards" && only) page = html`<${BoardPage} key=${only} store=${store} board=${store.boards.get(only)} tab="now" />`;
  else page = html`<${Boards} store=${store} />`;
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>${t("skip")}</a>
    <${Header} store=${store} place=${place} />
    ${store.link === "closed" && html`<p class="banner" role="status">${t("link.closed")}</p>`}
    ${page}
    <div class="toasts" role="status" aria-live="polite">${store.toasts.map((row) => html`<p key=${row.n} class=${`toast ${row.kind}`}>${row.text}</p>`)}</div>`;
}

function Header({ store, place }) {
  const dark = document.documentElement.dataset.theme === "dark";
  const [, redraw] = useState(0);
  const out = async () => {
    await post("logout").catch(() => {});
    location.reload();
  };
  return html`<header class="top"><a class="brand" href="#/"><img src="static/icon.svg" alt="" width="28" height="28" /><span>K230</span></a>
    <nav aria-label=${t("nav")}><a href="#/boards" aria-current=${place === "boards" ? "page" : null}>${t("boards")}</a>
      ${store.me.login && html`<a href="#/people" aria-current=${place === "people" ? "page" : null}>${t("people")}</a>`}</nav>
    <span class="grow"></span>
    <label class="language"><span class="hidden">Language 语言</span><select value=${language()} onChange=${(e) => { setLanguage(e.target.value); changed(); }}>
      ${Object.entries(LANGUAGES).map(([code, name]) => html`<option value=${code} lang=${code}>${name}</option>`)}</select></label>
    <${Button} icon=${dark ? "sun" : "moon"} label=${t(dark ? "theme.light" : "theme.dark")} showLabel=${false} onClick=${() => { setTheme(dark ? "light" : "dark"); redraw((n) => n + 1); changed(); }} />
    ${store.me.login && html`<span class="who"><span class="quiet">${store.me.name}</span><${Button} label=${t("logout")} onClick=${out} /></span>`}</header>`;
}

function BoardPage({ store, board, tab }) {
  const stage = useRef(null);
  const [tool, useTool] = useState(null);
  const [picked, pick] = useState(null);
  const [area, setArea] = useState(null);
  const [result, setResult] = useState(null);
  const events = store.events.get(board.id);
  const frame = result?.width ? [result.width, result.height] : [1280, 720];
  const counts = useMemo(() => countsOf(events), [events?.[0]?.n, events?.length]);
  const region = regionOf(board);
  const drawn = JSON.stringify([setting(board, "events.zones")?.value, setting(board, "events.lines")?.value, region, area, counts, frame, tab]);
  const shapes = useMemo(() => {
    const rows = shapesOf(board, frame, counts).map((shape) => ({
      ...shape, active: tab === "adjust" && mayChange(),
      changed: (points) => {
        const name = `events.${shape.kind}s`;
        const before = setting(board, name).value;
        const next = list(before).map((row, i) => (i === shape.index ? placed(shape.kind, row, points) : row));
        if (!same(next, before)) {
          post(`boards/${encodeURIComponent(board.id)}/set`, { changes: { [name]: next }, expect: { [name]: before } }).catch((e) => toast(e.message, "bad"));
        }
      },
    }));
    if (region) rows.unshift({ kind: "region", name: "", points: regionPoints(region) });
    if (area) rows.push({ kind: "enroll", name: t("id.areaname"), points: regionPoints(area) });
    return rows;
  }, [drawn, board.id]);
  const jobs = [...store.jobs.values()].filter((job) => job.board === board.id);
  const learns = board.model?.task === "metric_learning" || (board.tasks || []).some((task) => task.task === "metric_learning");
  const tabs = TABS.filter((name) => name !== "identities" || learns).map((name) => ({ id: name, label: t(`tab.${name}`), badge: name === "board" ? board.status?.problems?.length || null : null }));
  const galleries = (events || []).find((event) => event.kind === "gallery")?.n;
  const panels = {
    now: () => html`<${Now} result=${result} picked=${picked} onPick=${(o) => { pick(o); if (stage.current) { stage.current.picked = o; stage.current.redraw(); } }} />`,
    adjust: () => html`<${Adjust} ...${{ board, useTool, tool, frame, shapes }} />`,
    identities: () => html`<${Identities} ...${{ board, useTool, tool, picked, area, setArea, jobs }} changes=${galleries} />`,
    packages: () => html`<${Packages} board=${board} jobs=${jobs} />`,
    events: () => html`<${Events} board=${board} live=${events} />`,
    figures: () => html`<${Figures} board=${board} />`,
    log: () => html`<${Log} board=${board} lines=${store.logs.get(board.id) || []} />`,
    board: () => html`<${Health} board=${board} />`,
  };
  const others = jobs.filter((job) => !(job.by === store.me.name && ["enroll", "install", "verify"].includes(job.kind)));
  return html`<main id="main" class="board-page" tabindex="-1">
    <div class="title"><h1>${board.board_name || board.id}</h1><${State} board=${board} />
      ${store.order.length > 1 && html`<label class="grow pick"><span class="hidden">${t("boards")}</span><select value=${board.id} onChange=${(e) => { location.hash = `#/board/${encodeURIComponent(e.target.value)}/${tab}`; }}>
        ${store.order.map((other) => html`<option value=${other}>${store.boards.get(other)?.board_name || other}</option>`)}</select></label>`}</div>
    <div class="left"><${Live} board=${board} shapes=${shapes} tool=${tool} region=${region} stageRef=${stage} onPick=${(object, of) => { pick(object); if (of) setResult(of); }} onResult=${setResult} />
      ${others.map((job) => html`<section class="card" key=${job.job}><${Progress} job=${job} /><small class="quiet">${t("job.by", { name: job.by })}</small></section>`)}
      ${tab !== "events" && html`<${Latest} board=${board} rows=${events} onMore=${() => { location.hash = `#/board/${encodeURIComponent(board.id)}/events`; }} />`}</div>
    <div class="right"><${Tabs} tabs=${tabs} current=${tab} label=${t("board.parts")} onSelect=${(next) => { useTool(null); location.hash = `#/board/${encodeURIComponent(board.id)}/${next}`; }} />
      <div id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`} tabindex="0">${panels[tab]()}</div></div></main>`;
}

async function begin() {
  setTheme(kept("k230-theme") || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  setLanguage(kept("k230-language") || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"), false);
  const ticket = /^#ticket=([\w-]+)$/.exec(location.hash);
  if (ticket) {
    history.replaceState(null, "", location.pathname);
    await post("login", { ticket: ticket[1] }).catch((error) => toast(error.message, "bad"));
  }
  try {
    state.me = await get("me");
  } catch (error) {
    toast(error.message, "bad");
    setTimeout(begin, 2000);
    return;
  }
  changed();
  if (state.me.role) connect();
}

const root = document.getElementById("app");
root.textContent = "";
render(html`<${App} />`, root);
begin();

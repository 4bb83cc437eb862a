// Switching tasks and changing settings while they are in force.
import { html, useEffect, useRef, useState } from "./html.js";
import { boardPath, post } from "./api.js";
import { has, t } from "./i18n.js";
import { Button, Dialog, Empty, Field, Icon, useWork } from "./parts.js";
import { list, placed, rectangle, regionOf, same, setting } from "./shapes.js";
import { mayChange, toast } from "./store.js";

const DRAWN = new Set(["region", "events.zones", "events.lines"]);

export function Adjust({ board, useTool, tool, frame, shapes }) {
  const settings = board.settings || [];
  const mine = settings.filter((row) => row.task && row.live && !DRAWN.has(row.name) && editable(row));
  const service = settings.filter((row) => !row.task && row.live && editable(row));
  const changed = settings.filter((row) => row.live && !same(row.value, row.file));
  return html`<div class="stack">
    <${Task} board=${board} />
    ${changed.length > 0 && html`<${Changes} board=${board} changed=${changed} />`}
    <section class="card"><h2>${t("adjust.task")}</h2>
      ${mine.length ? mine.map((row) => html`<${Setting} key=${row.name} board=${board} row=${row} />`) : html`<${Empty}>${t("adjust.none")}<//>`}
    </section>
    <${Drawing} ...${{ board, useTool, tool, frame, shapes }} />
    ${service.length > 0 && html`<details class="card"><summary><h2>${t("adjust.service")}</h2></summary>
      ${service.map((row) => html`<${Setting} key=${row.name} board=${board} row=${row} />`)}</details>`}
  </div>`;
}

const editable = (row) => ["number", "integer", "boolean", "choice"].includes(row.kind) && !row.secret;

function Task({ board }) {
  const tasks = board.tasks || [];
  const active = tasks.find((task) => task.active)?.name || "";
  const [chosen, choose] = useState("");
  const [busy, work] = useWork();
  const task = chosen || active;
  const problem = tasks.find((row) => row.name === task)?.problem;
  const go = () => work(async () => {
    await post(boardPath(board.id, "/switch"), { task });
    choose("");
    toast(t("adjust.switched", { task }));
  });
  return html`<section class="card"><h2>${t("adjust.switch")}</h2>
    <div class="row"><${Field} label=${t("task")}><select value=${task} disabled=${!mayChange() || busy} onChange=${(e) => choose(e.target.value)}>
      ${tasks.map((row) => html`<option value=${row.name}>${row.name}${row.active ? ` (${t("adjust.running")})` : ""}${row.problem ? " ⚠" : ""}</option>`)}</select><//>
    <${Button} kind="primary" label=${busy ? t("adjust.switching") : t("adjust.go")} disabled=${!mayChange() || busy || !task || task === active} onClick=${go} /></div>
    ${problem && html`<p class="warn-text">${problem}</p>`}</section>`;
}

function Changes({ board, changed }) {
  const [busy, work] = useWork();
  const send = (what) => work(async () => {
    await post(boardPath(board.id, `/${what}`), { names: changed.map((row) => row.name) });
    toast(t(`adjust.${what}.done`));
  });
  return html`<section class="card accent" aria-live="polite"><p><b>${t("adjust.changed", { n: changed.length })}</b> <span class="quiet">${changed.map((row) => row.name).join(", ")}</span></p>
    ${mayChange() && html`<div class="row"><${Button} kind="primary" icon="check" label=${t("adjust.keep")} disabled=${busy} onClick=${() => send("keep")} />
    <${Button} label=${t("adjust.forget")} disabled=${busy} onClick=${() => send("forget")} /></div>`}</section>`;
}

const nice = (name) => (has(`setting.${name}`) ? t(`setting.${name}`) : name);

// One change at a time is on its way; of those that come meanwhile the newest is sent next.
function useSending(board, name) {
  const queue = useRef({ busy: false, next: undefined });
  const [error, fail] = useState("");
  const send = async (value) => {
    const q = queue.current;
    q.next = { value };
    if (q.busy) return;
    q.busy = true;
    try {
      while (q.next) {
        const row = q.next;
        q.next = undefined;
        await post(boardPath(board.id, "/set"), { changes: { [name]: row.value } });
      }
      fail("");
    } catch (problem) {
      q.next = undefined;
      fail(problem.message);
    } finally {
      q.busy = false;
    }
  };
  return [send, error];
}

function Setting({ board, row }) {
  const [send, error] = useSending(board, row.name);
  const [local, setLocal] = useState(null); // while a hand is on the slider
  const disabled = !mayChange() || board.state !== "connected";
  const value = local === null ? row.value : local;
  const id = `setting-${row.name.replace(/\W/g, "-")}`;
  useEffect(() => {
    if (local === null) return undefined;
    const timer = setTimeout(() => setLocal(null), 1500);
    return () => clearTimeout(timer);
  }, [local]);
  const set = (next) => {
    setLocal(next);
    send(next);
  };
  const changed = !same(row.value, row.file);
  const label = html`<label for=${id} title=${row.text}>${nice(row.name)}${changed && html`<span class="dot" title=${t("adjust.differs")}></span>`}</label>`;
  let control;
  if (row.kind === "boolean") {
    control = html`<input id=${id} type="checkbox" role="switch" checked=${!!value} disabled=${disabled} onChange=${(e) => set(e.target.checked)} />`;
  } else if (row.kind === "choice") {
    control = html`<select id=${id} disabled=${disabled} value=${value ?? ""} onChange=${(e) => set(e.target.value || null)}>
      ${row.default === null && html`<option value="">${t("adjust.package")}</option>`}
      ${row.choices.map((choice) => html`<option value=${choice}>${choice}</option>`)}</select>`;
  } else {
    const step = row.kind === "number" ? (row.high - row.low <= 2 ? 0.01 : 0.5) : row.step || 1;
    const text = value === null ? t("adjust.package") : `${row.kind === "number" ? Number(value).toFixed(step < 0.1 ? 2 : 1) : value}${row.unit ? ` ${row.unit}` : ""}`;
    control = html`<div class="slider"><input id=${id} type="range" min=${row.low} max=${row.high} step=${step} disabled=${disabled}
        value=${value === null ? (row.low + row.high) / 2 : value} aria-valuetext=${text} class=${value === null ? "unset" : ""}
        onInput=${(e) => set(row.kind === "number" ? Number(e.target.value) : Math.round(Number(e.target.value)))} />
      <output for=${id}>${text}</output>
      ${row.default === null && value !== null && html`<${Button} icon="close" label=${t("adjust.reset", { name: nice(row.name) })} showLabel=${false} disabled=${disabled} onClick=${() => set(null)} />`}</div>`;
  }
  return html`<div class="setting">${label}${control}${error && html`<p class="error" role="alert">${error}</p>`}</div>`;
}

function Drawing({ board, useTool, tool, frame, shapes }) {
  const [naming, setNaming] = useState(null);
  const [, work] = useWork();
  const region = regionOf(board);
  const places = ["zones", "lines"].map((kind) => [kind, setting(board, `events.${kind}`)]).filter(([, row]) => row);
  const can = mayChange() && board.state === "connected";
  const known = setting(board, "region");
  const change = (name, value, before, more = {}) => work(async () => {
    await post(boardPath(board.id, "/set"), { changes: { [name]: value, ...more }, expect: { [name]: before } });
    toast(t("adjust.drawn"));
  });
  const draw = (kind, shape, hint, done) => useTool({
    kind, shape, hint, done: (points) => { useTool(null); done(points); }, cancel: () => useTool(null),
  });
  const drawRegion = () => draw("rectangle", "region", t("draw.rectangle"), (points) => {
    const [x, y, width, height] = rectangle(points);
    change("region", { x, y, width, height }, known.value);
  });
  const drawPlace = (kind) => draw(kind === "zones" ? "polygon" : "line", null, t(`draw.${kind}`), (points) => setNaming({ kind, points }));
  const add = (kind, row) => {
    const before = setting(board, `events.${kind}`).value;
    // Zones and lines are looked at only where events are on.
    change(`events.${kind}`, [...list(before), row], before, { "events.enabled": true });
  };
  const remove = (kind, index) => {
    const before = setting(board, `events.${kind}`).value;
    change(`events.${kind}`, list(before).filter((_, i) => i !== index), before);
  };
  if (!known && !places.length) return null;
  return html`<section class="card"><h2>${t("draw.title")}</h2>
    <div class="row wrap">
      ${known && html`<${Button} icon="region" label=${t("draw.region")} disabled=${!can} pressed=${tool?.shape === "region"} onClick=${drawRegion} />`}
      ${places.map(([kind]) => html`<${Button} icon=${kind === "zones" ? "zone" : "line"} label=${t(`draw.add.${kind}`)} disabled=${!can} onClick=${() => drawPlace(kind)} />`)}
      ${tool && html`<${Button} label=${t("cancel")} onClick=${() => useTool(null)} />`}
    </div>
    <ul class="places">
      ${region && html`<li><${Icon} name="region" /><span class="name">${t("draw.regionname")}</span><code>${region.join(", ")}</code>
        <${Button} icon="trash" label=${t("draw.wholeframe")} showLabel=${false} disabled=${!can} onClick=${() => change("region", null, known.value)} /></li>`}
      ${places.flatMap(([kind, row]) => list(row.value).map((place, index) => html`<li><${Icon} name=${kind === "zones" ? "zone" : "line"} /><span class="name">${place.name}</span>
        <span class="quiet count">${countIn(shapes, kind, index)}</span>
        <${Button} icon="trash" label=${t("remove.what", { name: place.name })} showLabel=${false} disabled=${!can} onClick=${() => remove(kind, index)} /></li>`))}
    </ul>
    ${naming && html`<${Naming} naming=${naming} board=${board} frame=${frame} onClose=${() => setNaming(null)} onDone=${(row) => { setNaming(null); add(naming.kind, row); }} />`}
  </section>`;
}

const countIn = (shapes, kind, index) => (shapes || []).find((shape) => `${shape.kind}s` === kind && shape.index === index)?.count || "";

function Naming({ naming, board, onClose, onDone }) {
  const taken = list(setting(board, `events.${naming.kind}`)?.value).map((row) => row.name);
  const [name, setName] = useState("");
  const [chosen, choose] = useState([]);
  const labels = board.model?.labels || [];
  const bad = !name.trim() || taken.includes(name.trim());
  const done = (event) => {
    event.preventDefault();
    if (bad) return;
    const row = placed(naming.kind === "lines" ? "line" : "zone", { name: name.trim() }, naming.points);
    if (chosen.length) row.labels = chosen;
    onDone(row);
  };
  return html`<${Dialog} title=${t(`draw.name.${naming.kind}`)} onClose=${onClose}><form class="stack" onSubmit=${done}>
    <${Field} label=${t("name")}><input value=${name} maxlength="32" autofocus onInput=${(e) => setName(e.target.value)} /><//>
    ${labels.length > 1 && labels.length <= 80 && html`<fieldset class="checks"><legend>${t("draw.labels")}</legend>${labels.map((label) => html`<label><input type="checkbox"
      checked=${chosen.includes(label)} onChange=${(e) => choose(e.target.checked ? [...chosen, label] : chosen.filter((x) => x !== label))} /> ${label}</label>`)}</fieldset>`}
    ${taken.includes(name.trim()) && html`<p class="error">${t("draw.taken")}</p>`}
    <div class="row end"><${Button} label=${t("cancel")} onClick=${onClose} /><button class="button primary" disabled=${bad}>${t("save")}</button></div></form><//>`;
}

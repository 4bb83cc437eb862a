// Teaching identities from the live picture, and what has been taught.
import { html, useEffect, useState } from "./html.js";
import { boardPath, get, post } from "./api.js";
import { has, t } from "./i18n.js";
import { Button, Confirm, Dialog, Empty, Field, Progress, useWork } from "./parts.js";
import { rectangle, setting } from "./shapes.js";
import { mayChange, toast } from "./store.js";

export function Identities({ board, useTool, tool, picked, area, setArea, jobs, changes }) {
  const [gallery, setGallery] = useState(null);
  const [error, setError] = useState("");
  const [count, again] = useState(0);
  const load = () => again((n) => n + 1);
  const running = board.model?.task === "metric_learning";
  useEffect(() => {
    let there = true;
    if (running) {
      get(boardPath(board.id, "/gallery")).then(
        (found) => there && (setGallery(found), setError("")),
        (problem) => there && setError(problem.message),
      );
    }
    return () => { there = false; };
  }, [board.id, running, count, changes, board.model?.generation]);
  if (!running) return html`<${NotRunning} board=${board} />`;
  return html`<div class="stack">
    <${Enroll} ...${{ board, useTool, tool, picked, area, setArea, jobs, load }} />
    ${error && html`<p class="error" role="alert">${error}</p>`}
    ${gallery && html`<${Gallery} board=${board} gallery=${gallery} load=${load} />`}
    ${gallery && gallery.samples > 1 && html`<${Suggest} board=${board} gallery=${gallery} />`}
  </div>`;
}

function NotRunning({ board }) {
  const [busy, work] = useWork();
  const task = (board.tasks || []).find((row) => row.task === "metric_learning" && !row.problem);
  return html`<section class="card"><h2>${t("id.title")}</h2><p>${t("id.other")}</p>
    ${task && mayChange() && html`<${Button} kind="primary" disabled=${busy} label=${t("id.switch", { task: task.name })}
      onClick=${() => work(() => post(boardPath(board.id, "/switch"), { task: task.name }))} />`}
    ${!task && html`<p class="quiet">${t("id.notask")}</p>`}</section>`;
}

const why = (reason) => (has(`refused.${reason}`) ? t(`refused.${reason}`) : reason);

function Enroll({ board, useTool, tool, picked, area, setArea, jobs, load }) {
  const [label, setLabel] = useState("");
  const [frames, setFrames] = useState(5);
  const [negative, setNegative] = useState(false);
  const [outcome, setOutcome] = useState(null);
  const [seen, setSeen] = useState(null);
  const [busy, work] = useWork();
  const job = jobs.find((row) => row.kind === "enroll");
  const can = mayChange() && board.state === "connected";
  const draw = () => useTool({
    kind: "rectangle", shape: "enroll", hint: t("draw.rectangle"),
    done: (points) => { useTool(null); setArea(rectangle(points)); }, cancel: () => useTool(null),
  });
  const usePicked = () => setArea(picked.box.map((v) => Math.max(0, Math.round(v))));
  const go = (event) => {
    event.preventDefault();
    work(async () => {
      setOutcome(null);
      const found = await post(boardPath(board.id, "/enroll"), { label: label.trim(), frames, negative, region: area });
      setOutcome(found);
      toast(t("id.enrolled", { label: found.label, n: found.added.length }));
      load();
    });
  };
  const who = () => work(async () => setSeen(await post(boardPath(board.id, "/recognize"), { region: area })));
  return html`<section class="card"><h2>${t("id.teach")}</h2>
    <form class="stack" onSubmit=${go}>
      <fieldset class="steps"><legend>${t("id.where")}</legend><div class="row wrap">
        <${Button} icon="region" label=${t("id.draw")} disabled=${!can || busy} pressed=${tool?.shape === "enroll"} onClick=${draw} />
        <${Button} icon="boxes" label=${t("id.pick")} disabled=${!can || busy || !picked?.box} onClick=${usePicked} />
        ${area && html`<${Button} icon="close" label=${t("id.whole")} disabled=${busy} onClick=${() => setArea(null)} />`}</div>
        <small class="quiet">${area ? t("id.area", { area: area.join(", ") }) : t("id.noarea")}</small></fieldset>
      <div class="row"><${Field} label=${t("id.name")}><input value=${label} maxlength="64" required disabled=${!can || busy} placeholder=${t("id.example")} onInput=${(e) => setLabel(e.target.value)} /><//>
      <${Field} label=${t("id.frames")}><input class="short" type="number" min="1" max="100" value=${frames} disabled=${!can || busy} onInput=${(e) => setFrames(Number(e.target.value) || 1)} /><//></div>
      <label class="check"><input type="checkbox" checked=${negative} disabled=${!can || busy} onChange=${(e) => setNegative(e.target.checked)} /> ${t("id.negative")}</label>
      <div class="row"><button class="button primary" disabled=${!can || busy || !label.trim()}>${busy ? t("id.teaching") : t("id.go")}</button>
        <${Button} label=${t("id.who")} disabled=${!can || busy} onClick=${who} /></div>
    </form>
    <div aria-live="polite">
      ${job && html`<${Progress} job=${job} />`}
      ${outcome && html`<${Outcome} outcome=${outcome} />`}
      ${seen && html`<${Seen} seen=${seen} />`}
    </div></section>`;
}

function Outcome({ outcome }) {
  const refused = Object.entries(outcome.refused || {});
  return html`<div class="outcome"><p class="good-text"><b>${t("id.accepted", { n: outcome.added.length, of: outcome.frames_seen })}</b></p>
    ${refused.length > 0 && html`<ul>${refused.map(([reason, n]) => html`<li>${t("id.refused", { n })} ${why(reason)}</li>`)}</ul>`}
    ${(outcome.warnings || []).map((text) => html`<p class="warn-text">${text}</p>`)}</div>`;
}

function Seen({ seen }) {
  if (!seen.found.length) return html`<p>${t("now.nothing")}</p>`;
  return seen.found.map((row) => html`<div class="outcome"><p><b>${row.identity ?? t("unknown")}</b> ${row.reason ? html`<span class="quiet">${why(row.reason)}</span>` : ""}</p>
    <ul class="found">${row.matches.map((m) => html`<li><span class="name">${m.label}</span><meter min="0" max="1" value=${Math.max(0, m.score)}></meter><span class="number">${m.score.toFixed(3)}</span></li>`)}</ul></div>`);
}

function Gallery({ board, gallery, load }) {
  const [open, setOpen] = useState(null);
  const [removing, setRemoving] = useState(null);
  const [renaming, setRenaming] = useState(null);
  const [, work] = useWork();
  const act = (what, row) => work(async () => {
    await post(boardPath(board.id, `/gallery/${what}`), row);
    load();
  });
  return html`<section class="card"><h2>${t("id.gallery")}${gallery.selected ? html` <small class="quiet">${gallery.selected}</small>` : null}</h2>
    ${gallery.problem && html`<p class="warn-text">${gallery.problem}</p>`}
    ${Object.keys(gallery.galleries || {}).length > 1 && html`<${Field} label=${t("id.select")}><select disabled=${!mayChange()} value=${gallery.selected ?? ""} onChange=${(e) => act("select", { name: e.target.value })}>
      ${Object.entries(gallery.galleries).map(([name, n]) => html`<option value=${name}>${name} (${n})</option>`)}</select><//>`}
    ${!gallery.labels.length && html`<${Empty}>${t("id.empty")}<//>`}
    ${gallery.labels.length > 0 && html`<div class="scroll"><table><thead><tr><th scope="col">${t("name")}</th><th scope="col" class="number">${t("id.samples")}</th><th scope="col"><span class="hidden">${t("actions")}</span></th></tr></thead>
      <tbody>${gallery.labels.map((row) => html`<tr key=${row.label}><th scope="row"><button type="button" class="link" onClick=${() => setOpen(row.label)}>${row.label}</button></th>
        <td class="number">${row.samples}${row.negatives ? ` − ${row.negatives}` : ""}</td>
        <td class="actions"><${Button} icon="edit" label=${t("rename.what", { name: row.label })} showLabel=${false} disabled=${!mayChange()} onClick=${() => setRenaming(row.label)} />
        <${Button} icon="trash" label=${t("remove.what", { name: row.label })} showLabel=${false} disabled=${!mayChange()} onClick=${() => setRemoving(row.label)} /></td></tr>`)}</tbody></table></div>`}
    <p class="quiet small">${t("id.rule", { threshold: gallery.threshold.toFixed(3), margin: gallery.margin.toFixed(3), n: gallery.samples, of: gallery.capacity })}</p>
    ${open && html`<${Samples} board=${board} label=${open} onClose=${() => setOpen(null)} onRemove=${(sample) => act("remove", { sample })} />`}
    ${removing && html`<${Confirm} title=${t("remove.what", { name: removing })} text=${t("id.removetext")} action=${t("remove")} onClose=${() => setRemoving(null)} onYes=${() => act("remove", { label: removing })} />`}
    ${renaming && html`<${Rename} label=${renaming} onClose=${() => setRenaming(null)} onDone=${(to) => { setRenaming(null); act("rename", { label: renaming, to }); }} />`}
  </section>`;
}

function Rename({ label, onClose, onDone }) {
  const [name, setName] = useState(label);
  return html`<${Dialog} title=${t("rename.what", { name: label })} onClose=${onClose}><form class="stack" onSubmit=${(e) => { e.preventDefault(); if (name.trim()) onDone(name.trim()); }}>
    <${Field} label=${t("name")}><input value=${name} maxlength="64" autofocus onInput=${(e) => setName(e.target.value)} /><//>
    <div class="row end"><${Button} label=${t("cancel")} onClick=${onClose} /><button class="button primary" disabled=${!name.trim()}>${t("save")}</button></div></form><//>`;
}

function Samples({ board, label, onClose, onRemove }) {
  const [samples, setSamples] = useState(null);
  const [gone, setGone] = useState([]);
  useEffect(() => {
    get(boardPath(board.id, `/gallery/label?label=${encodeURIComponent(label)}`)).then((row) => setSamples(row.samples), (e) => toast(e.message, "bad"));
  }, [label]);
  const show = (v) => (v == null ? "–" : v.toFixed(3));
  return html`<${Dialog} title=${label} onClose=${onClose}>${!samples ? html`<p role="status">…</p>` : html`<div class="scroll tall"><table><thead><tr>
    <th scope="col">#</th><th scope="col" class="number">${t("id.own")}</th><th scope="col">${t("id.otherlabel")}</th><th scope="col" class="number">${t("id.otherscore")}</th><th></th></tr></thead>
    <tbody>${samples.filter((s) => !gone.includes(s.number)).map((s) => html`<tr key=${s.number}><th scope="row">${s.number}${s.negative ? " −" : ""}</th><td class="number">${show(s.own)}</td><td>${s.other_label ?? "–"}</td><td class="number">${show(s.other)}</td>
      <td class="actions"><${Button} icon="trash" label=${t("remove.what", { name: s.number })} showLabel=${false} disabled=${!mayChange()} onClick=${() => { setGone([...gone, s.number]); onRemove(s.number); }} /></td></tr>`)}</tbody></table></div>`}<//>`;
}

function Suggest({ board }) {
  const [found, setFound] = useState(null);
  const [busy, work] = useWork();
  const ask = () => work(async () => setFound(await post(boardPath(board.id, "/gallery/suggest"))));
  const use = () => work(async () => {
    await post(boardPath(board.id, "/set"), { changes: { confidence_threshold: Number(found.threshold.toFixed(4)) } });
    toast(t("id.thresholdset", { value: found.threshold.toFixed(3) }));
  });
  return html`<section class="card stack"><h2>${t("id.suggest")}</h2>
    ${found ? html`<${Histogram} found=${found} now=${setting(board, "confidence_threshold")?.value ?? found.current} />
      <p>${t("id.suggested", { value: found.threshold.toFixed(3), refused: found.refused, accepted: found.accepted })}</p>
      <div class="row">${mayChange() && html`<${Button} kind="primary" label=${t("id.use", { value: found.threshold.toFixed(3) })} disabled=${busy} onClick=${use} />`}
      <${Button} label=${t("id.again")} disabled=${busy} onClick=${ask} /></div>`
    : html`<p class="quiet">${t("id.suggesttext")}</p><${Button} label=${busy ? "…" : t("id.ask")} disabled=${busy || !mayChange()} onClick=${ask} />`}</section>`;
}

function Histogram({ found, now }) {
  const all = [...found.within, ...found.between, found.threshold, now];
  const low = Math.max(-1, Math.min(...all) - 0.03);
  const high = Math.min(1, Math.max(...all) + 0.03);
  const [w, h, bins] = [360, 130, 36];
  const x = (v) => ((v - low) / (high - low || 1)) * w;
  const bars = (values, name) => {
    const counts = new Array(bins).fill(0);
    for (const v of values) counts[Math.min(bins - 1, Math.max(0, Math.floor(((v - low) / (high - low || 1)) * bins)))] += 1;
    const top = Math.max(1, ...counts);
    return counts.map((n, i) => n > 0 && html`<rect class=${name} x=${(i * w) / bins} y=${h - (h * n) / top} width=${w / bins - 1} height=${(h * n) / top} />`);
  };
  return html`<figure class="histogram"><svg viewBox=${`-4 -14 ${w + 8} ${h + 32}`} role="img" aria-label=${t("id.plot", { value: found.threshold.toFixed(3) })}>
    ${bars(found.between, "between")}${bars(found.within, "within")}
    <line class="floor" x1="0" x2=${w} y1=${h} y2=${h} />
    <line class="now" x1=${x(now)} x2=${x(now)} y1="-4" y2=${h} /><line class="mark" x1=${x(found.threshold)} x2=${x(found.threshold)} y1="-4" y2=${h} />
    <text x="0" y=${h + 14}>${low.toFixed(2)}</text><text x=${w} y=${h + 14} text-anchor="end">${high.toFixed(2)}</text></svg>
    <figcaption><span class="key within">${t("id.within")} (${found.within.length})</span><span class="key between">${t("id.between")} (${found.between.length})</span><span class="key mark">${t("id.suggestedkey")}</span><span class="key now">${t("id.nowkey")}</span></figcaption></figure>`;
}

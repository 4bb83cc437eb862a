// Deployment packages: dropped here, tried on the server, then sent to the board.
import { html, useState } from "./html.js";
import { boardPath, post, upload } from "./api.js";
import { has, t } from "./i18n.js";
import { Button, Confirm, Empty, Progress, useWork } from "./parts.js";
import { mayChange, toast } from "./store.js";

const MB = 1048576;
const MOST = 64 * MB;

export function Packages({ board, jobs }) {
  const [over, setOver] = useState(false);
  const [step, setStep] = useState(null); // {name, phase, done, total, upload, task, verdict, installed}
  const [busy, work] = useWork();
  const [removing, setRemoving] = useState(null);
  const can = mayChange() && board.state === "connected";
  const take = (file) => work(async () => {
    if (!file) return;
    if (!/\.zip$/i.test(file.name) || file.size > MOST) {
      toast(t(file.size > MOST ? "pkg.large" : "pkg.zip"), "bad");
      return;
    }
    let now = { name: file.name, phase: "upload", done: 0, total: file.size };
    const next = (more) => setStep((now = { ...now, ...more }));
    next({});
    try {
      next({ ...(await upload(boardPath(board.id, `/packages?name=${encodeURIComponent(file.name)}`), file, (done, total) => next({ done, total }))), phase: "verify" });
      next({ verdict: await post(boardPath(board.id, "/packages/verify"), { upload: now.upload }), phase: "decide" });
    } catch (error) {
      next({ phase: "failed", error: error.message });
    }
  });
  const install = (replace = false) => work(async () => {
    const before = step;
    setStep({ ...before, phase: "install" });
    try {
      setStep({ ...before, installed: await post(boardPath(board.id, "/packages/install"), { upload: before.upload, replace }), phase: "done" });
    } catch (error) {
      setStep({ ...before, phase: error.code === "exists" ? "exists" : "failed", error: error.message });
    }
  });
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    if (can && !busy) take(event.dataTransfer.files[0]);
  };
  return html`<div class="stack">
    ${mayChange() && html`<section class=${`card drop ${over ? "over" : ""}`} onDragOver=${(e) => { e.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      <h2>${t("pkg.add")}</h2><p class="quiet">${t("pkg.drop")}</p>
      <label class=${`button ${can && !busy ? "" : "disabled"}`}>${t("pkg.choose")}<input class="hidden" type="file" accept=".zip,application/zip" disabled=${!can || busy} onChange=${(e) => { take(e.target.files[0]); e.target.value = ""; }} /></label>
      ${step && html`<${Step} step=${step} board=${board} jobs=${jobs} busy=${busy} install=${install} clear=${() => setStep(null)} />`}</section>`}
    <section class="card"><h2>${t("pkg.list")}</h2>
      ${!(board.packages || []).length && html`<${Empty}>${t("pkg.none")}<//>`}
      <ul class="places">${(board.packages || []).map((row) => html`<li key=${row.name}><span class="name">${row.name}<small class="quiet block">${[row.task, row.model, `${(row.size_bytes / MB).toFixed(1)} MB`].filter(Boolean).join(" · ")}</small>
        ${row.problem && html`<small class="warn-text block">${row.problem}</small>`}</span>${row.in_use && html`<span class="badge">${t("pkg.inuse")}</span>`}
        <${Button} icon="trash" label=${t("remove.what", { name: row.name })} showLabel=${false} disabled=${!can || row.in_use} onClick=${() => setRemoving(row.name)} /></li>`)}</ul></section>
    ${removing && html`<${Confirm} title=${t("remove.what", { name: removing })} text=${t("pkg.removetext")} action=${t("remove")} onClose=${() => setRemoving(null)}
      onYes=${() => work(() => post(boardPath(board.id, "/packages/remove"), { name: removing }))} />`}
  </div>`;
}

function Step({ step, board, jobs, busy, install, clear }) {
  const [, work] = useWork();
  const job = jobs.find((row) => row.kind === "install");
  const { verdict } = step;
  const good = verdict && verdict.trouble === "ok";
  return html`<div class="outcome" aria-live="polite"><p><b>${step.name}</b>${step.task ? html` <span class="quiet">${step.task}</span>` : null}</p>
    ${step.phase === "upload" && html`<${Progress} job=${{ kind: "upload", done: step.done, total: step.total }} />`}
    ${step.phase === "verify" && html`<${Progress} job=${{ kind: "verify" }} /><p class="quiet small">${t("pkg.trying")}</p>`}
    ${verdict && html`<p class=${good ? "good-text" : "warn-text"}><b>${has(`verdict.${verdict.trouble}`) ? t(`verdict.${verdict.trouble}`) : verdict.trouble}</b></p>
      <ul>${verdict.reasons.slice(0, 6).map((text) => html`<li>${text}</li>`)}</ul>`}
    ${step.phase === "decide" && html`<div class="row"><${Button} kind=${good ? "primary" : "danger"} label=${t(good ? "pkg.install" : "pkg.anyway")} disabled=${busy} onClick=${() => install(false)} /><${Button} label=${t("cancel")} onClick=${clear} /></div>`}
    ${step.phase === "exists" && html`<p class="warn-text">${step.error}</p><div class="row"><${Button} kind="danger" label=${t("pkg.replace")} disabled=${busy} onClick=${() => install(true)} /><${Button} label=${t("cancel")} onClick=${clear} /></div>`}
    ${step.phase === "install" && html`<${Progress} job=${job || { kind: "install" }} />`}
    ${step.phase === "failed" && html`<p class="error" role="alert">${step.error}</p><${Button} label=${t("close")} onClick=${clear} />`}
    ${step.phase === "done" && html`<p class="good-text">${t("pkg.done")}</p><div class="row wrap">${step.installed.tasks.map((task) => html`<${Button} kind="primary" label=${t("id.switch", { task })}
      onClick=${() => work(async () => { await post(boardPath(board.id, "/switch"), { task }); clear(); })} />`)}<${Button} label=${t("close")} onClick=${clear} /></div>`}</div>`;
}

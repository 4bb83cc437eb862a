// Small pieces that several pages use.
import { html, useEffect, useRef, useState } from "./html.js";
import { t } from "./i18n.js";
import { toast } from "./store.js";

const ICONS = {
  pause: "M8 5v14M16 5v14", play: "M7 5l12 7-12 7z", back: "M18 6l-8 6 8 6zM6 6v12", forward: "M6 6l8 6-8 6zM18 6v12",
  plus: "M12 5v14M5 12h14", minus: "M5 12h14", fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14", labels: "M4 5h9l7 7-7 7H4z", boxes: "M4 6h16v12H4z",
  trails: "M4 19c6 0 4-12 10-12M17 7h3M18.500 5.500v3", sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  moon: "M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10z", close: "M6 6l12 12M18 6L6 18", trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  edit: "M4 20l4-1L19 8l-3-3L5 16z", full: "M4 10V4h6M14 4h6v6M20 14v6h-6M10 20H4v-6", region: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4",
  camera: "M4 8h4l2-3h4l2 3h4v11H4zM12 10a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7",
  zone: "M5 8l8-4 7 7-5 9-10-3z", line: "M5 19L19 5M5 19h.01M19 5h.01", check: "M5 13l4 4L19 7",
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;

export function Button({ icon, label, pressed, onClick, kind = "", disabled, showLabel = true, ...rest }) {
  return html`<button type="button" class=${`button ${kind} ${showLabel ? "" : "only"}`} disabled=${disabled}
    aria-pressed=${pressed === undefined ? null : String(pressed)} aria-label=${showLabel ? null : label}
    title=${showLabel ? null : label} onClick=${onClick} ...${rest}>
    ${icon && html`<${Icon} name=${icon} />`}${showLabel && html`<span>${label}</span>`}</button>`;
}

// A button that works for a while: once at a time, and a failure is said.
export function useWork() {
  const [busy, setBusy] = useState(false);
  const there = useRef(true);
  useEffect(() => () => { there.current = false; }, []);
  const work = async (task) => {
    if (busy) return undefined;
    setBusy(true);
    try {
      return await task();
    } catch (error) {
      toast(error.message || String(error), "bad");
      return undefined;
    } finally {
      if (there.current) setBusy(false);
    }
  };
  return [busy, work];
}

// A question that has to be answered first, with the keyboard kept inside.
export function Dialog({ title, children, onClose }) {
  const ref = useRef(null);
  useEffect(() => {
    ref.current.showModal();
    return undefined;
  }, []);
  return html`<dialog ref=${ref} aria-label=${title} onClose=${onClose} onCancel=${onClose}>
    <header><h2>${title}</h2><${Button} icon="close" label=${t("close")} showLabel=${false} onClick=${onClose} /></header>
    ${children}</dialog>`;
}

export const Confirm = ({ title, text, action, kind = "danger", onYes, onClose }) => html`
  <${Dialog} title=${title} onClose=${onClose}><p>${text}</p>
    <div class="row end"><${Button} label=${t("cancel")} onClick=${onClose} />
    <${Button} kind=${kind} label=${action} onClick=${() => { onClose(); onYes(); }} /></div><//>`;

export function Tabs({ tabs, current, onSelect, label }) {
  const move = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = tabs.findIndex((tab) => tab.id === current);
    const next = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : by ? (at + by + tabs.length) % tabs.length : -1;
    if (next < 0) return;
    event.preventDefault();
    onSelect(tabs[next].id);
    requestAnimationFrame(() => document.getElementById(`tab-${tabs[next].id}`)?.focus());
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${move}>
    ${tabs.map((tab) => html`<button type="button" role="tab" id=${`tab-${tab.id}`} key=${tab.id}
      aria-selected=${String(tab.id === current)} aria-controls="panel" tabindex=${tab.id === current ? 0 : -1}
      onClick=${() => onSelect(tab.id)}>${tab.label}${tab.badge ? html` <span class="badge">${tab.badge}</span>` : null}</button>`)}</div>`;
}

const STATES = { connected: "good", connecting: "wait", greeting: "wait", reconnecting: "wait", failed: "bad", duplicate: "bad", closed: "bad" };
export function State({ board }) {
  const kind = board.state === "connected" && board.status?.problems?.length ? "warn" : STATES[board.state] || "wait";
  return html`<span class=${`state ${kind}`}><i aria-hidden="true"></i>${t(`state.${board.state}`)}</span>`;
}

export const Progress = ({ job }) => html`<div class="progress">
  <label>${t(`job.${job.kind}`)} ${job.label || job.package || job.task || ""}
  <progress max=${job.total || 1} value=${job.total ? job.done : null}></progress></label>
  ${job.total ? html`<span class="quiet">${job.what === "frames" || job.what === "samples" ? `${job.done} / ${job.total}` : `${Math.round((100 * job.done) / job.total)}%`}</span>` : null}</div>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

export function Field({ label, hint, children }) {
  return html`<label class="field"><span>${label}</span>${children}${hint && html`<small>${hint}</small>`}</label>`;
}

// How large the pictures are, and how often they come.
import { html } from "./html.js";
import { boardPath, post } from "./api.js";
import { t } from "./i18n.js";
import { Field, useWork } from "./parts.js";
import { setting } from "./shapes.js";
import { toast } from "./store.js";

const SIZES = [[160, 90], [320, 180], [640, 360], [1280, 720]];
const RATES = [0.5, 1, 2, 5, 10, 15];
const MS_A_PIXEL = 90e-6; // of the board's time, while it makes a JPEG

export function PreviewSettings({ board }) {
  const [busy, work] = useWork();
  const value = (name) => setting(board, `preview.${name}`)?.value;
  const size = `${value("width")} × ${value("height")}`;
  const sizes = SIZES.map(([w, h]) => `${w} × ${h}`);
  const rate = board.preview?.rate ?? 5;
  const most = Number(value("rate")) || 0; // the board's own limit; 0: none
  const each = Math.max(1, Math.round(value("width") * value("height") * MS_A_PIXEL));
  const share = Math.round((each * (most ? Math.min(most, rate) : rate)) / 10);
  const resize = (text) => work(async () => {
    const [width, height] = text.split(" × ").map(Number);
    await post(boardPath(board.id, "/set"), { changes: { "preview.width": width, "preview.height": height } });
    toast(t("preview.resized", { size: text }));
  });
  const again = (next) => work(() => post(boardPath(board.id, "/preview"), { rate: Number(next) }));
  const options = (known, now) => (known.includes(now) ? known : [...known, now]);
  return html`<section id="preview-settings" class="card preview-settings" aria-label=${t("preview.title")}><div class="row wrap">
    <${Field} label=${t("preview.size")}><select value=${size} disabled=${busy || board.state !== "connected"} onChange=${(e) => resize(e.target.value)}>
      ${options(sizes, size).map((text) => html`<option value=${text}>${text}</option>`)}</select><//>
    <${Field} label=${t("preview.rate")}><select value=${String(rate)} disabled=${busy} onChange=${(e) => again(e.target.value)}>
      ${options(RATES, rate).sort((a, b) => a - b).map((n) => html`<option value=${String(n)}>${n}</option>`)}</select><//></div>
    <p class="quiet small">${t("preview.cost", { ms: each, share })}${most > 0 && most < rate ? ` ${t("preview.most", { n: most })}` : ""}</p></section>`;
}

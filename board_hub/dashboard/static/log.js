// The board's log, line by line.
import { html, useEffect, useRef, useState } from "./html.js";
import { has, language, t } from "./i18n.js";
import { Empty } from "./parts.js";
import { want } from "./store.js";

const LEVELS = ["debug", "info", "warning", "error"];

export function Log({ board, lines }) {
  const [level, setLevel] = useState("debug");
  const end = useRef(null);
  useEffect(() => {
    want(board.id, { listen: true });
    return () => want(board.id, { listen: false });
  }, [board.id]);
  const shown = lines.filter((line) => LEVELS.indexOf(line.level) >= LEVELS.indexOf(level)).slice(0, 500);
  return html`<div class="stack"><div class="row"><label class="field inline"><span>${t("log.level")}</span><select value=${level} onChange=${(e) => setLevel(e.target.value)}>
    ${LEVELS.map((name) => html`<option value=${name}>${t(`level.${name}`)}</option>`)}</select></label></div>
    ${!shown.length && html`<${Empty}>${t("log.none")}<//>`}
    <ol class="log" ref=${end} tabindex="0" aria-label=${t("tab.log")}>${shown.map((line) => html`<li class=${line.level}><time>${line.time ? new Date(line.time).toLocaleTimeString(language(), { hourCycle: "h23" }) : ""}</time><b>${has(`level.${line.level}`) ? t(`level.${line.level}`) : line.level}</b><span>${line.text}</span></li>`)}</ol></div>`;
}

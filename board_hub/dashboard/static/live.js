// The live view: the picture with its overlay, and what one does with it.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { boardPath, post } from "./api.js";
import { t } from "./i18n.js";
import { Stage } from "./stage.js";
import { Button, useWork } from "./parts.js";
import { PreviewSettings } from "./preview.js";
import { mayChange, painted, sink, want } from "./store.js";
import { setting } from "./shapes.js";

export function Live({ board, shapes, tool, region, onPick, stageRef, onResult }) {
  const canvas = useRef(null);
  const [, redraw] = useState(0);
  const [fps, setFps] = useState(null);
  const [tuning, tune] = useState(false);
  const live = useRef({});
  live.current = { board, onPick, onResult };
  const connected = board.state === "connected";
  const trouble = board.preview?.problem;
  const off = trouble && setting(board, "preview.enabled")?.value === false;

  useEffect(() => {
    const tell = () => redraw((n) => n + 1);
    const stage = new Stage(canvas.current, {
      painted: () => painted(board.id),
      pick: (object, result) => live.current.onPick?.(object, result),
      words: () => ({ unknown: t("unknown"), undecided: t("undecided") }),
      frame: () => null,
      period: () => 1000 / (Number(setting(live.current.board, "camera.fps")?.value) || 30),
      off: () => Boolean(live.current.board.preview?.problem),
      tell,
    });
    stageRef.current = stage;
    tell();
    let count = 0;
    let since = performance.now();
    let told = 0;
    let later;
    const leave = sink(board.id, {
      picture: (row) => stage.picture(row),
      result: (row) => {
        stage.result(row);
        count += 1;
        const now = performance.now();
        if (now - since > 1000) {
          setFps((1000 * count) / (now - since));
          [count, since] = [0, now];
        }
        // The list changes four times a second at most; the last result is never left out of it.
        clearTimeout(later);
        const tellList = () => {
          told = performance.now();
          live.current.onResult?.(row);
        };
        if (now - told > 250) tellList();
        else later = setTimeout(tellList, 250 - (now - told));
      },
    });
    want(board.id, { watch: "pictures" });
    return () => {
      clearTimeout(later);
      want(board.id, { watch: false });
      leave();
      stage.close();
      stageRef.current = null;
    };
  }, [board.id]);

  const stage = stageRef.current;
  useEffect(() => {
    if (!stageRef.current) return;
    stageRef.current.shapes = shapes;
    stageRef.current.region = region;
    stageRef.current.redraw();
  }, [shapes, region]);
  // Together with the hint: a click that comes right after it is the tool's already.
  useLayoutEffect(() => {
    stageRef.current?.use(tool);
    if (tool) canvas.current.focus({ preventScroll: true }); // the keyboard draws there
  }, [tool]);

  const toggle = (name) => {
    if (!stage) return;
    stage.options[name] = !stage.options[name];
    stage.redraw();
    redraw((n) => n + 1);
  };
  const actions = {
    " ": () => stage?.pause(!stage.paused), ArrowLeft: () => stage?.step(-1), ArrowRight: () => stage?.step(1),
    "+": () => stage?.zoomTo(stage.zoom * 1.5), "=": () => stage?.zoomTo(stage.zoom * 1.5), "-": () => stage?.zoomTo(stage.zoom / 1.5),
    0: () => stage?.zoomTo(1), s: () => save(), b: () => toggle("overlay"), l: () => toggle("labels"), t: () => toggle("trails"),
    Escape: () => stage?.escape(),
  };
  const drawing = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  };
  const draw = (event) => {
    if (drawing[event.key]) stage.moveCursor(...drawing[event.key], event.shiftKey);
    else if (event.key === " ") stage.mark();
    else if (event.key === "Backspace") stage.unmark();
    else if (event.key === "Enter") (tool.kind === "polygon" ? stage.finish() : stage.mark());
    else return false;
    return true;
  };
  const save = () => stage?.save(`${board.board_name || board.id}-${new Date().toISOString().replace(/[:.]/g, "-")}.png`);
  const keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !stage) return;
    if (tool && draw(event)) {
      event.preventDefault();
      return;
    }
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  const frame = stage?.frame || [16, 9];
  const { paused, zoom, options } = stage || { paused: false, zoom: 1, options: {} };
  return html`<section class="live" aria-label=${t("live.title")}>
    <div class=${`screen ${tool ? "drawing" : ""}`}>
      <canvas ref=${canvas} tabindex="0" role="img" aria-label=${t("live.picture", { board: board.board_name || board.id })}
        aria-describedby="live-keys" onKeyDown=${keys} style=${{ aspectRatio: `${frame[0]} / ${frame[1]}` }}></canvas>
      ${!connected && html`<div class="notice" role="status"><p>${t(`state.${board.state}`)}</p><small>${board.reason}</small></div>`}
      ${connected && off && !tool && html`<${PreviewOff} board=${board} />`}
      ${connected && trouble && !off && html`<p class="hint" role="status">${t("live.nopicture")} ${board.preview.message}</p>`}
      ${paused && html`<span class="flag">${t("live.paused")}</span>`}
      ${tool?.hint && html`<p class="hint" role="status">${tool.hint} ${t("draw.keys")}${stage?.cursor ? html` <b>${stage.cursor.join(", ")}</b>` : null}</p>`}
    </div>
    <div class="toolbar" role="toolbar" aria-label=${t("live.tools")}>
      <div class="group">
        <${Button} icon=${paused ? "play" : "pause"} label=${t(paused ? "live.play" : "live.pause")} showLabel=${false} pressed=${paused} onClick=${actions[" "]} />
        <${Button} icon="back" label=${t("live.back")} showLabel=${false} onClick=${actions.ArrowLeft} />
        <${Button} icon="forward" label=${t("live.forward")} showLabel=${false} onClick=${actions.ArrowRight} />
      </div>
      <div class="group">
        <${Button} icon="minus" label=${t("live.out")} showLabel=${false} disabled=${zoom <= 1} onClick=${actions["-"]} />
        <output class="zoom" aria-label=${t("live.zoom")}>${Math.round(100 * zoom)}%</output>
        <${Button} icon="plus" label=${t("live.in")} showLabel=${false} onClick=${actions["+"]} />
        <${Button} icon="fit" label=${t("live.fit")} showLabel=${false} disabled=${zoom <= 1} onClick=${actions[0]} />
      </div>
      <div class="group">
        <${Button} icon="boxes" label=${t("live.overlay")} showLabel=${false} pressed=${!!options.overlay} onClick=${() => toggle("overlay")} />
        <${Button} icon="labels" label=${t("live.labels")} showLabel=${false} pressed=${!!options.labels} onClick=${() => toggle("labels")} />
        <${Button} icon="trails" label=${t("live.trails")} showLabel=${false} pressed=${!!options.trails} onClick=${() => toggle("trails")} />
      </div>
      <div class="group">
        <${Button} icon="save" label=${t("live.save")} showLabel=${false} onClick=${save} />
        <${Button} icon="full" label=${t("live.full")} showLabel=${false} onClick=${() => canvas.current.closest(".live").requestFullscreen?.()} />
      </div>
      ${mayChange() && setting(board, "preview.width") && html`<div class="group"><${Button} icon="camera" label=${t("preview.title")} showLabel=${false}
        pressed=${tuning} aria-controls="preview-settings" aria-expanded=${String(tuning)} onClick=${() => tune(!tuning)} /></div>`}
      <span class="grow"></span>
      <${Facts} board=${board} fps=${fps} />
    </div>
    ${tuning && mayChange() && html`<${PreviewSettings} board=${board} />`}
    <p id="live-keys" class="hidden">${t("live.keys")}</p>
  </section>`;
}

function Facts({ board, fps }) {
  const figures = board.figures || {};
  const rows = [
    [t("figure.fps"), fps ?? figures.fps, (v) => v.toFixed(1)],
    [t("figure.latency"), figures.latency_ms, (v) => `${Math.round(v)} ms`],
  ];
  return html`<dl class="facts">${rows.map(([name, value, show]) => value != null && html`<div><dt>${name}</dt><dd>${show(value)}</dd></div>`)}
    ${board.model?.task_name && html`<div><dt>${t("task")}</dt><dd>${board.model.task_name}</dd></div>`}</dl>`;
}

function PreviewOff({ board }) {
  const [busy, work] = useWork();
  const on = () => work(() => post(boardPath(board.id, "/set"), { changes: { "preview.enabled": true } }));
  const known = setting(board, "preview.enabled");
  return html`<div class="notice"><p>${t("live.off")}</p>
    ${mayChange() && known && html`<${Button} kind="primary" disabled=${busy} label=${t("live.on")} onClick=${on} />`}
    <small>${t("live.offhint")}</small></div>`;
}

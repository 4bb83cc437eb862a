// The picture with its overlay: what is drawn, which result belongs to which picture, and the mouse.
import { answersOf, colourOf, draw, objectsOf } from "./draw.js";

const RESULTS = 240;
const PICTURES = 60; // to step back through
const NEAR = 9; // pixels around a handle
const MAX_ZOOM = 12;
const TRAIL_MS = 2000;
const PATIENCE_MS = 600; // for which a picture waits for its result, more where results are slow
const MOST_PATIENCE_MS = 12000;

export class Stage {
  constructor(canvas, hooks) {
    this.canvas = canvas;
    this.hooks = hooks; // {painted, pick, words, tell}
    this.context = canvas.getContext("2d");
    this.results = [];
    this.pictures = [];
    this.shown = null; // {head, bitmap}
    this.paused = false;
    this.place = -1; // in pictures, while paused
    this.options = { overlay: true, labels: true, trails: true };
    this.shapes = [];
    this.region = null;
    this.tool = null;
    this.draft = null;
    this.cursor = null; // where a keyboard draws, in pixels of the frame
    this.anchor = null; // the first point of a rectangle or line that a keyboard draws
    this.hover = null;
    this.picked = null;
    this.zoom = 1;
    this.centre = null;
    this.drawing = false;
    this.decoding = false;
    this.next = null;
    this.count = 0;
    this.each = 100; // ms between results
    this.heard = 0;
    this.waiting = 0; // since when there is nothing new to show
    this.matched = null;
    this.size = [0, 0];
    this.watcher = new ResizeObserver(() => this.redraw());
    this.watcher.observe(canvas);
    const on = (kind, handler) => canvas.addEventListener(kind, handler.bind(this));
    on("pointerdown", this.down);
    on("pointermove", this.move);
    on("pointerup", this.up);
    on("pointercancel", this.cancelled);
    on("dblclick", this.double);
    on("wheel", this.wheel);
  }

  close() {
    this.watcher.disconnect();
    this.closed = true;
  }

  // What arrives.

  result(result) {
    const last = this.results[this.results.length - 1];
    if (last && result.time_ms < last.time_ms - 2000) this.forget(); // the board began anew
    const now = Date.now();
    if (this.heard) this.each += (Math.min(5000, now - this.heard) - this.each) / 8;
    this.heard = now;
    this.results.push(result);
    if (this.results.length > RESULTS) this.results.shift();
    if (this.hooks.off()) {
      this.shown = null;
      this.redraw();
      return;
    }
    this.choose();
    if (this.shown && !this.paused && this.match(this.shown.head) !== this.matched) {
      this.redraw();
    }
  }

  forget() {
    this.results = [];
    this.pictures = [];
    this.matched = null;
  }

  picture(row) {
    row.n = ++this.count;
    this.pictures.push(row);
    if (this.pictures.length > PICTURES) {
      this.pictures.shift();
      if (this.paused) this.place = Math.max(0, this.place - 1);
    }
    this.choose();
    // A hidden page takes no more pictures: it draws none.
    requestAnimationFrame(() => this.hooks.painted());
  }

  // A picture comes before its result: show the newest that has one. Without results for a while,
  // show the newest there is.
  choose() {
    if (this.paused || !this.pictures.length) return;
    const shown = this.next?.n ?? this.shown?.head.n ?? 0;
    const now = Date.now();
    let target = null;
    for (let i = this.pictures.length - 1; i >= 0 && this.pictures[i].n > shown; i--) {
      if (this.match(this.pictures[i])) {
        target = this.pictures[i];
        break;
      }
    }
    const wait = Math.min(MOST_PATIENCE_MS, Math.max(PATIENCE_MS, 4 * this.each));
    const patient = this.shown && now - this.waiting < wait && now - this.heard < wait;
    if (!target && !patient) target = this.pictures[this.pictures.length - 1];
    if (!target || target.n <= shown) return;
    this.waiting = now; // from here on for the next one's result
    this.next = target;
    this.advance();
  }

  async advance() {
    if (this.decoding) return;
    this.decoding = true;
    try {
      while (this.next && !this.closed) {
        const taken = this.next;
        await this.show(taken);
        if (this.next === taken) this.next = null;
      }
    } finally {
      this.decoding = false;
    }
  }

  async show(row) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(row.jpeg);
    } catch {
      return; // a damaged picture: the next one follows
    }
    this.shown?.bitmap.close();
    this.shown = { head: row, bitmap };
    this.redraw();
  }

  // The result of the nearest capture time, at most one frame apart; else none. One with a frame that was
  // the newest when the picture was taken goes first: the times of both have the board's jitter.
  match(head) {
    const most = 1.5 * this.hooks.period();
    let best = null;
    let least = Infinity;
    for (let i = this.results.length - 1; i >= 0; i--) {
      const result = this.results[i];
      const apart = Math.abs(result.time_ms - head.time_ms);
      if (apart > most) {
        if (result.time_ms < head.time_ms - most) break;
        continue;
      }
      if (result.seq === head.seq) return result;
      if (apart < least) [best, least] = [result, apart];
    }
    return best;
  }

  // Playing.

  pause(paused) {
    if (paused === this.paused) return;
    this.paused = paused;
    const at = this.pictures.indexOf(this.shown?.head);
    this.place = at < 0 ? this.pictures.length - 1 : at;
    this.hooks.tell();
  }

  async step(by) {
    this.pause(true);
    if (!this.pictures.length) return;
    this.place = Math.min(this.pictures.length - 1, Math.max(0, this.place + by));
    await this.show(this.pictures[this.place]);
    this.hooks.tell();
  }

  save(name) {
    this.paint();
    this.canvas.toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, "image/png");
  }

  // Drawing.

  get frame() {
    const of = this.matched || this.results[this.results.length - 1];
    const head = this.shown?.head;
    return this.hooks.frame?.() || (of?.width && [of.width, of.height]) || (head && [head.width, head.height]) || [1280, 720];
  }

  view() {
    const [width, height] = this.frame;
    const [w, h] = this.size;
    const scale = Math.min(w / width, h / height) * this.zoom;
    const [cx, cy] = this.zoom > 1 && this.centre ? this.centre : [width / 2, height / 2];
    const [ox, oy] = [w / 2 - cx * scale, h / 2 - cy * scale];
    return { x: (x) => ox + x * scale, y: (y) => oy + y * scale, scale, width, height, ox, oy };
  }

  redraw() {
    if (this.drawing || this.closed) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (!this.closed) this.paint();
    });
  }

  paint() {
    const { canvas, context } = this;
    const box = canvas.getBoundingClientRect();
    if (!box.width || !box.height) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    this.size = [box.width, box.height];
    const [width, height] = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#0c1114";
    context.fillRect(0, 0, box.width, box.height);
    const { shown } = this;
    const result = shown ? this.match(shown.head) : this.results[this.results.length - 1] || null;
    this.matched = result;
    const view = this.view();
    if (shown) {
      context.imageSmoothingEnabled = true;
      context.drawImage(shown.bitmap, view.ox, view.oy, view.width * view.scale, view.height * view.scale);
    } else {
      grid(context, view);
    }
    const words = this.hooks.words();
    const shapes = [...this.shapes];
    if (this.draft) shapes.push(this.draft);
    this.objects = objectsOf(result, words);
    draw(context, view, result, {
      ...this.options, words, shapes, region: this.region, width: box.width, height: box.height,
      picked: this.hover || this.same(this.picked),
      trails: this.options.trails && result ? this.trails(result) : null,
    });
    if (this.cursor && this.tool) cross(context, view.x(this.cursor[0]), view.y(this.cursor[1]));
    if (this.options.overlay !== false) board(context, answersOf(result, words), box.width, box.height);
    canvas.dataset.seq = result ? result.seq : "";
    canvas.dataset.picture = shown ? shown.head.seq : "";
    canvas.dispatchEvent(new CustomEvent("painted", { detail: { result, picture: shown?.head ?? null } }));
  }

  trails(result) {
    const tracks = new Map();
    for (const other of this.results) {
      if (other.task !== result.task || other.generation !== result.generation) continue; // other tracks
      if (other.time_ms > result.time_ms || other.time_ms < result.time_ms - TRAIL_MS) continue;
      for (const o of other.boxes || other.objects || []) {
        if (o.track == null || o.x == null) continue;
        const track = tracks.get(o.track) || { points: [], colour: colourOf(o.class_id ?? -1) };
        track.points.push([o.x + o.w / 2, o.y + o.h]);
        tracks.set(o.track, track);
      }
    }
    return [...tracks.values()];
  }

  // The object that was picked, in the result that is drawn now.
  same(picked) {
    if (!picked) return null;
    let best = null;
    for (const object of this.objects || []) {
      if (picked.track != null ? object.track === picked.track : object.label === picked.label) {
        const apart = Math.hypot(object.box[0] - picked.box[0], object.box[1] - picked.box[1]);
        if (!best || apart < best.apart) best = { object, apart };
      }
    }
    return best?.object || null;
  }

  // Zooming.

  zoomTo(zoom, at) {
    const before = this.view();
    const [x, y] = at || [this.size[0] / 2, this.size[1] / 2];
    const [fx, fy] = [(x - before.ox) / before.scale, (y - before.oy) / before.scale];
    this.zoom = Math.min(MAX_ZOOM, Math.max(1, zoom));
    const { scale } = this.view();
    const [width, height] = this.frame;
    const half = [this.size[0] / 2 / scale, this.size[1] / 2 / scale];
    const clamp = (value, room, whole) => (2 * room >= whole ? whole / 2 : Math.min(whole - room, Math.max(room, value)));
    this.centre = [
      clamp(fx + (this.size[0] / 2 - x) / scale, half[0], width),
      clamp(fy + (this.size[1] / 2 - y) / scale, half[1], height),
    ];
    this.canvas.style.touchAction = this.zoom > 1 || this.tool ? "none" : "pan-y";
    this.redraw();
    this.hooks.tell();
  }

  pan(dx, dy) {
    const view = this.view();
    const [x, y] = this.centre || [view.width / 2, view.height / 2];
    this.centre = [x - dx / view.scale, y - dy / view.scale];
    this.zoomTo(this.zoom);
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoomTo(this.zoom * Math.exp(-event.deltaY / 300), this.where(event));
  }

  // The mouse.

  use(tool) {
    this.tool = tool; // {kind: rectangle|polygon|line|edit, done(points), cancel()}
    this.draft = null;
    this.cursor = null;
    this.anchor = null;
    this.corners = [];
    this.canvas.style.cursor = tool ? "crosshair" : "";
    this.canvas.style.touchAction = tool || this.zoom > 1 ? "none" : "pan-y";
    this.redraw();
  }

  where(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  inFrame([x, y]) {
    const view = this.view();
    const bound = (value, most) => Math.round(Math.min(most, Math.max(0, value)));
    return [bound((x - view.ox) / view.scale, view.width), bound((y - view.oy) / view.scale, view.height)];
  }

  at(point) {
    const view = this.view();
    const [x, y] = [(point[0] - view.ox) / view.scale, (point[1] - view.oy) / view.scale];
    let best = null;
    for (const object of this.objects || []) {
      const [left, top, w, h] = object.box;
      if (x >= left && x <= left + w && y >= top && y <= top + h && (!best || w * h < best.box[2] * best.box[3])) best = object;
    }
    return best;
  }

  handle(point) {
    const view = this.view();
    for (let s = 0; s < this.shapes.length; s++) {
      if (!this.shapes[s].active) continue;
      const found = this.shapes[s].points.findIndex(
        ([x, y]) => Math.hypot(view.x(x) - point[0], view.y(y) - point[1]) <= NEAR,
      );
      if (found >= 0) return [s, found];
    }
    return null;
  }

  down(event) {
    if (event.button) return;
    const point = this.where(event);
    this.start = point;
    this.moved = false;
    this.canvas.setPointerCapture(event.pointerId);
    const kind = this.tool?.kind;
    if (kind === "rectangle" || kind === "line") {
      this.corner = this.inFrame(point);
    } else if (!kind || kind === "edit") {
      this.dragging = this.handle(point);
      if (this.dragging) this.moving = true;
    }
  }

  move(event) {
    const point = this.where(event);
    const kind = this.tool?.kind;
    if (kind === "polygon" && this.draft) {
      this.draft.points = [...this.corners, this.inFrame(point)];
      this.redraw();
      return;
    }
    if (!this.start) {
      const hover = this.tool ? null : this.at(point);
      if (hover !== this.hover) {
        this.hover = hover;
        this.redraw();
      }
      if (!this.tool) this.canvas.style.cursor = this.handle(point) ? "grab" : hover ? "pointer" : "";
      return;
    }
    if (Math.hypot(point[0] - this.start[0], point[1] - this.start[1]) > 4) this.moved = true;
    if (!this.moved) return;
    if (this.dragging) {
      const [s, p] = this.dragging;
      this.shapes[s].points[p] = this.inFrame(point);
      this.redraw();
    } else if (kind === "rectangle") {
      this.draft = { kind: this.tool.shape || "region", points: box(this.corner, this.inFrame(point)), active: false };
      this.redraw();
    } else if (kind === "line") {
      this.draft = { kind: "line", points: [this.corner, this.inFrame(point)] };
      this.redraw();
    } else if (!kind && this.zoom > 1) {
      this.pan(point[0] - this.start[0], point[1] - this.start[1]);
      this.start = point;
    }
  }

  up(event) {
    if (!this.start) return;
    const point = this.where(event);
    const { moved, tool } = this;
    this.start = null;
    if (this.dragging) {
      const shape = this.shapes[this.dragging[0]];
      this.dragging = null;
      this.moving = false;
      if (moved) shape.changed?.(shape.points.map((p) => [...p]));
    } else if (tool && (tool.kind === "rectangle" || tool.kind === "line")) {
      const points = this.draft?.points;
      this.draft = null;
      if (points && moved) tool.done(points);
      this.redraw();
    } else if (tool?.kind === "polygon") {
      this.addCorner(point);
    } else if (!tool && !moved) {
      this.picked = this.at(point);
      this.hooks.pick(this.picked, this.matched);
      this.redraw();
    }
  }

  addCorner(point) {
    const view = this.view();
    const corners = this.draft ? this.corners : [];
    const first = corners[0];
    if (corners.length >= 3 && Math.hypot(view.x(first[0]) - point[0], view.y(first[1]) - point[1]) <= NEAR) {
      this.finish();
      return;
    }
    this.cursor = null; // the mouse draws now
    this.putCorner(this.inFrame(point));
  }

  putCorner(corner) {
    this.corners = [...(this.draft ? this.corners : []), corner];
    this.draft = { kind: "zone", open: true, points: [...this.corners] };
    this.redraw();
  }

  // The keyboard: arrows move a cross, space sets a point at it.

  moveCursor(dx, dy, fine) {
    const [width, height] = this.frame;
    const step = fine ? 1 : Math.max(1, Math.round(width / 50));
    const [x, y] = this.cursor || [Math.round(width / 2), Math.round(height / 2)];
    const bound = (value, most) => Math.min(most, Math.max(0, value));
    this.cursor = this.cursor ? [bound(x + dx * step, width), bound(y + dy * step, height)] : [x, y];
    this.follow();
  }

  follow() {
    const { tool, cursor, anchor } = this;
    if (tool?.kind === "polygon") {
      if (this.draft) this.draft.points = [...this.corners, cursor];
    } else if (anchor) {
      this.draft = tool.kind === "line" ? { kind: "line", points: [anchor, cursor] } : { kind: tool.shape || "region", points: box(anchor, cursor) };
    }
    this.redraw();
    this.hooks.tell();
  }

  mark() {
    const { tool } = this;
    if (!this.cursor) {
      this.moveCursor(0, 0);
      return;
    }
    if (tool.kind === "polygon") {
      this.putCorner([...this.cursor]);
      this.follow();
    } else if (!this.anchor) {
      this.anchor = [...this.cursor];
      this.follow();
    } else if (Math.hypot(this.cursor[0] - this.anchor[0], this.cursor[1] - this.anchor[1]) >= 4) {
      const { points } = this.draft;
      this.draft = null;
      tool.done(points);
      this.redraw();
    }
  }

  // Take the last point back.
  unmark() {
    this.anchor = null;
    this.corners = this.corners?.slice(0, -1) || [];
    this.draft = this.corners.length ? { kind: "zone", open: true, points: [...this.corners] } : null;
    this.follow();
  }

  double() {
    if (this.tool?.kind === "polygon" && this.draft) {
      this.corners = this.corners.filter((c, i, all) => !i || Math.hypot(c[0] - all[i - 1][0], c[1] - all[i - 1][1]) > 3);
      this.finish();
    }
  }

  finish() {
    const { tool, corners } = this;
    if (tool?.kind !== "polygon" || !this.draft || corners.length < 3) return;
    this.draft = null;
    this.corners = [];
    this.cursor = null;
    tool.done(corners);
    this.redraw();
  }

  cancelled() {
    this.start = null;
    this.dragging = null;
    this.draft = null;
    this.redraw();
  }

  escape() {
    if (!this.tool) return false;
    this.draft = null;
    this.tool.cancel?.();
    this.redraw();
    return true;
  }
}

const box = ([x1, y1], [x2, y2]) => {
  const [l, r, t, b] = [Math.min(x1, x2), Math.max(x1, x2), Math.min(y1, y2), Math.max(y1, y2)];
  return [[l, t], [r, t], [r, b], [l, b]];
};

function grid(context, view) {
  context.strokeStyle = "rgba(255,255,255,.07)";
  context.lineWidth = 1;
  context.beginPath();
  for (let i = 0; i <= 16; i++) {
    const x = Math.round(view.ox + (i * view.width * view.scale) / 16) + 0.5;
    context.moveTo(x, view.oy);
    context.lineTo(x, view.oy + view.height * view.scale);
  }
  for (let i = 0; i <= 9; i++) {
    const y = Math.round(view.oy + (i * view.height * view.scale) / 9) + 0.5;
    context.moveTo(view.ox, y);
    context.lineTo(view.ox + view.width * view.scale, y);
  }
  context.stroke();
}

// Where the keyboard draws.
function cross(context, x, y) {
  for (const [colour, width] of [["#10181c", 5], ["#f0e442", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x - 14, y);
    context.lineTo(x + 14, y);
    context.moveTo(x, y - 14);
    context.lineTo(x, y + 14);
    context.stroke();
  }
}

// What is true of the whole frame, as a list in the corner.
// The list beside the picture says all; here it leaves most of the picture free.
function board(context, all, width, height) {
  all = all.filter((row) => row.score == null || row.classId >= 0 || all.length === 1); // no background
  if (!all.length) return;
  const wide = Math.min(260, Math.max(150, 0.42 * width));
  const answers = all.slice(0, Math.max(1, Math.floor((0.45 * height - 12) / 24)));
  const high = 24 * answers.length + 12;
  context.fillStyle = "rgba(10,16,20,.72)";
  context.beginPath();
  context.roundRect(8, 8, wide, high, 8);
  context.fill();
  context.textBaseline = "middle";
  answers.forEach(({ label, score, classId }, i) => {
    const y = 14 + 24 * i;
    if (score != null) {
      context.fillStyle = colourOf(classId);
      context.globalAlpha = 0.45;
      context.beginPath();
      context.roundRect(14, y + 2, Math.max(3, (wide - 12) * Math.min(1, Math.max(0, score))), 20, 4);
      context.fill();
      context.globalAlpha = 1;
    }
    context.fillStyle = "#fff";
    context.font = `${i ? 500 : 700} 13px system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif`;
    context.textAlign = "left";
    context.fillText(Array.from(label).slice(0, 26).join(""), 20, y + 12.5, wide - 84);
    context.textAlign = "right";
    if (score != null) context.fillText(`${(100 * score).toFixed(1)}%`, wide - 2, y + 12.5);
    context.textAlign = "left";
  });
}

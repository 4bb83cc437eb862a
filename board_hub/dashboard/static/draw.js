// The overlay: what a result says, drawn over its picture. Pure: context, result and options in.

// Okabe and Ito's colours, told apart by colour-blind people; beyond eight classes dashes differ.
export const COLOURS = [
  "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#f2f2f2",
];
const DASHES = [[], [8, 4], [2, 4]];
const UNKNOWN = "#b9c2c9";
const FACE = 'system-ui, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
const SMALL = 480; // a picture this narrow has smaller labels

export function colourOf(classId) {
  return classId >= 0 ? COLOURS[classId % COLOURS.length] : UNKNOWN;
}

function inkOn(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#10181c" : "#ffffff";
}

const percent = (score) => (score == null ? "" : `${Math.round(100 * score)}%`);
const clean = (text) => Array.from(String(text ?? "")).slice(0, 40).join("");

// A result's objects in one form: {label, score, classId, box, mask, keypoints, corners, track}.
export function objectsOf(result, words) {
  if (!result) return [];
  if (result.boxes) return result.boxes.map((b) => thing(b, b.label));
  if (result.texts) {
    return result.texts.filter((text) => text.quad).map((text, i) => ({
      label: text.text ?? "", score: text.score, classId: i % COLOURS.length, corners: text.quad, track: text.track,
      box: around(text.quad),
    }));
  }
  if (!result.objects) return [];
  return result.objects.map((o) => {
    const identified = "identity" in o;
    if (!identified) return thing(o, o.label);
    const known = o.identity !== null;
    const name = o.score === null ? o.label : known ? o.identity : words.unknown;
    return { ...thing(o, name), score: o.score ?? o.label_score, unknown: !known && o.score !== null };
  });
}

function thing(o, label) {
  return {
    label, score: o.score, classId: o.class_id ?? -1, track: o.track, mask: o.mask,
    keypoints: o.keypoints, corners: o.corners,
    box: [o.x, o.y, o.w, o.h],
  };
}

function around(points) {
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return [x, y, Math.max(...xs) - x, Math.max(...ys) - y];
}

// What a result says of the frame as a whole: rows {label, score, classId}.
export function answersOf(result, words) {
  if (!result) return [];
  const row = (l) => ({ label: l.label, score: l.score, classId: l.class_id ?? -1 });
  switch (result.task) {
    case "classification": {
      const top = (result.top || []).slice(0, 3).map(row);
      if (result.label === null) return [{ label: words.undecided, score: null, classId: -1 }, ...top];
      return top.length ? top : [row(result)];
    }
    case "multilabel":
      return (result.labels || []).slice(0, 8).map(row);
    case "metric_learning":
      if (!("identity" in result)) return [];
      return [{ label: result.identity ?? words.unknown, score: result.score, classId: result.identity === null ? -1 : 0 }];
    case "segmentation":
      // The first class is the background, which has no colour on the picture.
      return Object.entries(result.areas || {}).map(([label, area], i, all) => ({
        label, score: area / (result.map_width * result.map_height || 1), classId: i || all.length === 1 ? i : -1,
      })).filter((r) => r.score > 0);
    default:
      return (result.texts || []).filter((x) => !x.quad).map((x) => ({ label: x.text ?? "", score: x.score, classId: 0 }));
  }
}

// Draw everything. view: {x(frame), y(frame), scale} maps frame pixels to the canvas.
export function draw(context, view, result, options) {
  context.save();
  context.lineJoin = "round";
  options = { ...options, pill: options.width < SMALL ? 15 : 19 }; // height of a label
  context.font = `600 ${options.width < SMALL ? 10 : 12}px ${FACE}`;
  context.textBaseline = "middle";
  const tags = options.shapes ? shapes(context, view, options.shapes, options) : [];
  if (result && options.overlay !== false) {
    if (result.rle && result.map_width) classMap(context, view, result, options);
    const objects = objectsOf(result, options.words);
    for (const object of objects) outline(context, view, object, result, options);
    if (options.trails) trails(context, view, options.trails);
    if (options.labels !== false) labels(context, view, objects, options, tags.map((tag) => tag.rect));
  }
  for (const { rect, text } of tags) pill(context, rect, text, "#123a52");
  context.restore();
}

function trace(context, points, closed = true) {
  context.beginPath();
  points.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)));
  if (closed) context.closePath();
}

function twice(context, colour, width, dash) {
  // A dark edge keeps a bright line visible on a bright picture.
  context.setLineDash([]);
  context.lineWidth = width + 2;
  context.strokeStyle = "rgba(0,0,0,.55)";
  context.stroke();
  context.setLineDash(dash);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
  context.setLineDash([]);
}

function outline(context, view, object, result, options) {
  const colour = object.unknown ? UNKNOWN : colourOf(object.classId);
  const dash = object.unknown ? [6, 4] : DASHES[Math.floor(Math.max(0, object.classId) / COLOURS.length) % DASHES.length];
  if (object.mask) mask(context, view, object.mask, colour);
  if (object.corners) {
    trace(context, object.corners.map(([x, y]) => [view.x(x), view.y(y)]));
  } else {
    const [x, y, w, h] = object.box;
    context.beginPath();
    context.rect(view.x(x), view.y(y), w * view.scale, h * view.scale);
  }
  if (options.picked === object) {
    context.fillStyle = "rgba(255,255,255,.18)";
    context.fill();
  }
  twice(context, colour, options.picked === object ? 4 : 2, dash);
  if (object.keypoints) skeleton(context, view, object, result.skeleton || [], colour);
}

function skeleton(context, view, object, pairs, colour) {
  const sure = (k) => k && (k.score == null || k.score >= 0.3);
  for (const [a, b] of pairs) {
    const from = object.keypoints[a];
    const to = object.keypoints[b];
    if (!sure(from) || !sure(to)) continue;
    trace(context, [[view.x(from.x), view.y(from.y)], [view.x(to.x), view.y(to.y)]], false);
    twice(context, colour, 2, []);
  }
  for (const point of object.keypoints) {
    if (!sure(point)) continue;
    context.beginPath();
    context.arc(view.x(point.x), view.y(point.y), 3.5, 0, 7);
    context.fillStyle = "#fff";
    context.fill();
    context.lineWidth = 1.5;
    context.strokeStyle = "#10181c";
    context.stroke();
  }
}

const small = document.createElement("canvas");

function raster(width, height, fill) {
  small.width = width;
  small.height = height;
  const inner = small.getContext("2d");
  const image = inner.createImageData(width, height);
  fill(image.data, width * height);
  inner.putImageData(image, 0, 0);
  return small;
}

const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const MOST_CELLS = 1 << 20;

function mask(context, view, m, colour) {
  const columns = m.columns || m.w;
  const rows = m.rows || m.h;
  if (!(columns > 0 && rows > 0) || columns * rows > MOST_CELLS) return;
  const [r, g, b] = rgb(colour);
  const image = raster(columns, rows, (data, size) => {
    let at = 0;
    let on = false;
    for (const run of m.rle || []) {
      const end = Math.min(size, at + run);
      if (on) for (let i = at; i < end; i++) data.set([r, g, b, 110], 4 * i);
      at = end;
      on = !on;
    }
  });
  context.imageSmoothingEnabled = false;
  context.drawImage(image, view.x(m.x), view.y(m.y), m.w * view.scale, m.h * view.scale);
}

function classMap(context, view, result, options) {
  const { map_width: width, map_height: height } = result;
  if (width * height > MOST_CELLS) return;
  const names = Object.keys(result.areas || {});
  const image = raster(width, height, (data, size) => {
    let at = 0;
    for (const [kind, run] of result.rle) {
      const end = Math.min(size, at + run);
      // The first class is the background, unless it is the only one.
      if (kind > 0 || names.length === 1) {
        const [r, g, b] = rgb(colourOf(kind));
        for (let i = at; i < end; i++) data.set([r, g, b, 130], 4 * i);
      }
      at = end;
    }
  });
  const region = options.region || [0, 0, view.width, view.height];
  context.imageSmoothingEnabled = false;
  context.drawImage(image, view.x(region[0]), view.y(region[1]), region[2] * view.scale, region[3] * view.scale);
}

function pill(context, [x, y, width, height], text, colour) {
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(x, y, width, height, 4);
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = "rgba(0,0,0,.45)";
  context.stroke();
  context.fillStyle = inkOn(colour);
  context.fillText(text, x + 6, y + height / 2 + 0.5);
}

const overlap = (a, b) =>
  Math.max(0, Math.min(a[0] + a[2], b[0] + b[2]) - Math.max(a[0], b[0])) *
  Math.max(0, Math.min(a[1] + a[3], b[1] + b[3]) - Math.max(a[1], b[1]));

// Each label goes to the free place nearest to its object; where all are taken it becomes shorter.
function labels(context, view, objects, options, taken) {
  const placed = [...taken];
  const tall = options.pill;
  const crowded = objects.length > 8;
  const narrow = crowded && options.width < SMALL; // ids alone: the list beside the picture has the rest
  const ordered = [...objects].sort((a, b) => (b.score ?? 0) - (a.score ?? 0));
  for (const object of ordered) {
    const colour = object.unknown ? UNKNOWN : colourOf(object.classId);
    const id = object.track == null ? "" : `#${object.track} `;
    const whole = `${id}${clean(object.label)} ${percent(object.score)}`.trim();
    const texts = narrow && id ? [id.trim()] : [crowded ? `${id}${clean(object.label)}`.trim() || whole : whole, clean(object.label), percent(object.score)];
    let best = null;
    for (const text of texts) {
      if (!text) continue;
      const width = context.measureText(text).width + 12;
      const [x, y, w, h] = [view.x(object.box[0]), view.y(object.box[1]), object.box[2] * view.scale, object.box[3] * view.scale];
      const places = [
        [x - 1, y - tall - 1], [x - 1, y + h + 1], [x + 2, y + 2], [x + w - width + 1, y - tall - 1],
        [x + w + 2, y], [x - width - 2, y], [x + 2, y + h - tall - 2],
      ];
      for (let [px, py] of places) {
        px = Math.min(Math.max(1, px), options.width - width - 1);
        py = Math.min(Math.max(1, py), options.height - tall - 1);
        const rect = [px, py, width, tall];
        let cost = 0;
        for (const other of placed) cost += overlap(rect, other);
        if (best === null || cost < best.cost) best = { cost, rect, text };
        if (!cost) break;
      }
      if (best && !best.cost) break;
    }
    if (!best) continue;
    // A label that would hide another is left out: its colour and the list tell.
    if (best.cost > 0.35 * best.rect[2] * tall) continue;
    placed.push(best.rect);
    pill(context, best.rect, best.text, colour);
  }
}

function trails(context, view, paths) {
  for (const { points, colour } of paths) {
    if (points.length < 2) continue;
    trace(context, points.map(([x, y]) => [view.x(x), view.y(y)]), false);
    context.lineWidth = 3;
    context.strokeStyle = colour;
    context.globalAlpha = 0.6;
    context.stroke();
    context.globalAlpha = 1;
  }
}

// Zones, lines and the region; returns where their names and counts go, on top of all else.
function shapes(context, view, rows, options) {
  const tags = [];
  const tall = options.pill;
  for (const shape of rows) {
    const points = shape.points.map(([x, y]) => [view.x(x), view.y(y)]);
    if (!points.length) continue;
    const colour = shape.kind === "region" ? "#ffffff" : shape.kind === "enroll" ? "#f0e442" : "#56b4e9";
    trace(context, points, shape.kind !== "line" && !shape.open);
    if (shape.kind === "zone" && !shape.open) {
      context.fillStyle = shape.active ? "rgba(86,180,233,.28)" : "rgba(86,180,233,.14)";
      context.fill();
    }
    twice(context, colour, shape.active ? 3 : 2, shape.kind === "region" || shape.kind === "enroll" ? [7, 5] : []);
    if (shape.kind === "line" && points.length === 2) arrow(context, points, colour);
    if (shape.active) {
      for (const [x, y] of points) {
        context.beginPath();
        context.arc(x, y, 5.5, 0, 7);
        context.fillStyle = "#fff";
        context.fill();
        context.lineWidth = 2;
        context.strokeStyle = "#10181c";
        context.stroke();
      }
    }
    const text = [clean(shape.name), shape.count].filter(Boolean).join("  ");
    if (text) {
      const width = context.measureText(text).width + 12;
      const last = points[points.length - 1];
      // A line's at its end, a zone's at its lowest corner on the left: objects have theirs on top.
      const [x, y] = shape.kind === "line" ? last : points.reduce((a, b) => (b[1] - b[0] > a[1] - a[0] ? b : a));
      const rect = [
        Math.min(Math.max(1, x + (shape.kind === "line" ? -width / 2 : 8)), options.width - width - 1),
        Math.min(Math.max(1, y + (shape.kind === "line" ? 8 : -tall - 6)), options.height - tall - 1),
        width, tall,
      ];
      tags.push({ rect, text });
    }
  }
  return tags;
}

// Which way counts as in: across the line, to the right as one walks along it.
function arrow(context, [[x1, y1], [x2, y2]], colour) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [nx, ny] = [-(y2 - y1) / length, (x2 - x1) / length];
  const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2];
  const [tx, ty] = [mx + 22 * nx, my + 22 * ny];
  trace(context, [[mx, my], [tx, ty]], false);
  twice(context, colour, 2, []);
  const [ax, ay] = [(x2 - x1) / length, (y2 - y1) / length];
  trace(context, [[tx + 6 * nx, ty + 6 * ny], [tx + 5 * ax, ty + 5 * ay], [tx - 5 * ax, ty - 5 * ay]]);
  context.fillStyle = colour;
  context.fill();
}

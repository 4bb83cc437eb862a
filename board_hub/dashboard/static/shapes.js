// Zones, lines and the region between the board's settings and the picture.

export const setting = (board, name) => board.settings?.find((row) => row.name === name);

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// Points of a zone or line, in pixels of the frame.
function pointsOf(row, frame) {
  const points = row.points || (row.from && row.to ? [row.from, row.to] : []);
  // Numbers of 0 to 1 are parts of the frame.
  const parts = points.length > 0 && points.every((p) => p.every((v) => v >= 0 && v <= 1));
  return parts ? points.map(([x, y]) => [x * frame[0], y * frame[1]]) : points;
}

// The same place with other points, as the board's settings have it.
export const placed = (kind, row, points) =>
  kind === "line" ? { ...row, from: points[0], to: points[1] } : { ...row, points };

const list = (value) => (Array.isArray(value) ? value : []);

export function shapesOf(board, frame, counts) {
  const rows = [];
  for (const [kind, name] of [["zone", "events.zones"], ["line", "events.lines"]]) {
    const known = setting(board, name);
    list(known?.value).forEach((row, index) => {
      rows.push({ kind, name: row.name ?? `${kind} ${index + 1}`, index, row, points: pointsOf(row, frame), count: countOf(kind, row.name, counts) });
    });
  }
  return rows;
}

function countOf(kind, name, counts) {
  const rows = counts?.[`${kind} ${name}`];
  if (!rows) return "";
  const all = Object.entries(rows);
  if (kind === "line") {
    const [inward, outward] = all.reduce(([a, b], [, c]) => [a + (c.in || 0), b + (c.out || 0)], [0, 0]);
    return `▲ ${inward}  ▼ ${outward}`;
  }
  return all.filter(([, n]) => n > 0).map(([label, n]) => `${label} ${n}`).join(", ");
}

// What lines have counted and who is in which zone, from the events so far (newest first).
export function countsOf(events) {
  const counts = {};
  const put = (key, label, value) => {
    counts[key] = counts[key] || {};
    if (!(label in counts[key])) counts[key][label] = value;
  };
  for (const event of events || []) {
    const d = event.details || {};
    if (event.kind === "line.cross") put(`line ${d.line}`, d.label, { in: d.in, out: d.out });
    else if (event.kind === "zone.enter" || event.kind === "zone.leave") put(`zone ${d.zone}`, d.label, d.inside);
    else if (event.kind === "count" && d.place === "line") put(`line ${d.name}`, d.label, { in: d.in, out: d.out });
    else if (event.kind === "count" && d.place === "zone") put(`zone ${d.name}`, d.label, d.count);
    else if (event.kind === "switched" || event.kind === "board.restarted") break;
  }
  return counts;
}

export function regionOf(board) {
  const value = setting(board, "region")?.value;
  if (!value) return null;
  return Array.isArray(value) ? value : [value.x, value.y, value.width, value.height];
}

export const regionPoints = ([x, y, w, h]) => [[x, y], [x + w, y], [x + w, y + h], [x, y + h]];

export function rectangle(points) {
  const xs = points.map((p) => p[0]);
  const ys = points.map((p) => p[1]);
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return [x, y, Math.max(...xs) - x, Math.max(...ys) - y];
}

export { same, list };

// What the page knows: kept up to date by one WebSocket, which comes back by itself.
import { useEffect, useState } from "./html.js";
import { get } from "./api.js";

const EVENTS = 500; // of each board, newest first; older ones are asked for
const LINES = 1000;
const POINTS = 600;

export const state = {
  me: null, // {name, role, login}
  link: "connecting", // connecting, open, closed
  boards: new Map(),
  order: [],
  figures: new Map(),
  events: new Map(),
  pictures: new Map(), // board -> numbers of events with a picture that came later
  logs: new Map(),
  jobs: new Map(),
  toasts: [],
};

const listeners = new Set();
let scheduled = false;

export function changed() {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    for (const listener of [...listeners]) listener();
  }, 30);
}

// Draw again whenever the state changes.
export function useStore() {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((n) => n + 1);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, []);
  return state;
}

// Results and pictures are too many for the page as a whole: the live view takes them itself.
const sinks = new Map();
export function sink(board, handlers) {
  sinks.set(board, handlers);
  return () => sinks.delete(board);
}

let socket = null;
let tries = 0;
const wanted = new Map(); // board -> {watch: {pictures}, listen}

function send(row) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(row));
}

export function want(board, what) {
  const before = wanted.get(board) || {};
  const now = { ...before, ...what };
  wanted.set(board, now);
  ask(board, now, before);
}

function ask(board, now, before = {}) {
  if (!now.watch && !now.listen) {
    send({ op: "leave", board });
    wanted.delete(board);
    return;
  }
  if ((before.watch && !now.watch) || (before.listen && !now.listen)) {
    send({ op: "leave", board });
    before = {};
  }
  if (now.watch) send({ op: "watch", board, pictures: now.watch === "pictures" });
  if (now.listen && !before.listen) send({ op: "listen", board });
}

export const painted = (board) => send({ op: "painted", board });

export function connect() {
  const address = new URL("ws", document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    tries = 0;
    state.link = "open";
    state.jobs.clear();
    for (const [board, what] of wanted) ask(board, what);
    changed();
  };
  socket.onmessage = (message) => {
    if (typeof message.data === "string") take(JSON.parse(message.data));
    else picture(message.data);
  };
  socket.onclose = async (event) => {
    state.link = "closed";
    changed();
    if (event.code === 4401) return login();
    tries += 1;
    // A server that asks for a login closes before it opens: ask why.
    if (tries % 3 === 1) {
      try {
        const me = await get("me");
        if (!me.role) return login();
      } catch {
        // the server is away
      }
    }
    setTimeout(connect, Math.min(8000, 300 * 2 ** Math.min(tries, 5)) * (0.5 + Math.random() / 2));
    return undefined;
  };
}

function login() {
  state.me = { name: null, role: null, login: true };
  changed();
}
window.addEventListener("k230-login", login);

function picture(buffer) {
  const view = new DataView(buffer);
  const length = view.getUint32(0);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const jpeg = new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" });
  const handlers = sinks.get(head.board);
  if (handlers) handlers.picture({ ...head, jpeg });
  else painted(head.board);
}

function keep(map, board, row, limit) {
  const rows = map.get(board) || [];
  rows.unshift(row);
  if (rows.length > limit) rows.length = limit;
  map.set(board, rows);
}

function picturesOf(board) {
  const known = state.pictures.get(board) || new Set();
  state.pictures.set(board, known);
  if (known.size > EVENTS) known.delete(known.values().next().value);
  return known;
}

const takers = {
  me: (row) => {
    state.me = { ...state.me, name: row.name, role: row.role };
  },
  boards: (row) => {
    state.order = row.boards.map((board) => board.id);
    state.boards = new Map(row.boards.map((board) => [board.id, board]));
    for (const board of row.boards) {
      for (const job of board.jobs || []) state.jobs.set(job.job, job);
    }
  },
  board: (row) => {
    if (!state.boards.has(row.board.id)) state.order.push(row.board.id);
    state.boards.set(row.board.id, row.board);
  },
  figures: (row) => {
    const rows = state.figures.get(row.board) || [];
    rows.push(row.row);
    if (rows.length > POINTS) rows.shift();
    state.figures.set(row.board, rows);
  },
  results: (row) => {
    for (const result of row.rows) {
      const handlers = sinks.get(result.board);
      if (handlers) handlers.result(result);
    }
  },
  lines: (row) => {
    for (const line of row.rows) {
      if (line.op === "log") keep(state.logs, line.board, line, LINES);
      else if (line.op === "event.picture") picturesOf(line.board).add(line.n);
      else keep(state.events, line.board, line, EVENTS);
    }
  },
  job: (row) => {
    if (row.over) {
      state.jobs.delete(row.job);
      if (row.error && row.by !== state.me?.name) toast(row.error.message, "bad");
    } else state.jobs.set(row.job, row);
  },
};

function take(row) {
  const taker = takers[row.op];
  if (!taker) return;
  taker(row);
  if (row.op !== "results") changed();
}

let toasts = 0;
export function toast(text, kind = "good") {
  toasts += 1;
  const row = { text: String(text), kind, n: toasts };
  state.toasts = [...state.toasts.slice(-3), row];
  changed();
  setTimeout(() => {
    state.toasts = state.toasts.filter((other) => other !== row);
    changed();
  }, kind === "bad" ? 9000 : 4000);
}

export const mayChange = () => state.me?.role === "admin";

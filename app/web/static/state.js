// What the page knows, and the live stream that fills it.

import { colour } from "./draw.js";

export const state = {
  places: [], messages: new Map(), status: null, figures: null,
  role: "reader", formToken: "", open: false, title: "The Stream", demo: null,
  loaded: false, link: "connecting", store: { ok: true, why: "" },
  place: null, chosen: null, why: null, replyTo: null, unread: new Map(),
};

export const canAct = () => state.role === "full";
export const bots = () => state.status?.bots ?? [];
export const bot = (key) => bots().find((one) => one.bot === key);
export const botName = (key) => bot(key)?.name ?? key;
export const place = (id) => state.places.find((one) => one.id === id);
export const placeName = (one) => (one ? (one.direct ? one.name || "private talk" : `#${one.name}`) : "an unknown place");

// What somebody is called, by account id.
export function called(id) {
  const ours = bots().find((one) => one.account === id);
  if (ours) return ours.name;
  for (const one of state.messages.values()) if (one.author === id && one.name) return one.name;
  return state.demo?.people.find((one) => one.id === id)?.name ?? null;
}

export const inPlace = (id) => [...state.messages.values()].filter((one) => one.place === id)
  .sort((one, other) => one.at_ms - other.at_ms || (one.id < other.id ? -1 : 1));

function take(piece) {
  if (piece.type === "message") {
    const known = state.messages.get(piece.id);
    // A bot's post is told twice: as an answer, and as a message that others may answer.
    const both = known && piece.bot ? { ...known, ...piece, text: piece.text ?? known.text, story: piece.story ?? known.story } : piece;
    state.messages.set(piece.id, both);
    if (!known && state.loaded && piece.place !== state.place) state.unread.set(piece.place, (state.unread.get(piece.place) ?? 0) + 1);
  } else if (piece.type === "gone") state.messages.delete(piece.id);
  else if (piece.type === "places") state.places = [...(piece.direct ? state.places : piece.places), ...(piece.direct ? piece.places : state.places)]
    .filter((one, at, all) => all.findIndex((other) => other.id === one.id) === at);
  else if (piece.type === "status") {
    state.status = piece;
    piece.bots.forEach((one) => colour(one.bot));
  }
  if (piece.type === "figures") state.figures = piece;
  else if (piece.type === "store") state.store = piece;
}

function takeAll(all) {
  Object.assign(state, { role: all.role, formToken: all.form_token, open: all.open, title: all.title, demo: all.demo });
  // In place of what was known: a message that was forgotten while the line was down has told nobody.
  state.messages.clear();
  state.loaded = false;
  all.pieces.forEach(take);
  state.loaded = all.loaded;
}

export function connect(changed) {
  const source = new EventSource("/api/events");
  source.onmessage = ({ data }) => {
    const piece = JSON.parse(data);
    if (piece.type === "all") takeAll(piece);
    else take(piece);
    state.link = "live";
    changed(piece);
  };
  source.onerror = () => {
    state.link = "lost";
    changed({ type: "link" });
    // The browser connects again by itself, but for an answer that is no stream: logged out, or too many pages.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => again(changed), 1500);
  };
}

async function again(changed) {
  // The stream hides why it was refused. A plain request tells a session that ended from a server that is away.
  const answer = await fetch("/", { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) location.reload();
  else connect(changed);
}

export async function ask(what) {
  const answer = await fetch(what);
  const found = await answer.json().catch(() => ({ error: "the server gave no answer" }));
  if (!answer.ok) throw new Error(found.error ?? "the server refused");
  return found;
}

export async function send(what, form) {
  const headers = { "Content-Type": "application/json", "X-Stream-Form": state.formToken };
  const answer = await fetch(what, { method: "POST", headers, body: JSON.stringify(form) });
  const text = await answer.text();
  let found = {};
  try { found = JSON.parse(text); } catch { found = { error: text }; }
  if (!answer.ok) throw new Error(found.error || "the server refused");
  return found;
}

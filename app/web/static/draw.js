// How things are drawn. Whatever came from elsewhere becomes a text node or an attribute, never HTML.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = 9;

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

// An element with attributes; `data-act` names what a click does (see page.js).
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

export const button = (act, label, attributes = {}, ...children) =>
  el("button", { type: "button", "data-act": act, "aria-label": children.length ? label : null, title: children.length ? label : null,
    ...attributes }, ...(children.length ? children : [label]));

// Make what is shown like what was drawn anew, and keep every node that may stay: focus, typed text and scrolling live in them.
export function morph(parent, fresh) {
  const byId = new Map([...parent.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = parent.firstChild;
  for (const node of fresh) {
    if (!node) continue;
    const known = node.id ? byId.get(node.id) : at && !at.id ? at : null;
    if (known && known.nodeName === node.nodeName) {
      if (known === at) at = at.nextSibling;
      else parent.insertBefore(known, at);
      become(known, node);
    } else parent.insertBefore(node, at);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function become(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // Whether a `details` is open is the reader's doing, which no drawing undoes.
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morph(old, [...fresh.childNodes]);
}

// ---- words

export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export const seconds = (ms) => (ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`);

export function lasting(total) {
  if (total < 90) return `${Math.round(total)} s`;
  if (total < 5400) return `${Math.round(total / 60)} min`;
  return total < 172800 ? `${Math.round(total / 3600)} h` : `${Math.round(total / 86400)} d`;
}

export function amount(count) {
  if (count >= 1e6) return `${Number((count / 1e6).toFixed(1))}M`;
  return count >= 1e4 ? `${Math.round(count / 1000)}k` : String(Math.round(count));
}

export const dollars = (usd) => `$${usd >= 100 ? usd.toFixed(0) : usd >= 1 || usd === 0 ? usd.toFixed(2) : usd.toFixed(4)}`;

// ---- people and bots

const taken = new Map();

// The same colour for the same name, wherever it is drawn; the next free one for who comes next.
export function colour(key) {
  if (!taken.has(key)) taken.set(key, `c${taken.size % COLOURS}`);
  return taken.get(key);
}

export function avatar(key, name, size = "") {
  const letters = [...name.replace(/[^\p{L}\p{N}]/gu, "")].slice(0, size === "tiny" ? 1 : 2).join("");
  return el("span", { class: `avatar ${size} ${colour(key)}`, "aria-hidden": "true" }, letters || "?");
}

export const named = (key, name) => el("span", { class: `name ${colour(key)}` }, name);

// A text with its mentions as names.
export const spoken = (text, called) => text.split(/(<@!?\d{1,20}>)/).map((part) => {
  const id = /^<@!?(\d+)>$/.exec(part)?.[1];
  return id && called(id) ? el("span", { class: "mention" }, `@${called(id)}`) : part;
});

export const plain = (text, called) => text.replace(/<@!?(\d{1,20})>/g, (whole, id) => (called(id) ? `@${called(id)}` : whole));

// The head of a table, of texts; `{ figure }` stands above figures, `{ hidden }` is read out and not drawn.
export const heads = (...words) => el("thead", {}, el("tr", {}, ...words.map((word) => el("th", { scope: "col", class: word.figure ? "figure" : null },
  word.hidden ? el("span", { class: "hidden" }, word.hidden) : word.figure ?? word))));

export const empty = (title, text) => el("div", { class: "empty" }, el("p", {}, el("strong", {}, title)), el("p", {}, text));

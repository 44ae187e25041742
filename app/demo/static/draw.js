// How a channel is drawn. Every text that came from a message goes through textContent, never through HTML.

export function el(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

export function button(className, label, act, ...children) {
  const node = el("button", className, ...children);
  node.type = "button";
  if (label) node.setAttribute("aria-label", node.title = label);
  node.addEventListener("click", act);
  return node;
}

export function avatar(account, size = "") {
  const node = el("span", `avatar ${size} ${account.color}`, account.name.slice(0, size === "tiny" ? 1 : 2));
  node.setAttribute("aria-hidden", "true");
  return node;
}

export const name = (account) => el("span", `name ${account.color}`, account.name);

export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

export const seconds = (ms) => (ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : `${(ms / 1000).toFixed(1)} s`);

// The text with its mentions as names: a list of strings and nodes.
export function spoken(state, text) {
  return text.split(/(<@!?\d{1,20}>)/).map((part) => {
    const id = /^<@!?(\d+)>$/.exec(part)?.[1];
    return id && state.accounts.has(id) ? el("span", "mention", `@${state.accounts.get(id).name}`) : part;
  });
}

export const plain = (state, text) => el("span", "", ...spoken(state, text)).textContent;

function head(state, message, author) {
  const time = el("time", "", clock(message.at));
  time.dateTime = new Date(message.at).toISOString();
  const parts = [name(author)];
  if (author.bot) parts.push(el("span", "badge", "BOT"));
  return el("div", "head", ...parts, time);
}

function quote(state, message, acts) {
  const target = state.messages.get(message.reply_to);
  if (!target) return el("div", "quote", el("span", "what", "an earlier message"));
  const author = state.account(target);
  return button("quote", "", () => acts.choose(target.id), avatar(author, "tiny"), name(author),
    el("span", "what", plain(state, target.text)));
}

function body(state, message) {
  if (message.deleted) return el("div", "text", "This message was deleted.");
  const text = el("div", "text", ...spoken(state, message.text));
  if (message.edited) text.append(el("span", "edited", "(edited)"));
  return text;
}

function reactions(state, message, acts) {
  const box = el("div", "reactions");
  for (const [emoji, by] of message.reactions) {
    const mine = by.has(state.me);
    const who = [...by].map((id) => state.accounts.get(id)?.name ?? "somebody").join(", ");
    box.append(button(mine ? "mine" : "", `${emoji} ${who}`, () => acts.react(message.id, emoji, mine), `${emoji} ${by.size}`));
  }
  return box;
}

function tools(message, acts) {
  const quick = ["👍", "❤️", "😂", "👀"].map((emoji) =>
    button("", `React with ${emoji}`, () => acts.react(message.id, emoji, false), emoji));
  return el("div", "tools", ...quick, button("", "Reply", () => acts.reply(message.id), "↩"));
}

const GROUP_MS = 5 * 60 * 1000;

// One message as a list item. `before` is the message above it, if any.
export function messageRow(state, message, before, acts, outcome) {
  const author = state.account(message);
  const follows = before && before.author === message.author && !message.reply_to && message.at - before.at < GROUP_MS;
  const row = el("li", "message", avatar(author));
  row.id = `m${message.id}`;
  row.classList.toggle("follows", Boolean(follows));
  row.classList.toggle("reply", Boolean(message.reply_to));
  row.classList.toggle("deleted", message.deleted);
  row.classList.toggle("chosen", state.chosen === message.id);
  if (message.reply_to) row.append(quote(state, message, acts));
  row.append(head(state, message, author), body(state, message));
  if (message.reactions.size) row.append(reactions(state, message, acts));
  if (outcome) row.append(button(`outcome ${outcome.kind}`, "", () => acts.choose(message.id), outcome.text));
  if (!message.deleted) row.append(tools(message, acts));
  return row;
}

// The page's state, the live stream that fills it, and the box to talk.

import { avatar, button, el, messageRow, name, plain } from "./draw.js";
import { card, outcome, score } from "./decisions.js";

const $ = (id) => document.getElementById(id);
const CARDS = 40;
const TYPING_MS = 8000;

const state = {
  accounts: new Map(), messages: new Map(), channels: [], dms: [], unread: new Map(), typing: new Map(),
  me: null, channel: null, chosen: null, replyTo: null,
  account(message) {
    return this.accounts.get(message.author) ?? { id: message.author, name: message.name, bot: message.bot, color: "c9", key: message.name };
  },
  bot(key) {
    return [...this.accounts.values()].find((one) => one.bot && one.key === key) ?? { name: key, color: "c9", key };
  },
  channelName(id) {
    const dm = this.dms.find((one) => one.id === id);
    return dm ? `@${this.accounts.get(dm.bot).name}` : `#${this.channels.find((one) => one.id === id)?.name ?? "?"}`;
  },
};

const acts = {
  choose(id) {
    const message = state.messages.get(id);
    state.chosen = id;
    if (message && message.channel !== state.channel) openChannel(message.channel);
    drawAll();
    $(`m${id}`)?.scrollIntoView({ block: "nearest" });
    $(`d${id}`)?.scrollIntoView({ block: "nearest" });
  },
  reply(id) {
    state.replyTo = id;
    drawReplying();
    $("text").focus();
  },
  react: (message, emoji, removed) => send("react", { person: state.me, message, emoji, removed }),
};

async function send(what, form) {
  const answer = await fetch(`/page/${what}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(form),
  }).catch(() => null);
  if (!answer?.ok) link(answer ? `refused: ${await answer.text()}` : "not connected", true);
  return Boolean(answer?.ok);
}

// ---- the live stream

function connect() {
  const source = new EventSource("/page/events");
  source.onopen = () => link("live", false);
  source.onerror = () => link(source.readyState === EventSource.CLOSED ? "refused: open the address that the demo printed" : "reconnecting …", true);
  source.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    on[event.type]?.(event);
  };
}

function link(text, lost) {
  $("link").textContent = text;
  $("link").classList.toggle("lost", lost);
}

const on = {
  snapshot(event) {
    const colors = [...event.bots, ...event.people];
    state.accounts = new Map(colors.map((one, i) => [one.id, { ...one, color: `c${i % 9}`, key: one.name.toLowerCase() }]));
    Object.assign(state, { channels: event.channels, dms: event.dms, people: event.people, bots: event.bots, messages: new Map() });
    state.me ??= event.people[0]?.id;
    state.channel ??= event.channels[0]?.id;
    $("title").textContent = document.title = event.title;
    event.messages.forEach(keep);
    event.reactions.forEach(applyReaction);
    event.decisions.forEach((line) => state.messages.get(line.id)?.decisions.push(line));
    drawAll();
  },
  message(event) {
    keep(event);
    state.typing.delete(`${event.channel} ${event.author}`);
    if (event.channel !== state.channel) state.unread.set(event.channel, (state.unread.get(event.channel) ?? 0) + 1);
    if (event.channel === state.channel) appendMessage(state.messages.get(event.id));
    if (event.reply_to) drawMessage(event.reply_to);
    drawSidebar();
    drawTyping();
    drawScore();
  },
  reaction(event) {
    applyReaction(event);
    drawMessage(event.id);
  },
  edit(event) {
    change(event.id, { text: event.text, edited: true });
  },
  deletion(event) {
    change(event.id, { deleted: true });
  },
  typing(event) {
    state.typing.set(`${event.channel} ${event.author}`, Date.now() + TYPING_MS);
    drawTyping();
    setTimeout(drawTyping, TYPING_MS + 100);
  },
  decision(event) {
    state.messages.get(event.id)?.decisions.push(event);
    drawMessage(event.id);
  },
};

function keep(event) {
  state.messages.set(event.id, { ...event, reactions: new Map(), decisions: [] });
}

function change(id, fields) {
  const message = state.messages.get(id);
  if (message) Object.assign(message, fields);
  drawMessage(id);
}

function applyReaction({ id, emoji, author, removed }) {
  const by = state.messages.get(id)?.reactions;
  if (!by) return;
  if (!by.has(emoji)) by.set(emoji, new Set());
  if (removed) by.get(emoji).delete(author);
  else by.get(emoji).add(author);
  if (!by.get(emoji).size) by.delete(emoji);
}

// ---- drawing

function drawAll() {
  drawSidebar();
  drawChannel();
  drawCards();
  drawScore();
  drawTyping();
  drawReplying();
}

function openChannel(id) {
  state.channel = id;
  state.unread.delete(id);
  state.replyTo = null;
  drawAll();
}

function channelItem(id, ...inside) {
  const node = el("li", id === state.channel ? "open" : "", button("", "", () => openChannel(id), ...inside));
  const unread = state.unread.get(id);
  if (unread) {
    node.classList.add("unread");
    node.firstChild.dataset.unread = unread;
  }
  return node;
}

function drawSidebar() {
  $("channels").replaceChildren(...state.channels.map((one) => channelItem(one.id, el("span", "hash", "#"), one.name)));
  const own = state.dms.filter((one) => one.person === state.me);
  $("dms").replaceChildren(...own.map((one) => channelItem(one.id, avatar(state.accounts.get(one.bot), "small"), state.accounts.get(one.bot).name)));
  $("bots").replaceChildren(...(state.bots ?? []).map((one) => {
    const bot = state.accounts.get(one.id);
    return el("li", "", button("", `Mention ${bot.name}`, () => mention(bot), avatar(bot, "small"), name(bot), el("span", "badge", "BOT")));
  }));
  $("person").replaceChildren(...(state.people ?? []).map((one) => new Option(one.name, one.id, false, one.id === state.me)));
  if (state.accounts.has(state.me)) $("me-avatar").replaceWith(Object.assign(avatar(state.accounts.get(state.me)), { id: "me-avatar" }));
}

const inChannel = () => [...state.messages.values()].filter((one) => one.channel === state.channel);

function drawChannel() {
  const dm = state.dms.find((one) => one.id === state.channel);
  const channel = state.channels.find((one) => one.id === state.channel);
  $("channel-name").textContent = state.channelName(state.channel).slice(1);
  document.querySelector("main .hash").textContent = dm ? "@" : "#";
  $("topic").textContent = dm ? "direct messages are always answered" : channel?.topic ?? "";
  $("text").placeholder = `Message ${state.channelName(state.channel)}`;
  const messages = inChannel();
  $("messages").replaceChildren(...messages.map((one, i) => messageRow(state, one, messages[i - 1], acts, outcome(state, one))));
  $("messages").scrollTop = $("messages").scrollHeight;
}

function pinned(change) {
  const box = $("messages");
  const below = box.scrollHeight - box.scrollTop - box.clientHeight < 80;
  change();
  if (below) box.scrollTop = box.scrollHeight;
}

function appendMessage(message) {
  const row = messageRow(state, message, inChannel().at(-2), acts, outcome(state, message));
  row.classList.add("new");
  pinned(() => $("messages").append(row));
}

function drawMessage(id) {
  const message = state.messages.get(id);
  if (!message) return;
  const row = $(`m${id}`);
  if (row) {
    const above = row.previousElementSibling?.id.slice(1);
    pinned(() => row.replaceWith(messageRow(state, message, state.messages.get(above), acts, outcome(state, message))));
  }
  if (!message.decisions.length) return;
  const old = $(`d${id}`);
  const fresh = card(state, message, acts);
  if (old) old.replaceWith(fresh);
  else insertCard(fresh, id);
  drawScore();
}

function insertCard(fresh, id) {
  const cards = $("cards");
  cards.querySelector(".empty")?.remove();
  fresh.classList.add("new");
  const older = [...cards.children].find((one) => BigInt(one.id.slice(1)) < BigInt(id));
  cards.insertBefore(fresh, older ?? null);
  while (cards.children.length > CARDS) cards.lastChild.remove();
}

function drawCards() {
  const decided = [...state.messages.values()].filter((one) => one.decisions.length).slice(-CARDS).reverse();
  const none = el("li", "empty", "Nothing decided yet. Say something.");
  $("cards").replaceChildren(...(decided.length ? decided.map((one) => card(state, one, acts)) : [none]));
}

function drawScore() {
  $("score").replaceChildren(...score(state).map(([word, value, kind]) => el("div", kind, el("dt", "", word), el("dd", "", String(value)))));
}

function drawTyping() {
  const now = Date.now();
  const who = [...state.typing].filter(([key, until]) => key.startsWith(`${state.channel} `) && until > now)
    .map(([key]) => state.accounts.get(key.split(" ")[1])).filter((one) => one && one.id !== state.me);
  if (!who.length) return $("typing").replaceChildren();
  const names = who.map((one) => one.name).join(" and ");
  return $("typing").replaceChildren(el("span", "dots", el("i"), el("i"), el("i")), `${names} ${who.length > 1 ? "are" : "is"} typing …`);
}

function drawReplying() {
  const target = state.messages.get(state.replyTo);
  $("replying").hidden = !target;
  if (target) $("replying").firstElementChild.textContent = `Replying to ${state.account(target).name}: ${plain(state, target.text).slice(0, 60)}`;
}

// ---- the box to talk

function mention(bot) {
  const box = $("text");
  box.value = `${box.value}${box.value && !box.value.endsWith(" ") ? " " : ""}@${bot.name} `;
  box.focus();
}

async function say() {
  const text = $("text").value.trim();
  if (!text) return;
  const form = { person: state.me, channel: state.channel, text, reply_to: state.replyTo };
  if (!(await send("say", form))) return;
  $("text").value = "";
  state.replyTo = null;
  drawReplying();
}

let lastTyping = 0;
$("text").addEventListener("input", () => {
  if (Date.now() - lastTyping < TYPING_MS) return;
  lastTyping = Date.now();
  send("typing", { person: state.me, channel: state.channel });
});
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  lastTyping = 0;
  say();
});
$("replying").querySelector("button").addEventListener("click", () => {
  state.replyTo = null;
  drawReplying();
});
$("person").addEventListener("change", (event) => {
  state.me = event.target.value;
  if (state.dms.some((one) => one.id === state.channel)) state.channel = state.channels[0].id;
  drawAll();
});

history.replaceState(null, "", "/");  // the token is a cookie now and belongs on no screenshot
connect();

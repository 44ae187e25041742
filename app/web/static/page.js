// The rooms, what a click does, and when what is drawn.

import { button, el, morph } from "./draw.js";
import { detail, legend } from "./decisions.js";
import { ask, connect, place, placeName, send, state } from "./state.js";
import { botsView, costsView, failedView, glance, needsLook, overviewView, searchView, unansweredView } from "./rooms.js";
import { mutes, mutesView } from "./mutes.js";
import { talkView } from "./talk.js";

const $ = (id) => document.getElementById(id);
const ROOMS = {
  overview: ["Overview", overviewView], bots: ["Bots", botsView], unanswered: ["Unanswered", unansweredView],
  failed: ["Could not be sent", failedView], mutes: ["Mutes", mutesView], costs: ["Costs", costsView],
};
const ASK_EVERY_MS = 10_000;

Object.assign(state, { room: "", found: { search: {} }, costs: { by: "bot", days: "1" } });

// ---- where we are

function route() {
  const [kind, id] = location.hash.replace(/^#\/?/, "").split("/");
  state.room = kind in ROOMS || kind === "search" ? kind : "talk";
  if (kind === "c" && id) state.place = id;
  if (state.room === "talk") state.unread.delete(state.place);
  if (kind === "search") search(decodeURIComponent(id ?? ""));
  refresh();
  draw();
  // On a phone the rooms stand in a row that scrolls.
  requestAnimationFrame(() => document.querySelector("nav a[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }));
}

function chooseFirst() {
  if (place(state.place)) return;
  const lively = state.places.filter((one) => one.lively);
  const newest = [...state.messages.values()].filter((one) => lively.some((each) => each.id === one.place)).sort((a, b) => b.at_ms - a.at_ms)[0];
  state.place = newest?.place ?? lively[0]?.id ?? state.places[0]?.id ?? null;
}

// ---- what is drawn

function navigation() {
  const counts = { unanswered: 0, failed: state.status?.dead.length ?? 0, mutes: mutes().length, bots: 0, overview: needsLook() };
  const item = (href, here, text, count, extra = null) => el("li", {}, el("a", { href, "aria-current": here ? "page" : null }, text,
    count ? el("span", { class: "count" }, String(count), el("span", { class: "hidden" }, " new")) : null, extra));
  const groups = new Map();
  for (const one of state.places) {
    const title = one.direct ? "In private" : "Channels";
    const group = groups.get(`${title}${one.guild}`) ?? { title, guild: one.guild, places: [] };
    groups.set(`${title}${one.guild}`, group);
    group.places.push(one);
  }
  const several = [...groups.values()].filter((one) => one.title === "Channels").length > 1;
  return [
    el("ul", { class: "rooms" }, ...Object.entries(ROOMS).map(([key, [title]]) => item(`#/${key}`, state.room === key, title, counts[key]))),
    ...[...groups.values()].flatMap((group) => [el("h2", {}, several && group.guild ? `${group.title} of ${group.guild}` : group.title),
      el("ul", { class: "places" }, ...group.places.map((one) => item(`#/c/${one.id}`, state.room === "talk" && state.place === one.id,
        one.direct ? one.name || `private talk ${one.id.slice(-4)}` : [el("span", { class: "hash", "aria-hidden": "true" }, "#"), one.name], state.unread.get(one.id))))]),
  ];
}

function sidePane() {
  const message = state.messages.get(state.chosen);
  if (message) return detail(message, state.why?.message === message.id ? state.why : null);
  return [el("header", { class: "bar-top" }, el("h2", {}, "Now"), el("span", { class: "soft" }, "the last hour")), el("div", { class: "scroll" }, ...glance(), state.demo ? legend() : null)];
}

function banner() {
  if (state.link === "lost") return "The server does not answer. This page connects again by itself; what it shows may be old.";
  if (!state.store.ok) return `Redis cannot be read: ${state.store.why} Mutes may not reach the bots. This page looks again each second.`;
  return "";
}

let asked = false;
function draw() {
  if (asked) return;
  asked = true;
  // Pieces come many at a time: one drawing a frame shows them all.
  requestAnimationFrame(() => {
    asked = false;
    drawNow();
  });
}

function drawNow() {
  if (state.room === "talk") chooseFirst();
  const list = () => $(`in${state.place}`);
  const before = list();
  // Whoever reads further up is not pulled down by what comes.
  const pinned = !before || before.scrollHeight - before.scrollTop - before.clientHeight < 80;
  const title = state.room === "talk" ? placeName(place(state.place)) : ROOMS[state.room]?.[0] ?? "Search";
  document.title = `${title} · ${state.title}`;
  $("title").textContent = state.title;
  $("link").textContent = { live: "live", lost: "connection lost", connecting: "connecting …" }[state.link];
  $("link").className = state.link;
  $("banner").textContent = banner();
  document.body.classList.toggle("detailed", state.messages.has(state.chosen));
  // The overview holds what the side would show.
  document.body.classList.toggle("alone", state.room === "overview" && !state.messages.has(state.chosen));
  morph($("nav"), navigation());
  morph($("main"), state.room === "talk" ? talkView() : state.room === "search" ? searchView() : ROOMS[state.room][1]());
  morph($("side"), document.body.classList.contains("alone") ? [] : sidePane());
  morph($("who"), [el("span", { class: "soft" }, state.role === "full" ? "" : "looking only"), state.open ? null : button("logout", "Log out")]);
  $("skip-to-box").hidden = !$("text");
  if (pinned && list()) list().scrollTop = list().scrollHeight;
}

function say(text, bad = false) {
  $("said").textContent = text;
  $("said").className = bad ? "bad" : "good";
  clearTimeout(say.timer);
  say.timer = setTimeout(() => ($("said").textContent = ""), 6000);
}

// ---- what the server is asked

async function question(what, keep) {
  try {
    keep(await ask(what));
  } catch (error) {
    say(error.message, true);
  }
  draw();
}

async function search(query) {
  // Going back to a search shows what it found; only another one asks the server.
  if (state.found.search.query === query) return;
  state.found.search = { query };
  let answer;
  try {
    answer = { query, found: (await ask(`/api/search?q=${encodeURIComponent(query)}`)).found };
  } catch (error) {
    answer = { query, why: error.message };
  }
  // Answers may come in another order than questions: only what is still asked for is shown.
  if (state.found.search.query === query) state.found.search = answer;
  draw();
}

function refresh() {
  if (state.room === "unanswered") question("/api/unanswered?since=1h", (found) => (state.found.unanswered = found.found));
  if (state.room !== "costs") return;
  const { by, days } = state.costs;
  question(`/api/costs?by=${by}&days=${days}`, (found) => {
    if (by === state.costs.by && days === state.costs.days) state.found.costs = found.costs;
  });
}

function explain() {
  const id = state.chosen;
  // A post that is not in Discord yet has the outbox's id, which `why` does not know.
  if (!/^\d+$/.test(id ?? "")) return;
  ask(`/api/why/${id}`).then((why) => {
    if (id === state.chosen) state.why = why;
    draw();
  }).catch(() => null);
}

// ---- what a click does

async function deed(what, form, done) {
  try {
    say(done(await send(what, form)));
  } catch (error) {
    say(error.message, true);
  }
}

const acts = {
  choose: ({ id }) => {
    state.chosen = state.chosen === id ? null : id;
    explain();
    draw();
    if (state.chosen && matchMedia("(max-width: 1180px)").matches) requestAnimationFrame(() => $("side").querySelector("button")?.focus());
  },
  unchoose: () => {
    const from = $(`m${state.chosen}`)?.querySelector(".sentence");
    state.chosen = null;
    draw();
    from?.focus();
  },
  show: ({ id }) => {
    $(`m${id}`)?.scrollIntoView({ block: "center" });
    $(`m${id}`)?.querySelector("button")?.focus();
  },
  unmute: ({ scope }) => deed("/api/unmute", { scope }, () => "Unmuted."),
  retry: ({ entry }) => deed("/api/retry", { entry }, () => "It is sent again."),
  logout: async () => {
    await send("/logout", {}).catch(() => null);
    location.reload();
  },
  reply: ({ id }) => {
    state.replyTo = id;
    drawNow();
    $("text")?.focus();
  },
  unreply: () => {
    state.replyTo = null;
    draw();
  },
  react: ({ id, emoji }) => deed("/demo/react", { person: person(), message: id, emoji }, () => "Reacted."),
};

const person = () => document.querySelector("#say select")?.value;

const forms = {
  mute: (form, fields) => deed("/api/mute", { scope: form.dataset.scope + (fields.get("where") ?? ""), for: fields.get("for") },
    (found) => (found.acknowledged ? "Muted: no message is on its way any more." : "Muted. One message was still on its way.")),
  costs: () => null,
  say: async (form, fields) => {
    const text = fields.get("text").trim();
    if (!text) return;
    try {
      await send("/demo/say", { person: fields.get("person"), channel: state.place, text, reply_to: state.replyTo });
    } catch (error) {
      say(error.message, true);
      return;
    }
    form.elements.text.value = "";
    state.replyTo = null;
    draw();
  },
};

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-act]");
  if (target) acts[target.dataset.act](target.dataset);
});
document.addEventListener("submit", (event) => {
  const { form } = event.target.dataset;
  if (event.target.id === "search") {
    event.preventDefault();
    const query = $("query").value.trim();
    if (query) location.hash = `#/search/${encodeURIComponent(query)}`;
  } else if (form) {
    event.preventDefault();
    forms[form](event.target, new FormData(event.target));
    event.target.closest("details")?.removeAttribute("open");
  }
});
document.addEventListener("change", (event) => {
  if (event.target.dataset.change !== "costs") return;
  state.costs[event.target.name] = event.target.value;
  state.found.costs = null;
  draw();
  refresh();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && state.chosen) acts.unchoose();
  // While a word is composed (Japanese, Chinese), Enter chooses it and sends nothing.
  if (event.target.id !== "text" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});

$("skip").addEventListener("click", (event) => {
  event.preventDefault();
  ($(`in${state.place}`) ?? $("main")).focus();
});
$("skip-to-box").addEventListener("click", (event) => {
  event.preventDefault();
  $("text")?.focus();
});
addEventListener("hashchange", route);
setInterval(refresh, ASK_EVERY_MS);
connect((piece) => {
  if (piece.type === "all" || piece.id === state.chosen) explain();
  draw();
});
route();

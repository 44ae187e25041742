// The other rooms: how all is, bots, what nobody answered, what could not be sent, costs, what was found.

import { amount, avatar, button, dollars, el, empty, heads, lasting, named } from "./draw.js";
import { cards, legend } from "./decisions.js";
import { charts, tiles } from "./charts.js";
import { bots, botName, canAct, state } from "./state.js";
import { muteForm, mutesOfBot, scopeName } from "./mutes.js";

const head = (title, ...more) => el("header", { class: "bar-top" }, el("h1", {}, title), ...more);
const page = (title, ...children) => [head(title), el("div", { class: "scroll page" }, ...children)];

// ---- health

function troubles() {
  const status = state.status;
  if (!status) return [];
  const found = [];
  for (const one of status.bots) {
    if (one.error) found.push(`${one.name} has ended: ${one.error}`);
    else if (!one.connected) found.push(`${one.name} is not connected to Discord`);
  }
  for (const one of status.model_troubles) found.push(`The model of ${botName(one.bot)} fails: ${one.model}: ${one.fault}${one.remedy ? `; ${one.remedy}` : ""}`);
  const served = new Set(Object.values(status.workers).flat());
  for (const queue of ["direct", "cycles", "delivery", "chores"]) if (!served.has(queue)) found.push(`No worker serves the queue ${queue}`);
  if (!status.beat) found.push("Beat does not tick: no safety poll");
  if (status.dead.length) found.push(`${status.dead.length} post(s) could not be sent`);
  return found;
}

function health() {
  const found = troubles();
  if (!state.status) return el("p", { class: "health" }, "Loading …");
  if (found.length) return el("div", { class: "health bad" }, el("strong", {}, "Needs a look"), el("ul", {}, ...found.map((text) => el("li", {}, text))));
  return el("p", { class: "health good" }, el("strong", {}, "All is well."), ` ${state.status.bots.length} bots listen, ${Object.keys(state.status.workers).length} workers serve them.`);
}

export const needsLook = () => troubles().length;

// ---- bots

function meter(used) {
  const share = used.cap ? Math.min(1, used.spent / used.cap) : 0;
  const shown = used.what === "usd" ? [dollars(used.spent), dollars(used.cap)] : [amount(used.spent), amount(used.cap)];
  const word = { posts: "posts", tokens: "tokens", usd: "cost" }[used.what] ?? used.what;
  return el("div", { class: `meter ${share >= 0.9 ? "full" : ""}` }, el("span", {}, word),
    el("span", { class: `bar w${Math.ceil(share * 20)}`, "aria-hidden": "true" }, el("i")), el("span", {}, `${shown[0]} of ${shown[1]}`));
}

function standing(one) {
  if (one.error) return ["bad", "has ended"];
  if (!one.connected) return ["bad", "not connected"];
  const muted = mutesOfBot(one.bot);
  if (muted.length) return ["busy", `muted: ${scopeName(muted[0].scope)}`];
  if (state.status.model_troubles.some((each) => each.bot === one.bot)) return ["bad", "its model fails"];
  return one.cooldown_s ? ["cool", `cooling down, ${lasting(one.cooldown_s)}`] : ["good", "ready"];
}

function botCard(one, full) {
  const [kind, words] = standing(one);
  return el("li", { class: "bot", id: `b${full ? "full" : ""}${one.bot}` }, avatar(one.bot, one.name, "small"),
    el("div", {}, el("p", { class: "head" }, named(one.bot, one.name), el("span", { class: `lamp ${kind}` }, words)),
      full ? [...one.used.map(meter),
        el("p", { class: "soft" }, `${one.waiting} on the way to Discord · ${one.dead_letters} could not be sent${one.since ? ` · connected for ${lasting(Date.now() / 1000 - one.since)}` : ""}`),
        canAct() ? el("details", { class: "drop", id: `mute-${one.bot}` }, el("summary", {}, `Mute ${one.name}`), muteForm(`bot:${one.bot}`, one.name, true)) : null]
        : el("p", { class: "soft" }, `${amount(one.used[0].spent)} posts · ${amount(one.used[1].spent)} tokens · ${dollars(one.used[2].spent)} today`)));
}

const botList = (full) => (bots().length ? el("ul", { class: "bots" }, ...bots().map((one) => botCard(one, full)))
  : empty("No bot yet", "Each bot whose gateway runs stands here: connected or not, cooling down or ready, what it spent of its budgets."));

export const botsView = () => page("Bots", health(), botList(true),
  bots().length ? el("section", {}, el("h2", {}, "All bots together, today"), ...state.status.all_bots.map(meter)) : null);

// ---- all at a glance

export function glance() {
  return [health(), tiles(state.figures), charts(state.figures), el("h2", {}, "Bots"), botList(false)];
}

export const overviewView = () => page("Overview", ...glance(), legend(), machine());

function machine() {
  const status = state.status;
  if (!status) return null;
  const rows = [
    ["due now", Object.entries(status.due).map(([name, due]) => `${due.now} ${name}`).join(", ")],
    ["tasks that wait", Object.entries(status.queues).map(([name, count]) => `${count} ${name}`).join(", ") || "unknown"],
    ["waits longest for an answer", status.oldest_unanswered_s === null ? "nobody" : lasting(status.oldest_unanswered_s)],
    ["Redis", status.redis.used_memory ? `${Math.round(status.redis.used_memory / 1e6)} MB` : "unknown"],
    ["dry run", status.dry_run ? "yes: nothing is posted" : "no"],
  ];
  return el("section", {}, el("h2", {}, "Underneath"), el("dl", { class: "facts" }, ...rows.map(([word, value]) => el("div", {}, el("dt", {}, word), el("dd", {}, value)))));
}

// ---- questions that the server is asked when the room is opened

export function unansweredView() {
  return page("Unanswered", el("p", { class: "soft" }, "What was said within the last hour and nobody answered, with the reason. Silence is often right."),
    state.found.unanswered ? cards(state.found.unanswered, empty("Nobody waits: all that moved a bot was answered, or would have been", "Messages of the last hour that moved a bot and got no answer will appear here.")) : el("p", {}, "Looking …"));
}

export function failedView() {
  const dead = state.status?.dead ?? [];
  return page("Could not be sent", dead.length ? el("table", {}, heads("Bot", "Reason", "Entry", { hidden: "Send it again" }),
    el("tbody", {}, ...dead.map((one) => el("tr", {}, el("td", {}, named(one.bot, botName(one.bot))), el("td", {}, one.reason), el("td", {}, el("code", {}, one.entry)),
      el("td", {}, canAct() ? button("retry", `Send again: ${one.entry}`, { "data-entry": one.entry }, "Send again") : null)))))
    : empty("Every post reached Discord", "A post that Discord refuses for good, or that failed for half an hour, will stand here with the reason and a button to send it again."));
}

export function costsView() {
  const found = state.found.costs;
  const most = Math.max(...(found ?? []).map((one) => one.usd || one.tokens / 1e9 || one.posts / 1e12), 1e-15);
  const choice = (name, values, chosen) => el("select", { name, "data-change": "costs" }, ...values.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
  return page("Costs", el("form", { class: "line", "data-form": "costs" },
    el("label", {}, "by ", choice("by", [["bot", "bot"], ["person", "person"], ["channel", "channel"]], state.costs.by)),
    el("label", {}, " over ", choice("days", [["1", "today"], ["2", "two days"], ["3", "three days"]], state.costs.days))),
  !found ? el("p", {}, "Looking …") : found.length ? el("table", {}, heads("Who", { hidden: "Share" }, { figure: "Posts" }, { figure: "Tokens" }, { figure: "US dollars" }),
    el("tbody", {}, ...found.map((one) => el("tr", {}, el("td", {}, state.costs.by === "bot" ? botName(one.id) : one.name), el("td", { class: "wide" },
      el("span", { class: `bar w${Math.round(((one.usd || one.tokens / 1e9 || one.posts / 1e12) / most) * 20)}`, "aria-hidden": "true" }, el("i"))),
    el("td", { class: "figure" }, String(one.posts)), el("td", { class: "figure" }, amount(one.tokens)), el("td", { class: "figure" }, dollars(one.usd))))))
    : empty("Nothing was spent", "Posts, tokens and US dollars will stand here, by bot, person or channel."));
}

export function searchView() {
  const { query, found, why } = state.found.search;
  return page(`Search: ${query}`, why ? el("p", { class: "health bad" }, why) : found ? cards(found) : el("p", {}, "Looking …"));
}

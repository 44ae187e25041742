// What the journal says about a message: who heard it, who bid what, who won, who yielded and why.

import { avatar, button, clock, el, name, plain, seconds } from "./draw.js";

const WORDS = {
  "admit direct": "is addressed",
  "admit opened": "bids first",
  "admit bid": "bids",
  "admit complete": "bids last",
  "admit passed": "does not bid",
  "admit late": "bids too late",
  "admit muted": "is muted",
  "admit exhausted": "has spent the budget",
  "elect granted": "wins the election",
  "elect deferred": "the election waits",
  "elect left": "left to the poll",
  "elect cooled": "everybody cools down",
  "elect addressed": "no election",
  "elect answered": "answered meanwhile",
  "elect re_elect": "elects again",
  "claim wait": "waits for the floor",
  "plan reply": "wants to reply",
  "plan react": "wants to react",
  "plan observe": "observes",
  "yield declined": "stays silent",
  "yield kept": "gives the floor back",
  "yield handed_over": "leaves it to the next one",
  "yield dropped": "lets it go",
  "commit committed": "commits the answer",
  "commit stale": "the draft went stale",
  "commit answered": "finds it answered",
  "deliver delivered": "delivered to Discord",
};

const PASS = "passes";

const replies = (state, message) => [...state.messages.values()].filter((one) => one.bot && one.reply_to === message.id);
const reactors = (message) => new Set([...message.reactions.values()].flatMap((by) => [...by]));

// The fate of each bot for one message: Map of bot name to {bid, won, word}.
export function fates(state, message) {
  const found = new Map();
  const fate = (bot) => found.get(bot) ?? found.set(bot, { bid: null, won: false, word: "" }).get(bot);
  for (const line of message.decisions) {
    if (line.bot === "stream") continue;
    const one = fate(line.bot);
    if (line.step === "admit") Object.assign(one, admitted(line));
    if (line.step === "elect" && line.verdict === "granted") {
      Object.assign(one, { won: true, word: "won" });
      for (const [bot, other] of found) if (bot !== line.bot && other.bid !== null) other.word = yielded(line, bot);
    }
    if (["declined", "dropped", "handed_over"].includes(line.verdict)) Object.assign(one, { won: false, word: "stays silent" });
    if (line.step === "commit" && line.verdict !== "committed") one.word = line.verdict.replace("_", " ");
  }
  for (const answer of replies(state, message)) {
    Object.assign(fate(state.account(answer).key), { won: true, word: `answered in ${seconds(answer.at - message.at)}` });
  }
  for (const id of reactors(message)) {
    const account = state.accounts.get(id);
    if (account?.bot && found.has(account.key) && !/answered/.test(fate(account.key).word)) {
      Object.assign(fate(account.key), { won: true, word: "reacted" });
    }
  }
  return found;
}

function admitted(line) {
  const bid = line.numbers.bid === undefined ? null : Number(line.numbers.bid);
  if (line.verdict === "direct") return { bid, won: true, word: "addressed" };
  if (["opened", "bid", "complete", "passed"].includes(line.verdict)) return { bid, word: bid === null ? PASS : "bids" };
  return { bid, word: line.verdict };
}

function yielded(line, bot) {
  const reason = new RegExp(`(?:^|, )${bot} \\(([^)]*)\\)`).exec(line.numbers.yielded ?? "");
  return reason ? reason[1].replace("cooled", "cooling down") : "yields";
}

// One line under a message: {kind: answered|open|quiet, text}, or null before anything is known.
export function outcome(state, message) {
  if (message.bot) return null;
  const answers = replies(state, message);
  const all = [...fates(state, message)];
  if (answers.length) {
    const first = answers.map((one) => `${state.account(one).name} in ${seconds(one.at - message.at)}`);
    const bids = all.filter(([, fate]) => fate.bid !== null).length;
    return { kind: "answered", text: `answered by ${first.join(", then ")}${bids > 1 ? ` · ${bids} bids` : ""}` };
  }
  const reacted = all.find(([, fate]) => fate.word === "reacted");
  if (reacted) return { kind: "answered", text: `${state.bot(reacted[0]).name} reacted` };
  if (!message.decisions.length) return null;
  const won = all.find(([, fate]) => fate.won);
  if (won) return { kind: "open", text: `${state.bot(won[0]).name} is thinking` };
  if (all.every(([, fate]) => fate.word === PASS)) return { kind: "quiet", text: "nobody wants to answer" };
  const silent = all.find(([, fate]) => fate.word === "stays silent");
  const last = message.decisions.filter((line) => line.step !== "admit").at(-1) ?? message.decisions.at(-1);
  if (silent) return { kind: "quiet", text: `${state.bot(silent[0]).name} stays silent: ${last.reason}` };
  return { kind: "quiet", text: last.reason || (WORDS[`${last.step} ${last.verdict}`] ?? last.verdict) };
}

// Bits above the threshold, squeezed so that any score fits: 0 is a third of the bar.
const width = (bid) => `${Math.round(100 / (1 + 2 * Math.exp(-bid / 2)))}%`;

function bidRow(state, key, fate) {
  const bot = state.bot(key);
  const bar = el("span", fate.bid === null ? "how" : "bar", fate.bid === null ? "addressed" : "");
  if (fate.bid !== null) {
    const fill = el("i", "");
    fill.style.width = width(fate.bid);
    bar.title = `${fate.bid.toFixed(2)} bits above the threshold`;
    bar.append(fill);
  }
  const row = el("div", `bid ${bot.color}`, name(bot), bar, el("span", "fate", fate.word));
  row.classList.toggle("won", fate.won);
  return row;
}

function step(state, line) {
  const silent = line.verdict === "complete" && line.numbers.bid === undefined;
  const key = silent ? "admit passed" : `${line.step} ${line.verdict}`;
  const what = WORDS[key] ?? key.replaceAll("_", " ");
  const said = el("span", "", what);
  if (line.reason) said.append(el("span", "why", ` — ${line.reason}`));
  const who = line.bot === "stream" ? el("span", "name", "stream") : name(state.bot(line.bot));
  return el("li", "", el("span", "after", `+${seconds(line.after)}`), who, said);
}

// One card of the pane.
export function card(state, message, acts) {
  const author = state.account(message);
  const chosen = state.chosen === message.id;
  const node = el("li", "card");
  node.id = `d${message.id}`;
  node.classList.toggle("chosen", chosen);
  const where = el("span", "where", `${state.channelName(message.channel)} · ${clock(message.at)}`);
  node.append(button("", chosen ? "Hide the steps" : "Show the steps", () => acts.choose(chosen ? null : message.id),
    name(author), where, el("span", "what", plain(state, message.text))));
  const all = [...fates(state, message)];
  for (const [key, fate] of all) if (fate.word !== PASS) node.append(bidRow(state, key, fate));
  const passed = all.filter(([, fate]) => fate.word === PASS).map(([key]) => state.bot(key).name);
  if (passed.length) node.append(el("div", "passed", `${passed.join(", ")} ${passed.length > 1 ? "pass" : "passes"}`));
  if (chosen) node.append(el("ol", "steps", ...message.decisions.map((line) => step(state, line))));
  return node;
}

// The figures above the cards, over everything this page has seen.
export function score(state) {
  const asked = [...state.messages.values()].filter((one) => !one.bot);
  const waits = [];
  let pileOns = 0;
  let duplicates = 0;
  for (const message of asked) {
    const by = replies(state, message).map((one) => one.author);
    const direct = message.decisions.some((line) => line.step === "admit" && line.verdict === "direct");
    if (!direct && new Set(by).size > 1) pileOns += 1;
    duplicates += by.length - new Set(by).size;
    if (by.length) waits.push(replies(state, message)[0].at - message.at);
  }
  waits.sort((one, other) => one - other);
  const median = waits.length ? seconds(waits[waits.length >> 1]) : "–";
  return [["messages", asked.length, ""], ["answered", waits.length, ""], ["median", median, ""],
    ["pile-ons", pileOns, pileOns ? "wrong" : "zero"], ["duplicates", duplicates, duplicates ? "wrong" : "zero"]];
}

// Who bid, who spoke, who kept silent and why: under a message, and beside it in full.

import { avatar, button, clock, colour, el, empty, named, plain, seconds } from "./draw.js";
import { botName, called, place, placeName, state } from "./state.js";

export const STANDS = {
  spoke: ["✓", "spoke", "answered, or reacted"],
  writes: ["✎", "writing", "has the floor and is writing, or its answer is on its way"],
  waits: ["…", "waits", "will answer when it may"],
  cooling: ["❄", "cooling", "spoke a moment ago, so it rests before it speaks unasked"],
  yields: ["↷", "yields", "wanted to speak and left it to a better bid"],
  silent: ["–", "silent", "could have spoken and did not, for the reason given"],
  passes: ["·", "passes", "did not want to speak: its bid was below the threshold"],
};

const bits = (bid) => `${bid >= 0 ? "+" : "−"}${Math.abs(bid).toFixed(1)}`;

// Bits above the threshold, squeezed so that any bid fits: 0 is a third of the bar.
const width = (bid) => 100 / (1 + 2 * Math.exp(-bid / 2));

// The width is a class: the policy of this page allows no style attribute.
const bar = (row) => el("span", { class: `bar w${Math.round(width(row.bid) / 5)} ${colour(row.bot)}` }, el("i"));

function chip(row) {
  const [sign, word] = STANDS[row.stand];
  const bid = row.bid === null ? (row.asked ? "asked" : "") : bits(row.bid);
  return el("li", { class: `chip ${row.stand}`, title: row.words }, avatar(row.bot, botName(row.bot), "tiny"),
    el("span", { class: "who" }, botName(row.bot)), bid && el("span", { class: "bid" }, bid),
    el("span", { class: "stand" }, el("span", { "aria-hidden": "true" }, `${sign} `), word));
}

// The lines under a message: the sentence, and a chip for each bot.
export function verdict(message) {
  const story = message.story;
  if (!story || message.bot) return null;
  const spoke = story.rows.some((row) => row.stand === "spoke");
  const busy = !spoke && story.rows.some((row) => ["writes", "waits"].includes(row.stand));
  const kind = spoke ? "answered" : busy ? "busy" : "quiet";
  const after = story.after_ms === null ? null : el("span", { class: "after" }, ` ${seconds(story.after_ms)}`);
  return el("div", { class: `verdict ${kind}` },
    el("button", { type: "button", class: "sentence", "data-act": "choose", "data-id": message.id, "aria-expanded": String(state.chosen === message.id) },
      el("span", { class: "hidden" }, "Why: "), story.sentence, after),
    el("ul", { class: "chips", "aria-label": "Bids" }, ...story.rows.map(chip)));
}

export const legend = () => el("details", { class: "legend" }, el("summary", {}, "What the words mean"),
  el("dl", {}, ...Object.entries(STANDS).map(([key, [sign, word, text]]) => el("div", {},
    el("dt", { class: `chip ${key}` }, el("span", { class: "stand" }, el("span", { "aria-hidden": "true" }, `${sign} `), word)), el("dd", {}, text))),
  el("div", {}, el("dt", {}, "+6.9"), el("dd", {}, "a bid, in bits above the threshold; the best that may act speaks"))));

function bidRow(row) {
  const [sign, word] = STANDS[row.stand];
  return el("tr", { class: row.stand }, el("th", { scope: "row" }, named(row.bot, botName(row.bot))),
    el("td", {}, row.bid === null ? el("span", { class: "soft" }, row.asked ? "was asked" : "no bid") : [bar(row), el("span", { class: "bits" }, bits(row.bid))]),
    el("td", { class: `chip ${row.stand}` }, el("span", { class: "stand" }, el("span", { "aria-hidden": "true" }, `${sign} `), word),
      el("span", { class: "words" }, row.words)));
}

function timeline(lines, from) {
  const ordered = [...lines].sort((one, other) => one.at_ms - other.at_ms);
  return el("ol", { class: "steps" }, ...ordered.map((line) => el("li", {},
    el("span", { class: "when" }, `+${seconds(line.at_ms - from)}`),
    line.bot === "stream" ? el("span", { class: "name" }, "stream") : named(line.bot, botName(line.bot)),
    el("span", {}, `${line.step} ${line.verdict.replaceAll("_", " ")}${line.times > 1 ? ` (${line.times} times)` : ""}`, line.reason && el("span", { class: "soft" }, ` · ${line.reason}`)))));
}

// All that is known about one message; `why` is the server's answer, null until it came.
export function detail(message, why) {
  const story = why ?? { ...message.story, differences: [], asides: {}, lines: [], rows: message.story?.rows ?? [] };
  const where = place(message.place);
  const asides = Object.entries(story.asides ?? {});
  return [
    el("header", { class: "bar-top" }, el("h2", {}, "Why"), button("unchoose", "Close", { class: "quiet" }, "✕")),
    el("div", { class: "scroll" },
      el("p", { class: "where" }, named(message.bot || message.author, message.name), ` in ${placeName(where)} · ${clock(message.at_ms)}`),
      el("blockquote", {}, message.text === null ? el("em", {}, "its text is not kept any more") : plain(message.text, called)),
      el("p", { class: "lead" }, story.sentence ?? "Nothing was decided about it."),
      story.rows.length ? el("table", { class: "rows" }, el("caption", { class: "hidden" }, "Bids"), el("tbody", {}, ...story.rows.map(bidRow))) : null,
      story.differences.length ? [el("h3", {}, "What differed, in bits"), el("ul", { class: "plain" }, ...story.differences.map((text) => el("li", {}, text)))] : null,
      asides.length ? [el("h3", {}, "The others"), el("ul", { class: "plain" }, ...asides.map(([name, words]) => el("li", {}, `${name} ${words}`)))] : null,
      story.lines.length ? [el("h3", {}, "Step by step"), timeline(story.lines, message.at_ms)] : null,
      el("p", { class: "soft" }, el("code", {}, `the-stream why ${message.id}`))),
  ];
}

// The channel may show a text that the stream itself does not keep.
const textOf = (one) => one.text || state.messages.get(one.message)?.text;

// What a search or a question found, as a list of cards.
export function cards(found, none) {
  if (!found.length) return none ?? empty("Nothing found", "No message that was decided about fits.");
  return el("ol", { class: "cards" }, ...found.map((one) => el("li", { class: "card", id: `f${one.message}` },
    el("p", { class: "where" }, el("strong", {}, one.author || state.messages.get(one.message)?.name || "somebody"), `${one.channel_name ? ` in #${one.channel_name}` : ""} · ${clock(one.at_ms)}`),
    el("p", { class: "text" }, textOf(one) ? plain(textOf(one), called) : el("em", {}, "its text is not kept any more")),
    one.post_of ? el("p", { class: "soft" }, `Asked was for a post of ${botName(one.post_of)}, which answers this.`) : null,
    el("p", { class: "lead" }, one.sentence),
    el("ul", { class: "chips", "aria-label": "Bids" }, ...one.rows.map(chip)))));
}

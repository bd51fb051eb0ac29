"use strict";

/* The drawer of settings: built from what /control lists, changed at once, refusals told beside the setting. */

const CONTROL_LIMIT_MS = 5000;
const CONTROL_EVERY_MS = 2000;
const TYPED = ["text", "number"];
const FEW_NUMBERS = 200; // steps of a slider; what has more is typed

const drawer = { open: false, fields: new Map(), values: {}, sending: false, next: null, again: 0, opener: null };

/** Make an element with attributes and children. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made && key !== "list") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** Send something that changes the server; gives its answer, or throws an Error with what it said. */
async function send(method, path, query, body) {
  const stopper = new AbortController();
  const timer = setTimeout(() => stopper.abort(), SNAPSHOT_LIMIT_MS);
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const asked = { method, headers, body: body && JSON.stringify(body), signal: stopper.signal, cache: "no-store" };
  try {
    const response = await fetch(address(path, query), asked);
    if (!response.ok) throw new Error((await response.text()).trim());
    return await response.json();
  } finally {
    clearTimeout(timer);
  }
}

/* ---- fields ---- */

/** A setting's row: label, what changes it, and a line for what is wrong. */
function fieldOf(setting) {
  const id = `set-${setting.name}`;
  const note = element("p", { id: `${id}-note`, className: "note", textContent: setting.blocked ?? "" });
  const field = { setting, note, inputs: [], show: () => {}, shown: undefined };
  const make = { switch: makeSwitch, choice: makeChoice, number: makeNumber, text: makeText }[setting.kind] ?? makeText;
  const inputs = make(field, id);
  for (const input of field.inputs) {
    input.disabled = setting.blocked !== null;
    input.setAttribute("aria-describedby", note.id);
  }
  const label = element("label", { htmlFor: id, textContent: setting.label });
  const row = element("div", { className: setting.kind === "switch" ? "row short" : "row" }, label, inputs, note);
  row.classList.toggle("blocked", setting.blocked !== null);
  return Object.assign(field, { row });
}

function makeSwitch(field, id) {
  const input = element("input", { id, type: "checkbox", role: "switch" });
  input.addEventListener("change", () => change(field, input.checked));
  field.inputs.push(input);
  field.show = (value) => (input.checked = value);
  return input;
}

function makeChoice(field, id) {
  const { choices, unit } = field.setting;
  const words = { degrees: "°" };
  const text = (choice) => (unit in words ? `${choice}${words[unit]}` : String(choice));
  const options = choices.map((choice, index) => element("option", { value: index, textContent: text(choice) }));
  const input = element("select", { id, autocomplete: "off" }, ...options);
  input.addEventListener("change", () => change(field, choices[input.value]));
  field.inputs.push(input);
  field.show = (value) => (input.value = choices.indexOf(value));
  return input;
}

/** A slider where there are few numbers, with a button for each word that may stand instead; else something to type in. */
function makeNumber(field, id) {
  const { least, most, step, choices, empty, unit } = field.setting;
  const slides = empty === null && (most - least) / step <= FEW_NUMBERS;
  const range = { min: least, max: most, step: slides ? step : "any" };
  const input = element("input", { id, type: slides ? "range" : "number", placeholder: empty ?? "", ...range });
  const shown = element("output", { htmlFor: id });
  const words = choices.map((word) => element("button", { type: "button", textContent: word, ariaPressed: "false" }));
  const read = () => (input.value === "" ? null : Number(input.value));
  input.addEventListener(slides ? "input" : "change", () => {
    if (slides) shown.textContent = Number(input.value).toFixed(2);
    change(field, read());
  });
  words.forEach((word, index) => word.addEventListener("click", () => change(field, choices[index])));
  field.inputs.push(input, ...words);
  field.show = (value) => {
    const number = typeof value === "number";
    if (number) input.value = value;
    else if (!slides) input.value = "";
    if (slides) shown.textContent = number ? value.toFixed(2) : "";
    else shown.textContent = unit;
    words.forEach((word, index) => word.setAttribute("aria-pressed", choices[index] === value));
  };
  return element("span", { className: "number" }, input, shown, ...words);
}

function makeText(field, id) {
  const { empty, unit } = field.setting;
  const input = element("input", { id, type: "text", placeholder: empty ?? unit, autocomplete: "off", spellcheck: false });
  input.title = unit;
  const read = () => (input.value.trim() === "" && empty !== null ? null : input.value.trim());
  input.addEventListener("change", () => change(field, read()));
  field.inputs.push(input);
  field.show = (value) => (input.value = value ?? "");
  return input;
}

/* ---- changes: one request at a time, and of several values of one setting the last ---- */

function change(field, value) {
  drawer.next = { ...drawer.next, [field.setting.name]: value };
  if (!drawer.sending) sendChanges();
}

async function sendChanges() {
  drawer.sending = true;
  while (drawer.next !== null) {
    const changes = drawer.next;
    drawer.next = null;
    try {
      take(await send("PATCH", "control", $("keep").checked ? { persist: "true" } : {}, changes));
      for (const name of Object.keys(changes)) tellRefusal(name, null);
      if ($("keep").checked) tellDrawer("Kept for the next start.");
    } catch (error) {
      for (const name of Object.keys(changes)) tellRefusal(name, said(error).replace(`${name}: `, ""));
    }
  }
  drawer.sending = false;
}

/** Say beside a setting why a value was refused, and show the value that counts; a text stays, to be mended. */
function tellRefusal(name, text) {
  const field = drawer.fields.get(name);
  if (field === undefined) return;
  field.note.textContent = text ?? field.setting.blocked ?? "";
  field.row.classList.toggle("refused", text !== null);
  for (const input of field.inputs) input.setAttribute("aria-invalid", text !== null);
  if (text === null) return;
  $("refusal").textContent = `${field.setting.label}: ${text}`;
  if (field.setting.kind !== "text") field.show(drawer.values[name]);
}

/** Show settings and values that the server gave; fields are made anew where others can be changed now. */
function take({ settings, values }) {
  const told = JSON.stringify(settings);
  drawer.values = values;
  if (told !== drawer.told) {
    drawer.told = told;
    const focused = document.activeElement?.id;
    drawer.fields = new Map(settings.map((setting) => [setting.name, fieldOf(setting)]));
    $("fields").replaceChildren(...[...drawer.fields.values()].map((field) => field.row));
    if (focused?.startsWith("set-")) $(focused)?.focus();
  }
  for (const [name, field] of drawer.fields) {
    const editing = field.inputs.includes(document.activeElement) && TYPED.includes(document.activeElement.type);
    const waiting = drawer.next !== null && name in drawer.next;
    if (!waiting && (!editing || field.shown !== values[name])) field.show(values[name]);
    field.shown = values[name];
  }
}

/* ---- what is slow, and why ---- */

function showReasons() {
  const { state } = server;
  if (!drawer.open || state === null) return;
  const { ladder, temporal, model, engine } = state;
  const lines = [];
  const budget = ladder?.target_fps ? 1000 / ladder.target_fps : null;
  const took = duration(state.enhance.median_ms);
  const spent = budget === null ? took : `${took} of ${duration(budget)}`;
  lines.push(["Enhanced by", model ?? `${engine}, no network`], ["A frame takes", state.idle ? "nothing: nobody looks" : spent]);
  const why = ladder?.too_slow ?? ladder?.hot ?? ladder?.last_step;
  if (why) lines.push([ladder.too_slow ? "Too slow" : ladder.hot ? "Too hot" : "Last step", why]);
  if (temporal.strength !== null) {
    lines.push(["Averaging", temporal.passing ? `not now: ${temporal.passing}` : `${duration(temporal.median_ms)} a frame`]);
    if (temporal.noise !== null) lines.push(["Noise", `${temporal.noise.toFixed(1)} grey levels`]);
  }
  if (state.strength !== 1 && model !== null) lines.push(["Strength now", String(Number(state.strength.toFixed(3)))]);
  if (state.still_share !== null) lines.push(["Not computed again", `${Math.round(100 * state.still_share)} % of the picture`]);
  if (state.dropped) lines.push(["Overtaken frames", String(state.dropped)]);
  for (const error of state.errors ?? []) lines.push(["Error", error]);
  $("reasons").replaceChildren(
    ...lines.map(([name, text]) => element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: text }))),
  );
  showLadder(ladder, budget);
}

/** Show what a frame takes with each model of the ladder, beside the time that there is. */
function showLadder(ladder, budget) {
  const several = ladder !== null && ladder.models.length > 1;
  $("ladder").hidden = !several;
  if (!several) return;
  const longest = Math.max(budget ?? 0, ...ladder.frame_ms.map((ms) => ms ?? 0), 1e-3);
  const rows = ladder.models.map((name, index) => {
    const ms = ladder.frame_ms[index];
    const time = ms === null ? "not tried" : duration(ms);
    const bar = element("meter", { min: 0, max: longest, value: ms ?? 0, title: `${name}: ${time}`, ariaLabel: `${name}: ${time}` });
    bar.classList.toggle("over", budget !== null && ms > budget);
    const row = element("li", {}, element("span", { textContent: name }), bar, element("span", { textContent: time }));
    if (index === ladder.index) row.setAttribute("aria-current", "true");
    return row;
  });
  $("ladder").replaceChildren(...rows);
}

/* ---- open and close ---- */

async function lookAtSettings() {
  clearTimeout(drawer.again);
  if (!drawer.open || document.hidden) return;
  try {
    const [, found] = await ask(address("control"), "json", CONTROL_LIMIT_MS);
    if (!drawer.sending) take(found);
  } catch (error) {
    tellDrawer(said(error));
  }
  showReasons();
  drawer.again = setTimeout(lookAtSettings, CONTROL_EVERY_MS);
}

function tellDrawer(text) {
  if ($("told").textContent !== text) $("told").textContent = text;
}

async function openDrawer() {
  drawer.open = true;
  $("drawer").hidden = false;
  $("settings").setAttribute("aria-expanded", "true");
  tellDrawer("");
  await lookAtSettings();
  $("close").focus();
}

function closeDrawer() {
  const inside = $("drawer").contains(document.activeElement);
  drawer.open = false;
  $("drawer").hidden = true;
  $("settings").setAttribute("aria-expanded", "false");
  clearTimeout(drawer.again);
  if (inside) $("settings").focus();
}

const toggleDrawer = () => (drawer.open ? closeDrawer() : openDrawer());

$("close").addEventListener("click", closeDrawer);
$("drawer").addEventListener("keydown", (event) => {
  event.stopPropagation(); // the keys of the picture are letters here
  if (event.key === "Escape") closeDrawer();
});
$("shoot").addEventListener("click", async () => {
  $("shoot").disabled = true;
  try {
    tellDrawer(`Saved as ${(await send("POST", "control/snapshot", {})).file}`);
  } catch (error) {
    tellDrawer(said(error));
  } finally {
    $("shoot").disabled = false;
  }
});
document.addEventListener("visibilitychange", lookAtSettings);

"use strict";

/* Puts stream, stage and figures together. Only a picture that is young enough is called live. */

const TOKEN = new URLSearchParams(location.search).get("token");
const LOOK_EVERY_MS = 1000;
const LOOK_LIMIT_MS = 3000;
const UPDATE_EVERY_MS = 250;
const OLD_MS = 3000; // a picture, or the last word of the server
const PATIENCE = 3; // pictures of a slow camera that may be missing,
const MARGIN_MS = 1000; // and what the server takes to say that they are
const TOAST_MS = 6000;
const TAG_ROOM = 38;

const $ = (id) => document.getElementById(id);

/** An address on this server; relative, so that a proxy may put us below a folder. */
function address(path, query = {}) {
  const all = new URLSearchParams(query);
  if (TOKEN !== null) all.set("token", TOKEN);
  const text = all.toString();
  return text ? `${path}?${text}` : path;
}

const stage = new Stage($("stage"), $("picture"), showControls);
const stream = new PictureStream((view) => address("stream.mjpg", { view }), limitMs, showFrame);
const server = { state: null, error: null, heard: performance.now() }; // what /state said last
const PAIRS = { bicubic: "pair", camera: "camera-pair" }; // streams, by what to compare with
const TAGS = { bicubic: "Bicubic", camera: "Camera as it is" };
let plain = false; // no network is in use
let same = false; // the network cleans at the camera's size: there is no bicubic picture
let view = null;

/** How old a picture may be: of a camera that gives few, older. */
function limitMs() {
  const interval = stream.intervalS || server.state?.picture_interval_s || 0;
  return Math.max(OLD_MS, PATIENCE * 1000 * interval + MARGIN_MS);
}

/** What to compare with: "bicubic", "camera", or "" for nothing. */
function compared() {
  const { value } = $("compare");
  return $("compare").selectedOptions[0].disabled ? "" : value;
}

function follow() {
  const wanted = document.hidden ? null : (PAIRS[compared()] ?? "enhanced");
  if (wanted === view) return;
  view = wanted;
  stream.open(view);
}

function showFrame(frame) {
  stage.show(frame);
  updateSignal();
}

/* ---- the server's state ---- */

let lookAgain = 0;

async function look() {
  clearTimeout(lookAgain);
  if (document.hidden) return; // until it is seen again
  try {
    [, server.state] = await ask(address("state"), "json", LOOK_LIMIT_MS);
    server.error = null;
    const { model, size_in: before, size_out: after } = server.state;
    plain = model === null;
    same = before !== null && `${before}` === `${after}`;
    $("compare").options[0].disabled = plain || same; // which is what is shown, or is not there
    if (same && !plain && $("compare").value === "bicubic") $("compare").value = "camera";
    $("settings").hidden = !server.state.control;
    showName(server.state.name);
    follow();
  } catch (error) {
    server.state = null;
    server.error = said(error);
  }
  if (server.error !== UNANSWERED) server.heard = performance.now();
  updateSignal();
  clearTimeout(lookAgain);
  lookAgain = setTimeout(look, LOOK_EVERY_MS);
}

/** Show the camera's name, which may have been changed. */
function showName(name) {
  write("name", name ?? "edge-srcnn");
  $("name").title = $("name").textContent;
  const title = name === null ? "edge-srcnn" : `${name} \u00b7 edge-srcnn`;
  if (document.title !== title) document.title = title;
}

/* ---- live or not ---- */

/** Find out whether the picture is live, and say so. */
function updateSignal() {
  if (document.hidden) return;
  const now = performance.now();
  const age = stage.frame === null ? null : Math.max(now - stage.frame.takenAt, 0);
  const silent = now - Math.max(stream.heard, server.heard) > OLD_MS;
  const live = age !== null && age < limitMs() && !stream.lost && !silent;
  const [word, title, text] = live ? ["live", "Live", ""] : reason(age, silent);
  document.body.dataset.signal = word;

  const errors = server.state?.errors ?? []; // of a service
  write("signal", live && errors.length ? "Live, degraded" : word === "waiting" ? "Connecting" : title);
  $("pill").title = errors.join("; ");
  $("notice").hidden = live;
  write("notice-title", title);
  write("notice-text", text);
  showTime(live, age ?? (server.state?.picture_age_s ?? NaN) * 1000);
  showFigures(live);
  $("picture").setAttribute("aria-label", live ? "Live picture" : age === null ? "No picture yet" : "Old picture");
}

/** Say why the picture is not live: word, title, and what may be added. */
function reason(age, silent) {
  const { state, error } = server;
  const camera = state?.phase === "waiting for camera" ? state.status.replace(/^waiting for camera: /, "") : "";
  if (error === UNANSWERED || silent) return ["lost", "No connection", UNANSWERED];
  if (stream.error !== null && stream.error !== UNANSWERED) return ["lost", "No picture", stream.error];
  if (age === null && (state === null || state.picture_age_s === null || !stream.lost)) {
    return ["waiting", "Waiting for the first picture", camera];
  }
  if (stream.lost) return ["lost", "No signal", camera];
  if (stream.opening) return ["lost", "Connecting", ""];
  if (performance.now() - stream.heard < OLD_MS) return ["lost", "Delayed", "Pictures come late."];
  return ["lost", "Frozen", "No new picture comes."];
}

/** Write when the picture was taken, by the camera's clock, and how old it is unless it is live. */
function showTime(live, ageMs) {
  const old = live || Number.isNaN(ageMs) ? "" : ago(ageMs / 1000);
  write("age", old);
  write("notice-age", old && `The last picture is ${old} old.`);
  if (stage.frame === null) return;
  const taken = new Date(stage.frame.timestamp * 1000);
  const day = Math.abs(Date.now() - taken) < 12 * 3600e3 ? {} : { day: "numeric", month: "short" };
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  write("time", taken.toLocaleString([], { ...day, ...time }));
  $("time").dateTime = taken.toISOString();
}

/* ---- figures ---- */

function showFigures(live) {
  const { state } = server;
  const shown = live && state !== null;
  write("rate", !shown ? "–" : state.idle ? "idle" : rate(state.fps_out));
  write("latency", shown ? duration(state.latency.median_ms) : "–");
  $("heat").hidden = state === null || state.temperature_c === null;
  if (!$("heat").hidden) write("temperature", `${Math.round(state.temperature_c)} °C`);
  if (state === null) return;
  write("size-in", state.size_in && !same ? `${state.size_in.join("×")} → ` : "");
  write("size-out", state.size_out ? state.size_out.join("×") : "–");
  showStillness(shown, state);
  showReasons();
  showCompared();
  if (stage.frame !== null) showControls(); // the model may be another one
}

/** Say how noisy the camera is, and how much of the picture is still, as far as anybody looks at that. */
function showStillness(shown, { temporal, still_share: share }) {
  $("noise-box").hidden = temporal.strength === null;
  $("still-box").hidden = share === null;
  const noise = temporal.noise === null ? "–" : temporal.noise.toFixed(1);
  write("noise", !shown ? "–" : temporal.passing ? "not reduced" : noise);
  $("noise-box").title = temporal.passing
    ? `Frames are shown as they come: ${temporal.passing}`
    : "By how many of 255 grey levels a pixel of one frame is off (standard deviation); frames are averaged over time";
  write("still", shown ? `${Math.round(100 * share)} %` : "–");
}

/** Change a text only where it differs: screen readers read changes. */
function write(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** Frames a second; one that is rarer than 1 in 5 s is not shown as 0.0. */
function rate(fps) {
  if (fps <= 0) return "–";
  if (fps < 0.2) return `1 in ${ago(1 / fps)}`;
  return `${fps.toFixed(fps < 10 ? 1 : 0)} fps`;
}

function duration(ms) {
  if (ms <= 0) return "–";
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function ago(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** Say something that passes. */
function tell(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  setTimeout(() => ($("toast").hidden = true), TOAST_MS);
}

/* ---- what lies on the picture ---- */

function showControls() {
  const { visible, frame } = stage;
  const top = visible.top >= TAG_ROOM ? visible.top - TAG_ROOM + 6 : visible.top + 12; // above the picture, if it fits
  const both = frame.other !== null && compared() !== "";
  $("stage").classList.add("shown");
  $("stage").classList.toggle("zoomed", stage.movable);
  for (const [id, step] of Object.entries({ fit: "fit", fill: "fill", actual: "one" })) {
    $(id).setAttribute("aria-pressed", stage.isAt(step));
  }
  write("percent", `${Math.round(stage.magnification * 100)} %`);
  $("percent").hidden = stage.scale === null || stage.isAt("one");
  showPosition(visible);
  for (const id of ["divider", "left-tag"]) $(id).hidden = !both;
  const right = $("right-tag");
  const { model, enhanced_share: share = 1, strength = 1, ladder } = server.state ?? {};
  write("what", !plain ? "Enhanced" : same ? "No network" : "Bicubic only");
  const part = share < 0.995 ? `: ${Math.round(share * 100)} %` : "";
  const factor = strength === 1 ? "" : `, strength ${Number(strength.toFixed(3))}`;
  write("by", plain ? "" : (model ? ` by ${model}` : "") + part + factor);
  right.title = plain ? "No network is in use" : (ladder?.last_step ?? "");
  right.hidden = false;
  right.style.right = `${stage.size.width - visible.left - visible.width + 12}px`;
  right.style.top = `${top}px`;
  right.style.opacity = 1;
  if (!both) return;
  write("left-tag", TAGS[frame.view]);
  const left = $("left-tag");
  left.style.left = `${visible.left + 12}px`;
  left.style.top = `${top}px`;
  const x = stage.dividerX;
  left.style.opacity = x - visible.left > left.offsetWidth + 24 ? 1 : 0;
  right.style.opacity = visible.left + visible.width - x > right.offsetWidth + 24 ? 1 : 0;
  Object.assign($("divider").style, { left: `${x}px`, top: `${visible.top}px`, height: `${visible.height}px` });
  $("divider").setAttribute("aria-valuenow", Math.round(stage.split * 100));
}

/** Show at the edges which part of the picture is seen, where it is not all. */
function showPosition(visible) {
  const { rect } = stage;
  for (const [id, begin, length, at] of [["across", "left", "width", rect.x], ["down", "top", "height", rect.y]]) {
    $(id).hidden = rect[length] < visible[length] + 1;
    const share = (value) => `${(100 * value) / rect[length]}%`;
    Object.assign($(id).style, { [begin]: share(visible[begin] - at), [length]: share(visible[length]) });
  }
}

function showCompared() {
  const what = compared();
  write("compared", what ? `: ${what}` : ": off");
  $("compare").parentElement.classList.toggle("on", what !== "");
}

function compare() {
  showCompared();
  follow();
  if (stage.frame !== null) stage.refresh();
}

function setCompared(what) {
  $("compare").value = what;
  compare();
}

/** Compare with the next one, or with nothing, and then from the first on. */
function compareWithNext() {
  const open = [...$("compare").options].filter((each) => !each.disabled).map((each) => each.value);
  setCompared(open[(open.indexOf($("compare").value) + 1) % open.length]);
}

function wake() {
  server.heard = performance.now(); // nobody was asked while nobody saw the page
  follow();
  updateSignal();
  look();
}

document.addEventListener("visibilitychange", wake);
addEventListener("online", () => {
  view = null;
  wake();
});
setInterval(updateSignal, UPDATE_EVERY_MS);
showCompared();
wake();

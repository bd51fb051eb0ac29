"use strict";

/* Puts stream, stage and figures together. */

const TOKEN = new URLSearchParams(location.search).get("token");
const LOOK_EVERY_MS = 1000;
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
const stream = new PictureStream((view) => address("stream.mjpg", { view }), showFrame, showError);
let comparing = true;
let lastError = null;
let lastState = null;

function follow() {
  stream.open(document.hidden ? null : comparing ? "pair" : "enhanced");
}

function showFrame(frame) {
  lastError = null;
  stage.show(frame);
  if (document.body.dataset.signal !== "live" && lastState?.signal !== false) showSignal();
}

function showError(text) {
  lastError = text;
  showSignal();
}

/* ---- figures ---- */

async function look() {
  if (!document.hidden) {
    try {
      const response = await fetch(address("state"), { cache: "no-store" });
      if (!response.ok) throw new Error((await response.text()).trim());
      lastState = await response.json();
      showFigures(lastState);
    } catch (error) {
      lastState = null;
      lastError = error instanceof TypeError ? "The server does not answer." : error.message;
    }
    showSignal();
  }
  setTimeout(look, LOOK_EVERY_MS);
}

function showFigures(state) {
  $("rate").textContent = state.idle ? "idle" : rate(state.fps_out);
  $("latency").textContent = duration(state.latency.median_ms);
  $("heat").hidden = state.temperature_c === null;
  $("temperature").textContent = state.temperature_c === null ? "–" : `${Math.round(state.temperature_c)} °C`;
  $("size-in").textContent = state.size_in ? `${state.size_in.join("×")} → ` : "";
  $("size-out").textContent = state.size_out ? state.size_out.join("×") : "–";
  $("sizes").title = `Of the camera, and of the enhanced picture; by ${state.model ?? state.engine}`;
  $("right-tag").title = state.ladder?.last_step ?? "";
  if (stage.frame !== null) showControls(); // the model may be another one
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

function showSignal() {
  const lost = lastError !== null || lastState?.signal === false;
  const waiting = lost && lastError === null && lastState.picture_age_s === null;
  const live = !lost && stage.frame !== null;
  const word = live ? "live" : lost && !waiting ? "lost" : "waiting";
  if (document.body.dataset.signal !== word) document.body.dataset.signal = word;
  const errors = lastState?.errors ?? []; // of a service
  const said = { live: errors.length ? "Live, degraded" : "Live", lost: "No signal", waiting: "Connecting" }[word];
  if ($("signal").textContent !== said) $("signal").textContent = said;
  $("signal").title = errors.join("; ");
  $("notice").hidden = live;
  if (live) return;
  $("notice-title").textContent = word === "lost" ? "No signal" : "Waiting for the first picture";
  const told = lastState?.phase === "waiting for camera" ? lastState.status : "";
  const old = word === "lost" && lastError === null ? `The last picture is ${ago(lastState.picture_age_s)} old.` : "";
  $("notice-text").textContent = lastError ?? [old, told].filter(Boolean).join(" ");
}

function ago(seconds) {
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/* ---- what lies on the picture ---- */

function showControls() {
  const { visible, frame } = stage;
  const top = visible.top >= TAG_ROOM ? visible.top - TAG_ROOM + 6 : visible.top + 12; // above the picture, if it fits
  const both = frame.bicubic !== null;
  $("stage").classList.toggle("zoomed", stage.scale !== null);
  $("percent").textContent = `${Math.round(stage.magnification * 100)} %`;
  for (const id of ["divider", "left-tag"]) $(id).hidden = !both;
  const right = $("right-tag");
  const share = lastState?.enhanced_share ?? 1;
  const by = lastState?.model ? ` by ${lastState.model}` : "";
  right.textContent = share < 0.995 ? `Enhanced${by}: ${Math.round(share * 100)} %` : `Enhanced${by}`;
  right.hidden = false;
  right.style.right = `${stage.size.width - visible.left - visible.width + 12}px`;
  right.style.top = `${top}px`;
  if (!both) return;
  const left = $("left-tag");
  left.style.left = `${visible.left + 12}px`;
  left.style.top = `${top}px`;
  const x = stage.dividerX;
  left.style.opacity = x - visible.left > left.offsetWidth + 24 ? 1 : 0;
  right.style.opacity = visible.left + visible.width - x > right.offsetWidth + 24 ? 1 : 0;
  Object.assign($("divider").style, { left: `${x}px`, top: `${visible.top}px`, height: `${visible.height}px` });
  $("divider").setAttribute("aria-valuenow", Math.round(stage.split * 100));
}

function setComparing(on) {
  comparing = on;
  $("compare").setAttribute("aria-pressed", on);
  follow();
}

document.addEventListener("visibilitychange", follow);
follow();
look();

"use strict";

/* Pointers, buttons and keys. */

const KEY_STEP = 0.02; // of what can be seen

/* ---- pointers ---- */

const pointers = new Map();
const at = (event) => {
  const box = $("stage").getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
};

$("divider").addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  event.stopPropagation();
  $("divider").setPointerCapture(event.pointerId);
  const gap = stage.dividerX - at(event).x;
  const move = (moved) => stage.moveDivider(at(moved).x + gap);
  const end = () => $("divider").removeEventListener("pointermove", move);
  $("divider").addEventListener("pointermove", move);
  for (const name of ["pointerup", "pointercancel"]) $("divider").addEventListener(name, end, { once: true });
});

$("stage").addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  $("stage").setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, at(event));
  $("stage").classList.toggle("moving", stage.frame !== null && stage.movable);
});

$("stage").addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const now = at(event);
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const far = (a) => Math.max(Math.hypot(a.x - other.x, a.y - other.y), 1);
    stage.zoomBy(far(now) / far(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
    stage.panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
  } else {
    stage.panBy(now.x - before.x, now.y - before.y);
  }
  pointers.set(event.pointerId, now);
});

for (const name of ["pointerup", "pointercancel"]) {
  $("stage").addEventListener(name, (event) => {
    pointers.delete(event.pointerId);
    if (pointers.size === 0) $("stage").classList.remove("moving");
  });
}

$("stage").addEventListener("wheel", (event) => {
  event.preventDefault();
  const { x, y } = at(event);
  const lines = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
  stage.zoomBy(Math.exp(-Math.max(Math.min(lines, 200), -200) / (event.ctrlKey ? 100 : 400)), x, y);
}, { passive: false });

$("stage").addEventListener("dblclick", (event) => {
  if (!$("divider").contains(event.target)) stage.toggleZoom(at(event).x, at(event).y);
});

/* ---- buttons and keys ---- */

const SNAPSHOT_LIMIT_MS = 20000; // the server may have to wait for a picture

async function takeSnapshot() {
  $("snapshot").disabled = true;
  try {
    const [response, picture] = await ask(address("snapshot.jpg", { view: "enhanced" }), "blob", SNAPSHOT_LIMIT_MS);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(picture);
    const time = new Date(Number(response.headers.get("X-Timestamp")) * 1000 || Date.now());
    const local = new Date(time - time.getTimezoneOffset() * 60000).toISOString();
    link.download = `${$("name").textContent}-${local.slice(0, 19).replaceAll(":", "").replace("T", "-")}.jpg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  } catch (error) {
    tell(`There is no snapshot. ${said(error)}`);
  } finally {
    $("snapshot").disabled = false;
  }
}

function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen().catch(() => {});
}

const actions = {
  compare: compareWithNext,
  smaller: () => stage.step(-1),
  fit: () => stage.setMode("fit"),
  fill: () => stage.setMode("fill"),
  actual: () => stage.showActualSize(),
  larger: () => stage.step(1),
  snapshot: takeSnapshot,
  fullscreen: toggleFullScreen,
  settings: () => toggleDrawer(),
};
for (const [id, action] of Object.entries(actions)) {
  if (id !== "compare") $(id).addEventListener("click", () => action());
}
$("compare").addEventListener("change", compare);
$("fullscreen").hidden = !document.fullscreenEnabled;

const keys = { c: "compare", "-": "smaller", "+": "larger", "=": "larger", s: "snapshot", f: "fullscreen", ",": "settings" };
Object.assign(keys, { 0: "fit", 1: "actual", 2: "fill" });
const arrows = { ArrowLeft: -KEY_STEP, ArrowDown: -KEY_STEP, ArrowRight: KEY_STEP, ArrowUp: KEY_STEP };
const jumps = { Home: 0, End: 1, PageDown: -0.1, PageUp: 0.1 };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target === $("compare") && (event.key === "c" || event.key in arrows || event.key in jumps)) return;
  if (document.activeElement === $("divider") || (document.activeElement === document.body && compared())) {
    if (event.key in arrows) stage.setSplit(stage.split + arrows[event.key] * (event.shiftKey ? 5 : 1));
    else if (event.key === "Home" || event.key === "End") stage.setSplit(jumps[event.key]);
    else if (event.key in jumps) stage.setSplit(stage.split + jumps[event.key]);
    else if (!(event.key in keys)) return;
    if (!(event.key in keys)) return event.preventDefault();
  }
  if (event.key in keys && !event.repeat && !$(keys[event.key]).disabled && !$(keys[event.key]).hidden) actions[keys[event.key]]();
});

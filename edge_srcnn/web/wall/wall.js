/* The wall: which tiles load, how they lie, and the keys. */

const UPDATE_EVERY_MS = 250;
const LEAST_PX = 220; // of a tile's width, where all are to fit on the screen
const NARROW_PX = 165; // and where they are scrolled
const ASPECT = 4 / 3;

const $ = (id) => document.getElementById(id);
const wall = JSON.parse($("wall").textContent);
const tiles = wall.cameras.map((camera, number) => new Tile(camera, number, wall));
const main = document.querySelector("main");
let large = null;

/* ---- what loads ---- */

/** Let those tiles load that are seen; of one server no more streams than leave connections for the rest. */
function allocate() {
  const streams = new Map();
  const first = large === null ? tiles : [large, ...tiles.filter((tile) => tile !== large)];
  for (const tile of first) {
    const on = !document.hidden && (large === null ? tile.seen : tile === large);
    if (!on) {
      tile.follow(null);
      continue;
    }
    const { origin } = tile.camera;
    streams.set(origin, (streams.get(origin) ?? 0) + 1);
    const stream = wall.everyMs === null && streams.get(origin) <= wall.streamsPerOrigin;
    tile.follow(stream ? "stream" : "pictures", tile === large ? "enhanced" : wall.view);
  }
}

function update() {
  if (document.hidden) return;
  const changes = tiles.map((tile) => tile.update()).filter((text) => text !== null);
  if (changes.length) $("told").textContent = changes.join(". ");
  const on = tiles.filter((tile) => tile.following !== "");
  const live = on.filter((tile) => tile.signal === "live").length;
  const hidden = tiles.length - on.length;
  const text = large ? "" : `${live} of ${on.length} live${hidden ? `, ${hidden} not in view` : ""}`;
  if ($("summary").textContent !== text) $("summary").textContent = text;
  $("summary").classList.toggle("some-lost", on.some((tile) => ["lost", "token"].includes(tile.signal)));
  arrange();
}

/* ---- how they lie ---- */

/** As large as all fit on the screen; where that would be too small, as many side by side as can be read. */
function arrange() {
  const style = getComputedStyle(main);
  const width = main.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const height = main.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom) - 4;
  const gap = parseFloat(getComputedStyle($("tiles")).columnGap) || 0;
  const drawn = tiles.filter((tile) => tile.element.classList.contains("drawn")).map((tile) => tile.aspect);
  const aspect = drawn.length ? drawn.sort((a, b) => a - b)[drawn.length >> 1] : ASPECT;
  const captions = tiles.map((tile) => tile.element.querySelector(".caption").offsetHeight);
  const caption = Math.max(...captions, 0) + 2;
  let best = { columns: 1, tile: 0 };
  for (let columns = 1; columns <= tiles.length; columns++) {
    const rows = Math.ceil(tiles.length / columns);
    const across = (width - gap * (columns - 1)) / columns;
    const down = ((height - gap * (rows - 1)) / rows - caption) * aspect;
    const tile = Math.floor(Math.min(across, down));
    if (tile > best.tile) best = { columns, tile };
  }
  const fits = best.tile >= LEAST_PX;
  const narrow = Math.max(Math.floor((width + gap) / (NARROW_PX + gap)), 1);
  const columns = fits ? best.columns : Math.min(narrow, tiles.length, Math.max(Math.floor(width / LEAST_PX), 2));
  set($("tiles"), "--columns", String(columns));
  set($("tiles"), "--aspect", String(aspect));
  set($("tiles"), "width", fits ? `${best.tile * columns + gap * (columns - 1)}px` : "auto");
  return columns;
}

function set(element, name, value) {
  if (element.style.getPropertyValue(name) !== value) element.style.setProperty(name, value);
}

/* ---- one large ---- */

function enlarge(tile) {
  const focused = large?.button ?? tile?.button;
  large?.element.classList.remove("large");
  large = tile;
  large?.element.classList.add("large");
  document.body.classList.toggle("one", large !== null);
  for (const id of ["back", "previous", "next"]) $(id).hidden = large === null;
  for (const each of tiles) each.button.title = each === large ? "All cameras (Esc)" : "Show it large (Enter)";
  allocate();
  update();
  (large?.button ?? focused)?.focus();
  focused?.scrollIntoView({ block: "nearest" });
}

const enlargeOther = (step) => enlarge(tiles[(tiles.indexOf(large) + step + tiles.length) % tiles.length]);

function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

/* ---- keys ---- */

function move(key) {
  const columns = arrange();
  const now = tiles.findIndex((tile) => tile.element.contains(document.activeElement));
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -Infinity, End: Infinity };
  if (now < 0) return tiles[key === "End" ? tiles.length - 1 : 0];
  const next = now + steps[key];
  if (!Number.isFinite(next)) return tiles[next < 0 ? 0 : tiles.length - 1];
  return tiles[next] ?? tiles[now];
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLInputElement) return;
  const { key } = event;
  if (key === "f" || key === "F") toggleFullScreen();
  else if (key === "Escape" && large !== null) enlarge(null);
  else if (large !== null && ["ArrowLeft", "ArrowUp"].includes(key)) enlargeOther(-1);
  else if (large !== null && ["ArrowRight", "ArrowDown"].includes(key)) enlargeOther(1);
  else if (large === null && (key.startsWith("Arrow") || key === "Home" || key === "End")) move(key).button.focus();
  else return;
  event.preventDefault();
});

$("back").addEventListener("click", () => enlarge(null));
$("previous").addEventListener("click", () => enlargeOther(-1));
$("next").addEventListener("click", () => enlargeOther(1));
$("fullscreen").addEventListener("click", toggleFullScreen);
$("fullscreen").hidden = !document.fullscreenEnabled;

/* ---- begin ---- */

const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) tiles.find((tile) => tile.element === target).seen = isIntersecting;
  allocate();
});
for (const tile of tiles) {
  $("tiles").append(tile.element);
  tile.button.addEventListener("click", () => enlarge(large === tile ? null : tile));
  watcher.observe(tile.element);
}
document.addEventListener("visibilitychange", allocate);
addEventListener("online", () => tiles.filter((tile) => tile.following !== "").forEach((tile) => tile.restart()));
addEventListener("resize", arrange);
setInterval(update, UPDATE_EVERY_MS);
arrange();
const named = tiles.find((tile) => [tile.camera.name, encodeURIComponent(tile.camera.name)].includes(location.hash.slice(1)));
if (named) enlarge(named);

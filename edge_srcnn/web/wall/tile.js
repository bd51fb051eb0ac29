/* One camera of the wall: its pictures, and what is said of them. Only a picture that is young enough is called live. */

const OLD_MS = 3000; // a picture, or the last word of the camera
const PATIENCE = 3; // pictures of a slow camera that may be missing,
const MARGIN_MS = 1000; // and what a server takes to say that they are
const BLINK_MS = 1500; // a stream that is back by then was never lost
const STATE_EVERY_MS = 5000;
const STATE_LIMIT_MS = 3000;
const PICTURES_MS = 2000; // between single pictures where there is no room for one more stream
const MIXED = "This page came by HTTPS, and browsers then open no camera by HTTP.";
const OWN_CERTIFICATE = "Has it a certificate of its own? Open its page once, and accept it.";

class Tile {
  constructor(camera, number, wall) {
    this.camera = camera;
    this.wall = wall; // {view, everyMs}
    this.element = document.getElementById("tile").content.firstElementChild.cloneNode(true);
    this.canvas = this.find("canvas");
    this.context = this.canvas.getContext("2d");
    this.seen = false; // it lies in the window
    this.following = ""; // kind and view of the feed
    this.feed = this.state = null;
    this.readable = false; // its answers may be read: known since one came
    this.plain = false; // its pictures may be shown, and not read
    this.takenAt = null;
    this.opened = performance.now();
    this.good = Date.now(); // when it was live last, or the page began
    this.signal = "waiting";
    this.token = camera.token ?? kept(camera.address);
    this.label(number);
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  label(number) {
    const named = { name: this.find(".name"), status: this.find(".status") };
    for (const [word, element] of Object.entries(named)) element.id = `${word}-${number}`;
    this.button = this.find(".open");
    this.button.setAttribute("aria-labelledby", `name-${number} status-${number}`);
    this.button.title = "Show it large (Enter)";
    this.write(".name", this.camera.name);
    const link = this.find("a");
    link.href = this.camera.address; // without the token, which would stay in the browser's history
    link.title = `Page of ${this.camera.name}`;
    link.setAttribute("aria-label", link.title);
    this.find("input").setAttribute("aria-label", `Token of ${this.camera.name}`);
    this.find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.token = this.find("input").value.trim();
      keep(this.camera.address, this.token);
      this.find("input").value = "";
      this.button.focus();
      this.restart();
    });
  }

  get name() {
    return this.find(".name").textContent;
  }

  address(path, query = {}) {
    const all = new URLSearchParams(query);
    if (this.token !== null) all.set("token", this.token);
    const text = all.toString();
    return `${this.camera.address}${path}${text && `?${text}`}`;
  }

  /** Get pictures: "stream", "pictures", or null for none; what goes on already is not disturbed. */
  follow(kind, view) {
    const wanted = kind === null ? "" : `${this.plain ? "plain " : ""}${kind} ${view}`;
    if (wanted === this.following) return;
    this.feed?.close();
    clearTimeout(this.looking);
    this.following = wanted;
    this.asked = [kind, view];
    if (kind === null) return;
    const everyMs = this.wall.everyMs ?? PICTURES_MS;
    const address = (path, query) => this.address(path, query);
    const show = (frame) => this.show(frame);
    if (kind === "pictures") this.feed = new (this.plain ? PlainSnapshots : Snapshots)(address, everyMs, show);
    else if (this.plain) this.feed = new PlainStream(address, this.find(".plain"), show);
    else this.feed = new PictureStream((what) => address("stream.mjpg", { view: what }), () => this.limitMs(), show);
    this.opened = performance.now();
    this.feed.open(view);
    this.look();
  }

  restart() {
    this.following = "none";
    this.follow(...this.asked);
  }

  show({ enhanced, takenAt }) {
    this.takenAt = Math.max(takenAt, this.takenAt ?? -Infinity);
    this.readable ||= !this.plain;
    if (enhanced === null) return;
    const [width, height] = [enhanced.naturalWidth ?? enhanced.width, enhanced.naturalHeight ?? enhanced.height];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.drawImage(enhanced, 0, 0);
    enhanced.close?.();
    this.element.classList.add("drawn");
  }

  get aspect() {
    const [width, height] = this.plain && this.find(".plain").naturalWidth
      ? [this.find(".plain").naturalWidth, this.find(".plain").naturalHeight]
      : [this.canvas.width, this.canvas.height];
    return width / height;
  }

  /** How old a picture may be: of a camera that gives few, older. */
  limitMs() {
    return Math.max(OLD_MS, PATIENCE * 1000 * (this.feed?.intervalS ?? 0) + MARGIN_MS);
  }

  /** Find out whether the picture is live, say so, and give what changed, as a sentence; or null. */
  update() {
    if (this.following === "") return null;
    const now = performance.now();
    const age = this.takenAt === null ? Infinity : now - this.takenAt;
    const live = age < (this.feed.error === null ? this.limitMs() : BLINK_MS) && !this.feed.lost;
    if (live) this.good = Date.now();
    const [signal, text, notice] = live ? this.liveWords() : this.lostWords(now);
    this.write(".status", text);
    this.write(".notice", notice);
    this.find(".notice").hidden = notice === "";
    this.find("form").hidden = signal !== "token";
    if (signal !== "live") this.write(".figures", "");
    const before = this.signal;
    this.signal = this.element.dataset.signal = signal;
    if (this.feed.error === UNANSWERED && !this.readable && !this.plain) this.tryPlainly();
    const told = signal !== before && !(before === "waiting" && signal === "live") && signal !== "waiting";
    return told ? `${this.name}: ${signal === "live" ? "live again" : text}` : null;
  }

  liveWords() {
    const errors = this.state?.errors ?? []; // of a service
    this.find(".status").title = errors.join("; ");
    return ["live", errors.length ? "Live, degraded" : "Live", ""];
  }

  lostWords(now) {
    const { error, status, lost } = this.feed;
    const since = `since ${clock(this.good)}`;
    if (status === 401) return ["token", this.token === null ? "Asks for a token" : "Refuses this token", ""];
    if (error === UNANSWERED || error === ENDED) return ["lost", `No answer ${since}`, this.cure()];
    if (error !== null) return ["lost", `No picture ${since}`, error];
    if (lost) return ["lost", `No signal ${since}`, ""];
    if (now - this.opened < this.limitMs()) return [this.signal === "token" ? "waiting" : this.signal, this.find(".status").textContent, ""];
    return ["lost", `Frozen ${since}`, ""];
  }

  /** Say what may help where nothing was ever heard of a camera. */
  cure() {
    if (this.readable || this.plain) return "";
    if (location.protocol === "https:" && this.camera.address.startsWith("http:")) return MIXED;
    if (this.camera.hint !== null) return `When this page was written: ${this.camera.hint}`;
    return this.camera.address.startsWith("https:") ? OWN_CERTIFICATE : "";
  }

  /** Find out whether pictures of a camera whose answers cannot be read can be shown all the same. */
  async tryPlainly() {
    if (this.trying) return;
    this.trying = true;
    try {
      await imageAt(this.address("icon.svg", { n: String(Date.now()) }));
      this.plain = !this.readable;
      if (this.following !== "") this.follow(...this.asked);
    } catch (error) {
      await after(LONGEST_WAIT_MS);
    } finally {
      this.trying = false;
    }
  }

  /** Ask for rate, model and name, again and again while there are pictures. */
  async look() {
    clearTimeout(this.looking);
    const { following } = this;
    if (this.signal === "live" && this.readable) {
      try {
        [, this.state] = await ask(this.address("state"), "json", STATE_LIMIT_MS);
        if (following !== this.following) return;
        this.showState();
      } catch (error) {
        this.state = null;
      }
    }
    if (following === this.following) this.looking = setTimeout(() => this.look(), this.state ? STATE_EVERY_MS : MARGIN_MS);
  }

  showState() {
    const { fps_in: before, fps_out: enhanced, model, idle, name } = this.state;
    const fps = idle || this.following.endsWith("camera") ? before : enhanced;
    const shown = Number.isFinite(fps) && fps > 0 ? `${fps.toFixed(fps < 10 ? 1 : 0)} fps` : "";
    if (this.signal === "live") this.write(".figures", [shown, model ?? "bicubic"].filter(Boolean).join(" \u00b7 "));
    if (this.camera.own && name) this.write(".name", name);
  }

  /** Change a text only where it differs: screen readers read changes. */
  write(selector, text) {
    const element = this.find(selector);
    if (element.textContent !== text) element.textContent = text;
  }
}

function clock(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
}

/** A token that was typed is kept until the tab is closed. */
function keep(address, token) {
  try {
    sessionStorage.setItem(`token ${address}`, token);
  } catch (error) {
    // a browser that keeps nothing
  }
}

function kept(address) {
  try {
    return sessionStorage.getItem(`token ${address}`);
  } catch (error) {
    return null;
  }
}

/* Where a tile's pictures come from: besides streams (stream.js) single pictures, and images that cannot be read. */

const ASK_LIMIT_MS = 5000;
const PROBE_EVERY_MS = 3000;

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for an image, and no longer than a limit. */
async function imageAt(address) {
  const image = new Image();
  const loaded = new Promise((resolve, reject) => {
    image.onload = resolve;
    image.onerror = () => reject(new TypeError(address));
  });
  image.src = address;
  try {
    await Promise.race([loaded, after(ASK_LIMIT_MS).then(() => Promise.reject(new TypeError(address)))]);
    return image;
  } catch (error) {
    image.src = "";
    throw error;
  }
}

/** Asks again and again, with pauses that grow while nothing comes. A kind of feed says what once() asks for. */
class Feed {
  constructor(address, everyMs, onFrame) {
    this.address = address; // of a path and a query
    this.everyMs = everyMs;
    this.onFrame = onFrame;
    this.error = this.status = this.run = null;
    this.lost = false;
    this.intervalS = everyMs / 1000;
    this.heard = performance.now();
  }

  open(view) {
    this.close();
    this.heard = performance.now();
    this.follow(view, (this.run = {}));
  }

  close() {
    this.run = this.error = this.status = null;
  }

  async follow(view, run) {
    let wait = FIRST_WAIT_MS;
    while (run === this.run) {
      const began = performance.now();
      try {
        const frame = await this.once(view);
        if (run !== this.run) return;
        this.error = this.status = null;
        this.heard = performance.now();
        if (frame !== null) this.onFrame(frame);
        wait = FIRST_WAIT_MS;
        await after(Math.max(began + this.everyMs - performance.now(), 50));
      } catch (error) {
        if (run !== this.run) return;
        [this.error, this.status] = [said(error), error.status ?? null];
        await after(wait);
        wait = Math.min(wait * WAIT_GROWTH, LONGEST_WAIT_MS);
      }
    }
  }
}

/** Single pictures that the page may read. */
class Snapshots extends Feed {
  async once(view) {
    const [{ headers }, blob] = await ask(this.address("snapshot.jpg", { view }), "blob", ASK_LIMIT_MS);
    this.lost = headers.get("x-signal") === "lost";
    if (this.lost) return null;
    const takenAt = performance.now() - 1000 * (Number(headers.get("x-age")) || 0);
    return { enhanced: await createImageBitmap(blob), takenAt };
  }
}

/** Single pictures that the page may show, and not read. */
class PlainSnapshots extends Feed {
  async once(view) {
    const image = await imageAt(this.address("snapshot.jpg", { view, n: String(Date.now()) }));
    return { enhanced: image, takenAt: performance.now() };
  }
}

/** A stream that the page may show, and not read: another small request tells whether its server lives. */
class PlainStream extends Feed {
  constructor(address, image, onFrame) {
    super(address, PROBE_EVERY_MS, onFrame);
    this.image = image;
    image.onerror = () => this.fail("The stream cannot be shown.");
  }

  close() {
    super.close();
    this.image.hidden = true;
    this.image.removeAttribute("src");
  }

  fail(text) {
    if (this.run === null || this.image.hidden) return;
    this.image.hidden = true;
    this.image.removeAttribute("src");
    this.refused = text;
  }

  async once(view) {
    try {
      await imageAt(this.address("icon.svg", { n: String(Date.now()) }));
    } catch (error) {
      if (this.image.naturalWidth) this.onFrame({ enhanced: this.image, takenAt: -Infinity }); // what it showed last
      this.fail("");
      throw error;
    }
    if (this.image.hidden) {
      const refused = this.refused;
      this.refused = "";
      this.image.src = this.address("stream.mjpg", { view });
      this.image.hidden = false;
      if (refused) throw new Error(refused);
    }
    return { enhanced: null, takenAt: performance.now() };
  }
}

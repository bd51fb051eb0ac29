"use strict";

/* Reads multipart/x-mixed-replace. Pictures that come faster than they can be shown are left out. */

const FIRST_WAIT_MS = 500;
const WAIT_GROWTH = 3;
const LONGEST_WAIT_MS = 10000; // between two tries to open the stream
const UNANSWERED = "The server does not answer.";
const ENDED = "The stream has ended.";

/**
 * Gives each part of a body: {headers: Map, began: when they came, bytes: Uint8Array}.
 * onBytes is told of whatever comes.
 */
async function* partsOf(body, onBytes) {
  const reader = body.getReader();
  const decoder = new TextDecoder("latin1");
  let rest = new Uint8Array(0);

  async function read() {
    const chunk = await reader.read();
    onBytes();
    return chunk;
  }

  async function more() {
    const { value, done } = await read();
    if (done) return false;
    const joined = new Uint8Array(rest.length + value.length);
    joined.set(rest);
    joined.set(value, rest.length);
    rest = joined;
    return true;
  }

  async function exactly(length) {
    const bytes = new Uint8Array(length);
    let filled = 0;
    for (;;) {
      const taken = Math.min(rest.length, length - filled);
      bytes.set(rest.subarray(0, taken), filled);
      filled += taken;
      rest = rest.subarray(taken);
      if (filled === length) return bytes;
      const { value, done } = await read();
      if (done) return null;
      rest = value;
    }
  }

  for (;;) {
    let text, end;
    while ((end = (text = decoder.decode(rest)).indexOf("\r\n\r\n")) < 0) {
      if (!(await more())) return;
    }
    const headers = new Map(
      text.slice(0, end).split("\r\n").filter((line) => line.includes(": ")).map((line) => {
        const colon = line.indexOf(": ");
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)];
      }),
    );
    const began = performance.now();
    rest = rest.subarray(end + 4);
    const bytes = await exactly(Number(headers.get("content-length")));
    if (bytes === null) return;
    yield { headers, began, bytes };
  }
}

/**
 * Tells how old a picture is, whatever the clocks of server and browser say: the server states the age at which it sent
 * the picture. What the network added since is how much later it came, by both clocks, than the promptest one did.
 */
class Ages {
  constructor() {
    this.promptest = Infinity;
  }

  /** The moment at which a part's picture was taken, in milliseconds of performance.now(). */
  takenAt({ headers, began }) {
    const ageMs = 1000 * (Number(headers.get("x-age")) || 0);
    const sent = 1000 * (Number(headers.get("x-timestamp")) || 0) + ageMs;
    this.promptest = Math.min(this.promptest, began - sent);
    return began - ageMs - (began - sent - this.promptest);
  }
}

/**
 * Keeps a stream open, and opens it again when it breaks or falls silent. A stream of pairs ends each with "enhanced".
 * limitMs tells how long it may be silent; onFrame gets {enhanced: ImageBitmap, other: ImageBitmap or null, view: which
 * the other one is, takenAt, timestamp: seconds since 1970, by the server's clock}.
 */
class PictureStream {
  constructor(address, limitMs, onFrame) {
    this.address = address;
    this.limitMs = limitMs;
    this.onFrame = onFrame;
    this.error = null; // a text: why there is no stream
    this.status = null; // of HTTP, with which the stream was refused
    this.lost = false; // the server says that its picture is old
    this.opening = true;
    this.heard = performance.now(); // when something came, or was asked for
    this.intervalS = 0; // what is usual between two pictures
    this.run = null;
    this.stopper = null;
    this.waiting = null;
    this.decoding = false;
  }

  /** Show pictures with or without another one of the same moment; null for none at all. */
  open(view) {
    this.close();
    if (view !== null) this.follow(view, (this.run = {}));
  }

  close() {
    this.run = null;
    this.stopper?.abort();
    this.waiting = null;
    this.opening = true;
    this.error = this.status = null;
  }

  async follow(view, run) {
    let wait = FIRST_WAIT_MS;
    while (run === this.run) {
      try {
        await this.read(view, run, () => (wait = FIRST_WAIT_MS));
      } catch (error) {
        if (run === this.run) [this.error, this.status] = [said(error), error.status ?? null];
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * WAIT_GROWTH, LONGEST_WAIT_MS);
    }
  }

  /** Read one stream to its end; it always ends with an error. */
  async read(view, run, onPart) {
    const stopper = (this.stopper = new AbortController());
    const listen = () => (this.heard = performance.now());
    const watch = setInterval(() => {
      if (performance.now() - this.heard > this.limitMs()) stopper.abort();
    }, 250);
    listen();
    try {
      const response = await fetch(this.address(view), { signal: stopper.signal, cache: "no-store" });
      listen();
      if (!response.ok) throw await refusal(response);
      const ages = new Ages();
      let other = null;
      for await (const part of partsOf(response.body, listen)) {
        if (run !== this.run) return;
        onPart();
        this.error = this.status = null;
        this.opening = false;
        this.intervalS = Number(part.headers.get("x-interval")) || 0;
        this.lost = part.headers.get("x-signal") === "lost";
        if (this.lost) continue; // the page has words of its own for that
        if (view.endsWith("pair") && part.headers.get("x-view") !== "enhanced") {
          other = part;
        } else {
          const takenAt = ages.takenAt(part);
          this.waiting = { enhanced: part, other, takenAt, run };
          other = null;
          this.decode();
        }
      }
      throw new Error(ENDED);
    } finally {
      clearInterval(watch);
    }
  }

  async decode() {
    if (this.decoding) return;
    this.decoding = true;
    while (this.waiting !== null) {
      const { enhanced, other, takenAt, run } = this.waiting;
      this.waiting = null;
      try {
        const [sharp, beside] = await Promise.all([enhanced, other].map(bitmapOf));
        const timestamp = Number(enhanced.headers.get("x-timestamp"));
        const view = other?.headers.get("x-view");
        if (run === this.run) this.onFrame({ enhanced: sharp, other: beside, view, takenAt, timestamp });
      } catch (error) {
        this.error = "A picture cannot be read.";
      }
    }
    this.decoding = false;
  }
}

function bitmapOf(part) {
  return part && createImageBitmap(new Blob([part.bytes], { type: "image/jpeg" }));
}

/** Ask for something that ends, and no longer than a limit; gives the response and its body, read as kind says. */
async function ask(address, kind, limitMs) {
  const stopper = new AbortController();
  const timer = setTimeout(() => stopper.abort(), limitMs);
  try {
    const response = await fetch(address, { signal: stopper.signal, cache: "no-store" });
    if (!response.ok) throw await refusal(response);
    return [response, await response[kind]()];
  } finally {
    clearTimeout(timer);
  }
}

/** The error of an answer that is none; its status tells which. */
async function refusal(response) {
  return Object.assign(new Error((await response.text()).trim()), { status: response.status });
}

function said(error) {
  return error instanceof TypeError || error.name === "AbortError" ? UNANSWERED : error.message;
}

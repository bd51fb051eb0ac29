"use strict";

/* Reads multipart/x-mixed-replace. Pictures that come faster than they can be shown are left out. */

/** Gives each part of a body: {headers: Map, bytes: Uint8Array}. */
async function* partsOf(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder("latin1");
  let rest = new Uint8Array(0);

  async function more() {
    const { value, done } = await reader.read();
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
      const { value, done } = await reader.read();
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
    rest = rest.subarray(end + 4);
    const bytes = await exactly(Number(headers.get("content-length")));
    if (bytes === null) return;
    yield { headers, bytes };
  }
}

/**
 * Keeps a stream open, and opens it again when it breaks.
 * onFrame gets {enhanced: ImageBitmap, bicubic: ImageBitmap or null}, onError a text, or null when it is over.
 */
class PictureStream {
  constructor(address, onFrame, onError) {
    this.address = address;
    this.onFrame = onFrame;
    this.onError = onError;
    this.stopper = null;
    this.waiting = null;
    this.decoding = false;
  }

  /** Show pictures with or without the bicubic one; null for none at all. */
  open(view) {
    this.close();
    if (view === null) return;
    const stopper = new AbortController();
    this.stopper = stopper;
    this.follow(view, stopper.signal);
  }

  close() {
    this.stopper?.abort();
    this.stopper = null;
    this.waiting = null;
  }

  async follow(view, signal) {
    for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 5000)) {
      try {
        const response = await fetch(this.address(view), { signal, cache: "no-store" });
        if (!response.ok) throw new Error((await response.text()).trim());
        this.onError(null);
        let bicubic = null;
        for await (const part of partsOf(response.body)) {
          wait = 500;
          if (signal.aborted) return;
          if (part.headers.get("x-signal") === "lost") continue; // the page has words of its own for that
          if (part.headers.get("x-view") === "bicubic") {
            bicubic = part;
          } else {
            this.waiting = { enhanced: part, bicubic, signal };
            bicubic = null;
            this.decode();
          }
        }
        throw new Error("The stream has ended.");
      } catch (error) {
        if (signal.aborted) return;
        this.onError(error instanceof TypeError ? "The server does not answer." : error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async decode() {
    if (this.decoding) return;
    this.decoding = true;
    while (this.waiting !== null) {
      const { enhanced, bicubic, signal } = this.waiting;
      this.waiting = null;
      try {
        const [sharp, soft] = await Promise.all([enhanced, bicubic].map(bitmapOf));
        if (!signal.aborted) this.onFrame({ enhanced: sharp, bicubic: soft });
      } catch (error) {
        this.onError("A picture cannot be read.");
      }
    }
    this.decoding = false;
  }
}

function bitmapOf(part) {
  return part && createImageBitmap(new Blob([part.bytes], { type: "image/jpeg" }));
}

"use strict";

/* The picture on the page: zoom, position and divider. Lengths are CSS pixels unless they say otherwise. */

const LARGEST = 16; // device pixels for a pixel of the picture
const SHARP_ABOVE = 4; // CSS pixels for a pixel of the picture; only larger ones are shown as squares
const STEP = 1.5;
const TALL = "(max-width: 640px) and (orientation: portrait)"; // a phone held upright
const NARROW = 0.6; // a picture that would take less of such a phone's height fills it

class Stage {
  constructor(element, canvas, onChange) {
    this.element = element;
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: true });
    this.onChange = onChange;
    this.frame = null;
    this.scale = null; // null: as the mode says, however large the stage is
    this.chosen = null; // the mode: "fit" or "fill"; null: as suits the stage
    this.centre = { x: 0.5, y: 0.5 }; // the point in the middle of the stage, as share of the picture
    this.split = 0.5; // share of what can be seen
    this.drawn = false;
    new ResizeObserver(() => this.resize()).observe(element);
    this.resize();
  }

  /** Show a frame; {enhanced, other}. */
  show(frame) {
    this.frame?.enhanced.close();
    this.frame?.other?.close();
    this.frame = frame;
    this.refresh();
  }

  get size() {
    return { width: this.element.clientWidth, height: this.element.clientHeight };
  }

  get picture() {
    return this.frame && { width: this.frame.enhanced.width, height: this.frame.enhanced.height };
  }

  get fit() {
    const { width, height } = this.size;
    return Math.min(width / this.picture.width, height / this.picture.height);
  }

  get fill() {
    const { width, height } = this.size;
    return Math.max(width / this.picture.width, height / this.picture.height);
  }

  /** One pixel of the picture for one of the screen. */
  get one() {
    return 1 / devicePixelRatio;
  }

  get mode() {
    const low = this.fit * this.picture.height < NARROW * this.size.height;
    return this.chosen ?? (low && matchMedia(TALL).matches ? "fill" : "fit");
  }

  get actualScale() {
    return this.scale ?? this[this.mode];
  }

  /** Whether the stage is too small for all of it. */
  get movable() {
    return this.rect.width > this.size.width + 1 || this.rect.height > this.size.height + 1;
  }

  /** Whether the picture is shown at a scale: "fit", "fill" or "one". */
  isAt(step) {
    return this.frame !== null && near(this.actualScale, this[step]);
  }

  /** Device pixels for a pixel of the picture. */
  get magnification() {
    return this.actualScale * devicePixelRatio;
  }

  /** Where the picture lies. */
  get rect() {
    const { width, height } = this.size;
    const w = this.picture.width * this.actualScale;
    const h = this.picture.height * this.actualScale;
    return { x: width / 2 - this.centre.x * w, y: height / 2 - this.centre.y * h, width: w, height: h };
  }

  /** The part of it that can be seen. */
  get visible() {
    const { width, height } = this.size;
    const rect = this.rect;
    const left = Math.max(rect.x, 0);
    const top = Math.max(rect.y, 0);
    return {
      left,
      top,
      width: Math.min(rect.x + rect.width, width) - left,
      height: Math.min(rect.y + rect.height, height) - top,
    };
  }

  /** Where the divider stands. */
  get dividerX() {
    return this.visible.left + this.split * this.visible.width;
  }

  moveDivider(x) {
    this.setSplit((x - this.visible.left) / this.visible.width);
  }

  setSplit(share) {
    this.split = Math.min(Math.max(share, 0), 1);
    this.refresh();
  }

  /** Magnify by a factor around a point of the stage. */
  zoomBy(factor, x = this.size.width / 2, y = this.size.height / 2) {
    if (this.frame) this.zoomTo(this.actualScale * factor, x, y);
  }

  zoomTo(scale, x = this.size.width / 2, y = this.size.height / 2, least = this.fit) {
    const before = this.rect;
    const point = { x: (x - before.x) / before.width, y: (y - before.y) / before.height };
    const wanted = Math.max(Math.min(scale, Math.max(LARGEST / devicePixelRatio, this.fill)), least);
    this.scale = near(wanted, this[this.mode]) ? null : wanted;
    const after = this.rect;
    this.centre.x += point.x - (x - after.x) / after.width;
    this.centre.y += point.y - (y - after.y) / after.height;
    this.settle();
  }

  /** Show the whole picture ("fit"), or as much of it as fills the stage ("fill"), whatever the stage becomes. */
  setMode(mode) {
    this.chosen = mode;
    this.scale = null;
    if (this.frame) this.settle();
  }

  showActualSize(x, y) {
    if (this.frame) this.zoomTo(this.one, x, y, 0);
  }

  /** One step larger (1) or smaller (-1); it stops where the picture fits, fills the stage, or is as large as it is. */
  step(direction) {
    if (!this.frame) return;
    const now = this.actualScale;
    const passed = (scale) => direction * Math.log(scale / now) > 0.001 && direction * Math.log(scale / next) < 0;
    const next = now * STEP ** direction;
    const stops = [this.fit, this.fill, this.one].filter(passed).map((scale) => [Math.abs(scale - now), scale]);
    const scale = stops.length ? stops.sort((a, b) => a[0] - b[0])[0][1] : next;
    this.zoomTo(scale, undefined, undefined, Math.min(this.fit, this.one));
  }

  /** Between the mode and one pixel for one. */
  toggleZoom(x, y) {
    if (!this.frame) return;
    const usual = this[this.mode];
    if (this.scale !== null) this.zoomTo(usual, x, y);
    else this.zoomTo(this.one > usual * 1.05 ? this.one : usual * 2, x, y);
  }

  panBy(dx, dy) {
    if (!this.frame) return;
    this.centre.x -= dx / this.rect.width;
    this.centre.y -= dy / this.rect.height;
    this.settle();
  }

  /** Leave no gap that the picture could fill. */
  settle() {
    const { width, height } = this.size;
    const rect = this.rect;
    for (const [axis, room, side] of [["x", width, rect.width], ["y", height, rect.height]]) {
      const half = Math.min(room / side / 2, 0.5);
      this.centre[axis] = Math.min(Math.max(this.centre[axis], half), 1 - half);
    }
    this.refresh();
  }

  resize() {
    const { width, height } = this.size;
    this.canvas.width = Math.max(Math.round(width * devicePixelRatio), 1);
    this.canvas.height = Math.max(Math.round(height * devicePixelRatio), 1);
    if (this.frame) this.settle();
  }

  /** Draw before the next repaint, once. */
  refresh() {
    if (this.drawn) return;
    this.drawn = true;
    requestAnimationFrame(() => {
      this.drawn = false;
      this.draw();
    });
  }

  draw() {
    if (!this.frame) return;
    const { context, canvas, rect } = this;
    const ratio = devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = this.actualScale <= SHARP_ABOVE;
    context.imageSmoothingQuality = "high";
    const paint = (image) =>
      context.drawImage(image, rect.x * ratio, rect.y * ratio, rect.width * ratio, rect.height * ratio);
    paint(this.frame.enhanced);
    if (this.frame.other) {
      context.save();
      context.beginPath();
      context.rect(0, 0, Math.round(this.dividerX * ratio), canvas.height);
      context.clip();
      paint(this.frame.other);
      context.restore();
    }
    this.onChange(this);
  }
}

function near(a, b) {
  return Math.abs(a / b - 1) < 0.001;
}

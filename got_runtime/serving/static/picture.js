// The picture of a page, the boxes of what was read in it, and the box that the user draws.

const SVG = "http://www.w3.org/2000/svg";
const UNITS = 1000; // of the overlay, along both sides
const LEAST = 8; // smaller drawings are clicks

export class Picture {
  /** onDrawn({x1, y1, x2, y2}) gets fractions of the page; onMark(index or null) the part under the pointer. */
  constructor(onDrawn, onMark) {
    this.sheet = document.getElementById("sheet");
    this.image = document.getElementById("image");
    this.overlay = document.getElementById("overlay");
    this.boxes = [];
    this.onDrawn = onDrawn;
    this.onMark = onMark;
    this.start = null;
    this.sheet.addEventListener("pointerdown", (event) => this.down(event));
    this.sheet.addEventListener("pointermove", (event) => this.move(event));
    this.sheet.addEventListener("pointerup", (event) => this.up(event));
    this.sheet.addEventListener("pointercancel", () => this.erase());
    this.sheet.addEventListener("pointerleave", () => this.onMark(null));
  }

  show(source, alt) {
    if (source) this.image.src = source;
    else this.image.removeAttribute("src");
    this.image.alt = alt;
  }

  /** Boxes as fractions [x0, y0, x1, y1] of the page, or null where a part has none. */
  setBoxes(boxes) {
    this.erase();
    this.boxes = boxes;
    this.overlay.replaceChildren();
    this.rects = boxes.map((box) => (box ? this.rect(box) : null));
  }

  rect([x0, y0, x1, y1], kind = "") {
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("x", x0 * UNITS);
    rect.setAttribute("y", y0 * UNITS);
    rect.setAttribute("width", Math.max(0, x1 - x0) * UNITS);
    rect.setAttribute("height", Math.max(0, y1 - y0) * UNITS);
    if (kind) rect.setAttribute("class", kind);
    this.overlay.append(rect);
    return rect;
  }

  mark(index) {
    (this.rects || []).forEach((rect, each) => rect && rect.classList.toggle("marked", each === index));
  }

  position(event) {
    const { left, top, width, height } = this.sheet.getBoundingClientRect();
    const within = (value) => Math.min(1, Math.max(0, value));
    return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
  }

  down(event) {
    if (event.button !== 0) return;
    this.erase();
    this.start = this.position(event);
    this.from = [event.clientX, event.clientY];
    this.sheet.setPointerCapture(event.pointerId);
  }

  move(event) {
    const [x, y] = this.position(event);
    if (this.start) {
      this.erase();
      this.drawn = this.rect(sorted(this.start, [x, y]), "drawn");
      return;
    }
    const index = this.boxes.findIndex((box) => box && box[0] <= x && x <= box[2] && box[1] <= y && y <= box[3]);
    this.onMark(index < 0 ? null : index);
  }

  up(event) {
    if (!this.start) return;
    const start = this.start;
    this.start = null;
    if (Math.hypot(event.clientX - this.from[0], event.clientY - this.from[1]) < LEAST) {
      this.erase();
      return;
    }
    const [x1, y1, x2, y2] = sorted(start, this.position(event));
    this.onDrawn({ x1, y1, x2, y2 });
  }

  /** Shows a box that was given by numbers. */
  draw({ x1, y1, x2, y2 }) {
    this.erase();
    this.drawn = this.rect([x1, y1, x2, y2], "drawn");
  }

  erase() {
    if (this.drawn) this.drawn.remove();
    this.drawn = null;
  }
}

function sorted([x1, y1], [x2, y2]) {
  return [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)];
}

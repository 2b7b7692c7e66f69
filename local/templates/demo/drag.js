/** How far the pointer moves, in pixels, before a press becomes a drag. */
const SLACK = 5;

/** How close to an edge a dragged card scrolls, and how fast, in pixels. */
const EDGE = 48;
const STEP = 12;

/**
 * Lets cards be dragged between the lists below `area`: with a mouse by the whole card, by touch or with a pen by the
 * handle, so that a swipe over a card still scrolls. `drop` is called with the card, the list and the card that it was
 * dropped before, if any.
 */
export function letDrag(area, drop) {
  area.addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".card");
    const isHeld = event.pointerType === "mouse" || event.target.closest(".handle");
    if (card && isHeld && event.isPrimary && event.button === 0 && card.ariaBusy !== "true") press(area, card, event, drop);
  });
}

/** Follows one press until it ends; it becomes a drag once the pointer has moved. */
function press(area, card, { clientX: startX, clientY: startY, pointerId }, drop) {
  const ends = new AbortController();
  const on = (type, listener) => addEventListener(type, listener, { signal: ends.signal });
  let drag = null;
  on("pointermove", (event) => {
    if (event.pointerId !== pointerId) return;
    const [x, y] = [event.clientX, event.clientY];
    if (!drag && Math.hypot(x - startX, y - startY) > SLACK) {
      card.setPointerCapture(pointerId);
      drag = lift(area, card, startX, startY);
    }
    drag?.follow(x, y);
  });
  const end = (isDropped) => {
    ends.abort();
    const target = drag?.end();
    if (!target) return;
    ignoreClick();
    if (isDropped) drop(card, target.list, target.before);
  };
  on("pointerup", (event) => event.pointerId === pointerId && end(true));
  on("pointercancel", (event) => event.pointerId === pointerId && end(false));
  on("keydown", (event) => event.key === "Escape" && end(false));
}

/** Shows the card under the pointer, and in the lists where it would land. */
function lift(area, card, startX, startY) {
  const { left, top, width, height } = card.getBoundingClientRect();
  const ghost = card.cloneNode(true);
  ghost.classList.add("ghost");
  ghost.inert = true;
  Object.assign(ghost.style, { left: `${left}px`, top: `${top}px`, width: `${width}px` });
  const landing = document.createElement("li");
  landing.className = "landing";
  landing.style.height = `${height}px`;
  document.body.append(ghost);
  card.after(landing);
  card.classList.add("lifted");
  let [x, y] = [startX, startY];
  let frame = requestAnimationFrame(scroll);

  function land() {
    const list = document.elementFromPoint(x, y)?.closest(".column")?.querySelector(".cards");
    if (!list) return;
    const isBelow = (one) => {
      const box = one.getBoundingClientRect();
      return y < box.top + box.height / 2;
    };
    list.insertBefore(landing, cardsOf(list).find(isBelow) ?? null);
  }

  /** Scrolls the columns, and the page, while the pointer is near their edges. */
  function scroll() {
    const box = area.getBoundingClientRect();
    const pull = (at, start, end) => (at < start + EDGE ? -STEP : at > end - EDGE ? STEP : 0);
    const [across, down] = [pull(x, Math.max(box.left, 0), Math.min(box.right, innerWidth)), pull(y, 0, innerHeight)];
    if (across || down) {
      area.scrollBy({ left: across, behavior: "instant" });
      scrollBy({ top: down, behavior: "instant" });
      land();
    }
    frame = requestAnimationFrame(scroll);
  }

  const cardsOf = (list) => [...list.children].filter((one) => one !== card && one !== landing);

  return {
    follow(toX, toY) {
      [x, y] = [toX, toY];
      ghost.style.transform = `translate(${x - startX}px, ${y - startY}px)`;
      land();
    },
    /** Ends the drag. Returns where the card would land. */
    end() {
      cancelAnimationFrame(frame);
      const list = landing.parentElement;
      const all = [...list.children];
      const before = all.slice(all.indexOf(landing) + 1).find((one) => one !== card) ?? null;
      ghost.remove();
      landing.remove();
      card.classList.remove("lifted");
      return { list, before };
    },
  };
}

/** The end of a drag is no click on what is below the pointer. */
function ignoreClick() {
  const ignore = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", ignore, { capture: true });
  setTimeout(() => removeEventListener("click", ignore, { capture: true }));
}

// What the pages do beyond plain HTML: a list that does not jump under a hand, that says when it is old, and forms that grow.
(() => {
  "use strict";
  const IDLE_MS = 6000;
  const $ = (id) => document.getElementById(id);
  let lastPoll = Date.now(), lastTouch = 0, counts = "", forced = false;

  const isBusy = () => {
    const board = $("board"), here = document.activeElement;
    if (!board || forced) return false;
    if (board.contains(here) && here.matches("select, input") ) return Date.now() - lastTouch < 60000;
    return Date.now() - lastTouch < IDLE_MS;
  };
  const isPoll = (event) => event.detail.elt && /^every/.test(event.detail.elt.getAttribute("hx-trigger")) && event.detail.requestConfig.verb === "get";
  const isBoard = (event) => isPoll(event) && event.detail.elt.id === "board";
  // The same words again are not put in again: nothing is read out twice, and no focus is lost.
  const says = (part) => part.textContent.replace(/\s+/g, " ").trim();
  const isSame = ({ elt, serverResponse }) => {
    const page = new DOMParser().parseFromString(serverResponse, "text/html"), select = elt.getAttribute("hx-select");
    const fresh = select ? page.querySelector(select) : page.body;
    return fresh && says(fresh) === says(elt);
  };
  const announce = () => {
    const board = $("board"), news = $("news");
    if (!board || !news) return;
    const { danger, watch, all } = board.dataset;
    document.title = (danger > 0 ? `(${danger} at risk) ` : "") + "Board · dispatch";
    const text = `${danger} at risk, ${watch} to watch, ${all} open`;
    if (counts && counts !== text) news.textContent = text;
    counts = text;
  };

  for (const name of ["pointermove", "pointerdown", "focusin", "keydown"]) {
    document.addEventListener(name, (event) => {
      const board = $("board");
      if (board && event.target instanceof Node && board.contains(event.target)) lastTouch = Date.now();
    }, { passive: true });
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isBoard(event)) {
      if (isPoll(event) && event.detail.xhr.status === 200 && isSame(event.detail)) event.detail.shouldSwap = false;
      return;
    }
    if (event.detail.xhr.status === 200 && isBusy()) {
      // The old version stays in the address, so that the next poll brings the same news again.
      event.detail.shouldSwap = false;
      $("catch-up").hidden = false;
    } else if (event.detail.shouldSwap) {
      $("catch-up").hidden = true;
      forced = false;
    }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && isPoll(event)) lastPoll = Date.now();
    const out = $("signed-out");
    if (out && event.detail.xhr) out.hidden = event.detail.xhr.status !== 401 && (out.hidden || !event.detail.successful);
  });
  document.addEventListener("htmx:afterSwap", () => { announce(); said(); });
  // What was done is said for a while, over the page, so that nothing moves.
  let saying = 0;
  const said = () => {
    const notes = document.querySelectorAll("#said .note");
    if (!notes.length) return;
    clearTimeout(saying);
    saying = setTimeout(() => document.querySelectorAll("#said .note").forEach((note) => note.remove()), 8000);
  };
  document.addEventListener("click", (event) => {
    if (event.target.id === "catch-up") { forced = true; lastTouch = 0; }
    const more = event.target.closest("[data-more]");
    if (more) { event.preventDefault(); addLine(more.dataset.more); }
  });
  // Arrow keys go from one next move to the other; Enter makes it.
  document.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key], board = $("board"), here = document.activeElement;
    if (!step || !board || !(here === document.body || (board.contains(here) && !here.matches("select, input")))) return;
    const acts = [...board.querySelectorAll(".do .main")], row = here.closest(".row");
    const next = acts[row ? acts.indexOf(row.querySelector(".do .main")) + step : 0];
    if (next) { event.preventDefault(); next.focus(); }
  });
  setInterval(() => {
    const bar = $("stale");
    if (!bar || !document.querySelector("[hx-trigger^=every]")) return;
    const age = Math.round((Date.now() - lastPoll) / 1000);
    const out = $("signed-out");
    bar.hidden = age < bar.dataset.after || Boolean(out && !out.hidden);
    bar.querySelector(".num").textContent = age < 120 ? `(${age} s)` : `(${Math.round(age / 60)} min)`;
  }, 1000);

  // One more line of an order, or one more person: a copy of the last one, emptied.
  const addLine = (name) => {
    const all = document.querySelectorAll(`[data-line="${name}"]`), last = all[all.length - 1], copy = last.cloneNode(true);
    const renumber = (text) => text.replace(/-\d+/, `-${all.length}`);
    copy.querySelectorAll("[id], [for], [aria-describedby]").forEach((part) => {
      for (const key of ["id", "for", "aria-describedby"]) if (part.hasAttribute(key)) part.setAttribute(key, renumber(part.getAttribute(key)));
    });
    copy.querySelectorAll("input:not([type=hidden])").forEach((part) => {
      part.value = part.name === "quantity" ? "1" : "";
      part.removeAttribute("aria-invalid");
    });
    copy.querySelectorAll(".error").forEach((part) => part.remove());
    copy.querySelectorAll("[data-number]").forEach((part) => { part.textContent = all.length + 1; });
    last.after(copy);
    if (window.htmx) window.htmx.process(copy);
    copy.querySelector("input:not([type=hidden])").focus();
  };

  // An impatient second click sends nothing; after three seconds it may be a second try on a bad connection.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented || form.closest(".phone")) return;
    if (Date.now() - (form.dataset.sent || 0) < 3000) event.preventDefault();
    else form.dataset.sent = Date.now();
  });

  // Another time typed means another time chosen, and the other way round.
  document.addEventListener("input", (event) => {
    const when = $("when");
    if (!when) return;
    if (event.target === when) document.querySelectorAll("input[name=promise]").forEach((part) => { part.checked = part.value === "other"; });
    else if (event.target.name === "promise" && event.target.value !== "other") when.value = "";
    else if (event.target.name === "promise") when.focus();
  });

  document.addEventListener("DOMContentLoaded", () => {
    announce();
    said();
    const zone = $("timezone");
    if (zone && zone.dataset.detect) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || zone.value;
  });
})();

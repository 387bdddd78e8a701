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
  document.addEventListener("htmx:afterSwap", () => { announce(); said(); known(); });
  // Somebody we know: their name and address fill in, but never over what was typed.
  const known = () => {
    const caller = $("caller");
    if (!caller || !caller.dataset.name) return;
    for (const field of [$("name"), $("address")]) {
      if (field.value.trim()) continue;
      field.value = caller.dataset[field.id];
      // Whoever is just about to type there types over it.
      if (field === document.activeElement) field.select();
    }
    // Once: whoever empties it again means it.
    caller.removeAttribute("data-name");
    $("address").dispatchEvent(new Event("input", { bubbles: true }));
  };
  // What was done is said for a while, over the page, so that nothing moves.
  let saying = 0;
  const said = () => {
    const notes = document.querySelectorAll("#said .note");
    if (!notes.length) return;
    clearTimeout(saying);
    // A little sooner than it is refused.
    saying = setTimeout(() => {
      if ($("said").contains(document.activeElement)) $("main").focus();
      $("said").replaceChildren();
    }, $("undo") ? 9500 : 8000);
  };
  document.addEventListener("click", (event) => {
    if (event.target.closest("#keys-open")) DOES.help();
    if (event.target.id === "catch-up") { forced = true; lastTouch = 0; }
    const more = event.target.closest("[data-more]");
    if (more) { event.preventDefault(); addLine(more.dataset.more); }
  });
  // --- hands on the keyboard: what `_keys.html` lists, and nothing else ---
  const TYPED = "input, select, textarea, [contenteditable]";
  const tell = (text) => {
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = text;
    $("said").replaceChildren(note);
    said();
  };
  const rowOf = (part) => (part ? part.closest("#board .row") : null);
  const rows = () => [...document.querySelectorAll("#board .row")];
  const enter = (row) => row && row.querySelector(".what a").focus();
  // The next move of the row that has the focus, if that is what the letter means.
  const move = (name) => {
    const bar = picked().length ? document.querySelector(`#together [data-for="${name}"]:not([hidden])`) : null;
    if (bar) return bar.matches("button") ? bar.click() : bar.querySelector("select").focus();
    const row = rowOf(document.activeElement), button = row && row.querySelector("[data-does]");
    if (!row) return rows().length ? tell("Choose an order first: press the arrow down.") : null;
    if (!button) return tell("There is nothing to do for it from here: Enter opens it.");
    if (button.dataset.does !== name) return tell(`Not now. Next for this order: ${button.firstChild.textContent.trim()}.`);
    const who = row.querySelector(".do select");
    hold(row);
    return who && who.options.length > 1 ? who.focus() : button.click();
  };
  // Several at once: the bar offers what at least one of them can do.
  const picked = () => [...document.querySelectorAll(".pick input:checked")];
  const offer = () => {
    const all = picked(), bar = $("together");
    if (!bar) return;
    const can = new Set(all.flatMap((box) => box.dataset.can.split(" ")));
    bar.querySelectorAll("[data-for]").forEach((part) => { part.hidden = !can.has(part.dataset.for); });
    bar.querySelector("[data-count]").textContent = can.has("pack") || can.has("hand_over") || can.has("deliver")
      ? `${all.length} selected:` : `${all.length} selected: nothing can be done for them together.`;
  };
  document.addEventListener("change", (event) => { if (event.target.closest(".pick")) offer(); });
  document.addEventListener("reset", (event) => { if (event.target.id === "together") setTimeout(offer); });
  const DOES = {
    search: () => { $("search").focus(); $("search").select(); },
    new: () => location.assign("/orders/new"),
    board: () => location.assign("/"),
    undo: () => { const undo = document.querySelector("#undo button"); if (undo) undo.click(); },
    help: () => $("keys").showModal(),
    pick: () => { const row = rowOf(document.activeElement), box = row && row.querySelector(".pick input"); if (box) box.click(); },
  };
  const hasLetters = () => { try { return localStorage.getItem("keys") !== "off"; } catch { return true; } };
  const whatDoes = (key) => {
    const mark = [...document.querySelectorAll("#keys [data-key]")].find((each) => each.dataset.key === key);
    return mark ? mark.closest("dt").nextElementSibling.dataset.does : "";
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const here = document.activeElement, step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && here.matches(".row .do select, #together select")) {
      event.preventDefault();
      here.form.requestSubmit(here.parentElement.querySelector("button"));
      return;
    }
    if (here.matches(TYPED) && !here.closest(".pick")) return;
    if (step) {
      const all = rows(), row = rowOf(here), next = row ? all[all.indexOf(row) + step] : here === document.body && all[0];
      if (next) { event.preventDefault(); enter(next); }
      return;
    }
    const name = hasLetters() && !event.repeat ? whatDoes(event.key) : "";
    if (!name) return;
    event.preventDefault();
    (DOES[name] || (() => move(name)))();
  });
  // A row that has gone leaves the focus where it was, not at the top of the page.
  let spot = null, held = "", ticked = [];
  const hold = (row) => { spot = rows().indexOf(row); held = row.id; };
  document.addEventListener("htmx:beforeSwap", () => {
    ticked = picked().map((box) => box.id);
    const row = rowOf(document.activeElement);
    if (row) hold(row);
  });
  document.addEventListener("htmx:afterSettle", () => {
    ticked.forEach((id) => { if ($(id)) $(id).checked = true; });
    offer();
    const isLost = spot !== null && document.activeElement === document.body;
    if (isLost) enter($(held) || rows()[Math.min(spot, rows().length - 1)]);
    spot = null;
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
    const tab = document.querySelector("nav [aria-current]"), keys = $("keys-on");
    if (tab) tab.scrollIntoView({ inline: "center", block: "nearest" });
    if (keys) {
      $("keys-open").hidden = false;
      keys.checked = hasLetters();
      keys.addEventListener("change", () => { try { localStorage.setItem("keys", keys.checked ? "on" : "off"); } catch { /* private */ } });
    }
    // Somebody quick may have chosen one before this script came.
    if (zone?.dataset.detect && zone.selectedOptions[0]?.defaultSelected) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || zone.value;
  });
})();

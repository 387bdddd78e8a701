// Keeps the page of simulated phones live: asks with the version it shows, swaps only what changed, and
// never moves a card or touches a field under somebody's hands.
"use strict";
(() => {
  const page = document.querySelector(".phones-page");
  const threads = document.getElementById("phones-threads");
  const gone = document.getElementById("phones-gone");
  const error = document.getElementById("phones-error");
  const news = document.getElementById("phones-news");
  if (!page || !threads) return;

  const PAUSE = 1000, HIDDEN_PAUSE = 5000, GONE_PAUSE = 3000;
  // Form tokens grow old; a whole page now and then brings a fresh one.
  const RENEW = 10 * 60 * 1000;
  let timer = 0, running = false, again = false, renewedAt = Date.now(), touchedAt = 0;

  const isBusy = () => Date.now() - touchedAt < 3000 ||
    [...threads.querySelectorAll(".compose input[name=body]")].some((field) => field.value !== "");

  const tellTimes = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      time.textContent = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    }
  };

  const swap = (card, fresh) => {
    const before = card.querySelectorAll(".bubble").length;
    const focused = card.contains(document.activeElement) ? document.activeElement : null;
    for (const part of [".phone-top", ".scroll > .bubbles", ".replies"]) {
      card.querySelector(part).replaceChildren(...fresh.querySelector(part).childNodes);
    }
    card.className = fresh.className;
    card.dataset.revision = fresh.dataset.revision;
    const bubbles = [...card.querySelectorAll(".bubble")];
    for (const bubble of bubbles.slice(before)) bubble.classList.add("fresh");
    const theirs = bubbles.slice(before).filter((bubble) => bubble.classList.contains("theirs"));
    if (theirs.length) news.textContent = "New on the phone of " + card.querySelector("h2").textContent;
    // A pressed chip or key is gone with its old text: hand the focus to the field instead of losing it.
    if (focused && !focused.isConnected) card.querySelector(".compose input[name=body]").focus();
  };

  const arrange = (wanted) => {
    const focused = threads.contains(document.activeElement) ? document.activeElement : null;
    const live = threads.querySelector(".phones-live"), rows = threads.querySelector(".phones-rows");
    for (const [place, ids] of [[live, wanted.live], [rows, wanted.quiet]]) {
      ids.forEach((id, index) => {
        const card = document.getElementById(id);
        if (card && place.children[index] !== card) place.insertBefore(card, place.children[index] || null);
      });
    }
    // A card that is moved loses the focus that was in it.
    if (focused && document.activeElement !== focused) focused.focus();
  };

  const ids = (root, place) => [...root.querySelectorAll(`${place} > .phone`)].map((card) => card.id);
  let wanted = null;

  const take = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("phones-threads");
    wanted = { live: ids(fresh, ".phones-live"), quiet: ids(fresh, ".phones-rows") };
    threads.dataset.version = fresh.dataset.version;
    threads.dataset.csrf = fresh.dataset.csrf;
    const faults = fresh.querySelector(".phones-faults");
    threads.querySelector(".phones-faults").replaceWith(faults);
    tellTimes(fresh);
    for (const card of fresh.querySelectorAll(".phone")) {
      const mine = document.getElementById(card.id);
      if (!mine) threads.querySelector(wanted.live.includes(card.id) ? ".phones-live" : ".phones-rows").append(card);
      else if (mine.dataset.revision !== card.dataset.revision) swap(mine, card);
    }
    const known = new Set([...wanted.live, ...wanted.quiet]);
    for (const card of threads.querySelectorAll(".phone")) if (!known.has(card.id)) card.remove();
    const quiet = threads.querySelector(".phones-quiet");
    quiet.hidden = wanted.quiet.length === 0;
    quiet.querySelector("[data-quiet-count]").textContent = wanted.quiet.length;
  };

  const poll = async () => {
    const url = new URL(page.dataset.threadsUrl, location.href);
    const isOld = Date.now() - renewedAt > RENEW;
    if (!isOld && gone.hidden) url.searchParams.set("v", threads.dataset.version);
    const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" }, cache: "no-store" });
    if (answer.status === 204) return;
    if (!answer.ok) throw new Error("the simulator does not answer");
    if (!answer.headers.has("X-Phones-Version")) return location.reload();
    take(await answer.text());
    renewedAt = Date.now();
  };

  const round = async () => {
    if (running) { again = true; return; }
    running = true;
    clearTimeout(timer);
    let pause = document.hidden ? HIDDEN_PAUSE : PAUSE;
    try {
      await poll();
      gone.hidden = true;
    } catch {
      gone.hidden = false;
      pause = GONE_PAUSE;
    }
    if (wanted && !isBusy()) { arrange(wanted); wanted = null; }
    running = false;
    if (again) { again = false; pause = 150; }
    timer = setTimeout(round, pause);
  };

  const complain = (text) => { error.textContent = text; error.hidden = !text; };

  threads.addEventListener("submit", async (event) => {
    const form = event.target, data = new FormData(form, event.submitter);
    event.preventDefault();
    if (form.classList.contains("is-sending")) return;
    data.set("csrf_token", threads.dataset.csrf);
    form.classList.add("is-sending");
    try {
      const answer = await fetch(form.action, { method: "POST", body: data, headers: { "X-Requested-With": "fetch" } });
      if (answer.status !== 204) throw new Error(answer.status === 409 ? await answer.text() : "That was not sent. Reload the page.");
      complain("");
      if (form.classList.contains("compose")) form.reset();
    } catch (failure) {
      complain(failure instanceof TypeError ? "That was not sent: the server does not answer." : failure.message);
    } finally {
      form.classList.remove("is-sending");
    }
    round();
  });
  for (const kind of ["pointermove", "pointerdown", "keydown"]) threads.addEventListener(kind, () => { touchedAt = Date.now(); }, { passive: true });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) round(); });

  tellTimes(threads);
  timer = setTimeout(round, PAUSE);
})();

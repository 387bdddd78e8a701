// An answer gets through on a bad connection: it is kept and sent again until the shop has heard it, and the page says so.
(() => {
  "use strict";
  const KEY = "dispatch-answer", FIRST_MS = 1500, LONGEST_MS = 15000, TIMEOUT_MS = 30000, SIDE = 1600;
  let busy = false, wake = () => {};
  const say = (text) => {
    const note = document.getElementById("trying");
    if (note) { note.textContent = text; note.hidden = !text; }
  };
  const store = (value) => {
    try {
      if (value) sessionStorage.setItem(KEY, JSON.stringify(value)); else sessionStorage.removeItem(KEY);
    } catch { /* A private window may keep nothing: then this page alone tries. */ }
  };
  const stored = () => { try { return JSON.parse(sessionStorage.getItem(KEY)); } catch { return null; } };

  // A camera's picture is larger than a bad connection carries: a smaller copy does, without where it was taken.
  const smaller = async (file) => {
    try {
      const picture = await createImageBitmap(file);
      const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height)), canvas = document.createElement("canvas");
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      return await new Promise((done) => canvas.toBlob((blob) => done(blob || file), "image/jpeg", 0.75));
    } catch { return file; }
  };
  const pause = (ms) => new Promise((done) => { const timer = setTimeout(done, ms); wake = () => { clearTimeout(timer); done(); }; });
  const send = async (url, body) => {
    const cut = new AbortController(), timer = setTimeout(() => cut.abort(), TIMEOUT_MS);
    try {
      const answer = await fetch(url, { method: "POST", body, signal: cut.signal });
      return answer.status >= 500 || answer.status === 429 ? null : await answer.text();
    } catch { return null; } finally { clearTimeout(timer); }
  };
  const show = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html"), main = page.querySelector("main");
    if (!main) return;
    document.title = page.title;
    document.querySelector("main").replaceWith(main);
    main.focus();
    scrollTo(0, 0);
  };
  const deliver = async (url, body) => {
    busy = true;
    for (let wait = FIRST_MS; ; wait = Math.min(wait * 2, LONGEST_MS)) {
      const text = await send(url, body);
      if (text !== null) { store(null); busy = false; say(""); show(text); return; }
      say("No connection to the shop. Your answer is kept and sent as soon as there is one: leave this page open.");
      await pause(wait);
    }
  };

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-answer]")) return;
    event.preventDefault();
    if (busy) return;
    busy = true;
    say("Sending…");
    const body = new FormData(form, event.submitter), photo = body.get("photo");
    if (photo instanceof File && photo.size) body.set("photo", await smaller(photo), "photo.jpg");
    else { body.delete("photo"); store([...body.entries()]); }
    deliver(form.action, body);
  });
  addEventListener("online", () => wake());
  document.addEventListener("DOMContentLoaded", () => {
    const kept = stored(), here = new URLSearchParams(location.search).get("t");
    if (!kept || !here) return;
    // Closed or reloaded before it was through: an answer counts once, however often it is sent.
    const body = new FormData();
    for (const [name, value] of kept) body.append(name, value);
    if (body.get("t") !== here) return;
    say("Sending…");
    deliver("/a", body);
  });
})();

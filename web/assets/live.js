// Live pages: a stream says that something changed, and the parts marked data-live are
// taken from the page as it is then. Without this file all works, as it was when loaded.
"use strict";

(() => {
  const body = document.body;
  const pause = 1000; // milliseconds between two refreshes
  const about = body.dataset.about;
  let seq = Number(body.dataset.seq || 0);
  let source, timer = 0, last = 0, busy = false, missed = false;

  // Relative times go on, in the words of clock.go.
  const units = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  function coarse(s) {
    let i = units.findIndex(([length]) => s >= length);
    if (i < 0) i = units.length - 1;
    let text = Math.floor(s / units[i][0]) + units[i][1];
    if (i + 1 < units.length) {
      const n = Math.floor(s % units[i][0] / units[i + 1][0]);
      if (n > 0) text += " " + n + units[i + 1][1];
    }
    return text;
  }
  const made = document.getElementById("made");
  const skew = made ? Date.parse(made.dateTime) - Date.now() : 0; // of our clock
  function tick() {
    const now = Date.now() + skew;
    for (const t of document.querySelectorAll("time[data-tick]")) {
      if (t.textContent === "due") continue;
      const d = Math.round((Date.parse(t.dateTime) - now) / 1000);
      const text = d > 0 ? "in " + coarse(d) : d < 0 ? coarse(-d) + " ago" : "now";
      if (t.textContent !== text) t.textContent = text;
    }
  }

  // become makes one tree like another and touches only what differs, so that focus,
  // selection and scrolling stay.
  function become(is, want) {
    if (is.nodeType !== want.nodeType || is.nodeName !== want.nodeName) {
      is.replaceWith(want.cloneNode(true));
      return;
    }
    if (is.nodeType !== Node.ELEMENT_NODE) {
      if (is.data !== want.data) is.data = want.data;
      return;
    }
    const folds = is.nodeName === "DETAILS"; // whoever opened it wants it open
    for (const a of [...is.attributes]) if (!want.hasAttribute(a.name) && !(folds && a.name === "open")) is.removeAttribute(a.name);
    for (const a of want.attributes) if (is.getAttribute(a.name) !== a.value) is.setAttribute(a.name, a.value);
    const have = [...is.childNodes], next = [...want.childNodes];
    next.forEach((node, i) => i < have.length ? become(have[i], node) : is.append(node.cloneNode(true)));
    have.slice(next.length).forEach(node => node.remove());
  }

  async function refresh() {
    if (busy || document.hidden) { missed = true; return; }
    busy = true; missed = false; last = Date.now();
    try {
      const answer = await fetch(location.href, {headers: {Accept: "text/html"}});
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of document.querySelectorAll("[data-live]")) {
          const want = page.getElementById(part.id);
          if (want) become(part, want);
        }
        const stamp = page.getElementById("made");
        if (made && stamp) become(made, stamp);
        seq = Math.max(seq, Number(page.body.dataset.seq || 0));
        tick();
      }
    } catch { /* the stream notices too, and comes again */ }
    busy = false;
    if (missed) later();
  }
  function later() {
    if (!timer) timer = setTimeout(() => { timer = 0; refresh(); }, Math.max(0, last + pause - Date.now()));
  }

  const light = document.getElementById("stream");
  function shine(on) {
    light.hidden = false;
    light.classList.toggle("on", on);
    light.lastElementChild.textContent = on ? "live" : "offline";
  }
  function listen() {
    source = new EventSource("events?seq=" + seq);
    source.onopen = () => shine(true);
    source.addEventListener("change", e => {
      const news = JSON.parse(e.data);
      if (!about || !news.flows || news.flows.includes(about)) later();
      seq = Math.max(seq, news.seq);
    });
    source.onerror = () => {
      shine(false);
      source.close();
      setTimeout(() => { if (!document.hidden) { listen(); later(); } else missed = true; }, 3000);
    };
  }
  if ("seq" in body.dataset) {
    listen();
    setInterval(tick, 1000);
    setInterval(later, 30000); // what changes with time alone
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      if (source.readyState === EventSource.CLOSED) listen();
      if (missed) later();
    });
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", e => { if (e.persisted) { listen(); later(); } });
  }

  // That something was done is said once, not at every reload.
  const here = new URL(location.href);
  if (here.searchParams.has("did")) {
    for (const key of ["did", "run", "queued"]) here.searchParams.delete(key);
    history.replaceState(null, "", here);
  }
  document.getElementById("date")?.addEventListener("change", e => { if (e.target.value) e.target.form.requestSubmit(); });

  // Questions are asked in place, by the page that asks them without scripts.
  const dialog = document.getElementById("ask");
  document.addEventListener("click", async e => {
    const link = e.target.closest("a[data-ask], a[data-close]");
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey || e.button) return;
    if (link.hasAttribute("data-close")) {
      if (dialog.open) { e.preventDefault(); dialog.close(); }
      return;
    }
    e.preventDefault();
    try {
      const answer = await fetch(link.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const form = page.getElementById("confirm");
      if (!form) throw new Error("no question");
      dialog.replaceChildren(form);
      dialog.showModal();
      (form.querySelector("input:not([type=hidden]), textarea") || form.querySelector("button")).focus();
    } catch { location.href = link.href; }
  });
  dialog.addEventListener("click", e => { if (e.target === dialog) dialog.close(); });

  // Keys: / searches, j and k go along the rows, g f and g d to the pages.
  document.getElementById("keys").hidden = false;
  let before = "";
  document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || dialog.open || e.target.closest("input, textarea")) {
      if (e.key === "Escape" && e.target.id === "q") e.target.blur();
      return;
    }
    const q = document.getElementById("q");
    if (e.key === "/" && q) { e.preventDefault(); q.focus(); q.select(); }
    if (e.key === "j" || e.key === "k") {
      const rows = [...document.querySelectorAll("tbody th a, .day .name")];
      const at = rows.indexOf(document.activeElement) + (e.key === "j" ? 1 : -1);
      rows[Math.max(0, Math.min(at, rows.length - 1))]?.focus();
    }
    if (before === "g" && e.key === "f") location.href = "./";
    if (before === "g" && e.key === "d") location.href = "day";
    before = e.key;
  });
})();

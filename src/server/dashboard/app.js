// Asks for the page again whenever the server says that something changed. Everything works without it, by reloading.
"use strict";
(() => {
  const live = document.getElementById("live");
  const pause = 300; // ms between two fetches: an apply changes the overview many times a second
  let wanted = false;
  let busy = false;
  let shown = document.getElementById("main").innerHTML;

  function say(text, good) {
    live.hidden = false;
    live.dataset.good = String(good);
    if (live.textContent !== text) live.textContent = text;
  }

  // What the reader did to the page outlives the exchange of its content.
  function swap(main, fresh) {
    const focused = document.activeElement && document.activeElement.id;
    const scrolled = [...main.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    for (const box of main.querySelectorAll("details[data-key]")) {
      const same = fresh.querySelector(`details[data-key="${CSS.escape(box.dataset.key)}"]`);
      if (same) same.open = box.open;
    }
    main.replaceChildren(...fresh.childNodes);
    main.querySelectorAll(".scroll").forEach((box, index) => { box.scrollLeft = scrolled[index] || 0; });
    const again = focused && document.getElementById(focused);
    if (again) again.focus({ preventScroll: true });
  }

  async function refresh() {
    wanted = true;
    if (busy) return;
    busy = true;
    try {
      while (wanted) {
        wanted = false;
        const response = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
        const kind = response.headers.get("content-type") || "";
        if (response.ok && kind.startsWith("text/html")) {
          const page = new DOMParser().parseFromString(await response.text(), "text/html");
          const fresh = page.getElementById("main");
          if (fresh && fresh.innerHTML !== shown && !holdsSelection()) {
            shown = fresh.innerHTML;
            document.title = page.title;
            swap(document.getElementById("main"), document.adoptNode(fresh));
          }
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    } catch (error) {
      say("not connected", false);
    } finally {
      busy = false;
    }
  }

  // Somebody who is copying a value should not lose it.
  function holdsSelection() {
    const selection = document.getSelection();
    return Boolean(selection && !selection.isCollapsed && document.getElementById("main").contains(selection.anchorNode));
  }

  const events = new EventSource("/api/v1/events");
  events.addEventListener("overview", () => { say("live", true); refresh(); });
  events.addEventListener("pull_requests", () => refresh());
  events.addEventListener("error", () => say("not connected", false));
  setInterval(refresh, 30000); // "3 min ago" grows old by itself
})();

// Keeps what is marked data-live as it is on the server, without moving what somebody looks at. Pages work without it.
(() => {
  "use strict";

  const EVERY_MS = 2000;
  const region = document.querySelector("[data-live]");
  const box = document.querySelector("[data-live-switch]");
  const said = document.querySelector("[data-live-said]");
  if (!region || !box) return;

  const STORED = "pubsubctl-live";
  let timer = 0;
  let asking = false;

  box.checked = sessionStorage.getItem(STORED) !== "off";
  box.closest("label").hidden = false;

  const tell = (text) => {
    if (said.textContent !== text) said.textContent = text;
  };

  // What should stay where it is on the screen: what is pointed at, has the focus, or is the first that can be seen.
  const anchor = () => {
    const rows = [...region.querySelectorAll("[data-key]")];
    const held = rows.find((row) => row.matches(":hover")) || rows.find((row) => row.contains(document.activeElement));
    const shown = held || (window.scrollY > 0 && rows.find((row) => row.getBoundingClientRect().bottom > 0));
    return shown ? { key: shown.dataset.key, top: shown.getBoundingClientRect().top } : null;
  };

  const isSelecting = () => {
    const selection = window.getSelection();
    return selection && !selection.isCollapsed && region.contains(selection.anchorNode);
  };

  const stateOf = (element) => ({
    open: element.open,
    top: element.scrollTop,
    left: element.scrollLeft,
  });

  const KEPT = "details[id], pre[aria-label], .scroll[aria-label]";
  const FOCUSABLE = "a[href], button, input, select, summary, [tabindex]";

  // By which an element is found again: its id, else what it is and in which row or part of the page.
  const nameOf = (element) => {
    if (element.id) return element.id;
    const around = element.parentElement.closest("[data-key], [id]");
    const place = around && region.contains(around) ? around.dataset.key || around.id : "";
    return [place, element.tagName, element.getAttribute("aria-label"), element.getAttribute("href")].join(" ");
  };

  const replace = (fresh) => {
    const place = anchor();
    const focused = document.activeElement;
    const focus = region.contains(focused) ? nameOf(focused) : null;
    const kept = new Map([...region.querySelectorAll(KEPT)].map((one) => [nameOf(one), stateOf(one)]));
    region.replaceChildren(...fresh.childNodes);
    for (const one of region.querySelectorAll(KEPT)) {
      const was = kept.get(nameOf(one));
      if (!was) continue;
      if (one.tagName === "DETAILS") one.open = was.open;
      one.scrollTop = was.top;
      one.scrollLeft = was.left;
    }
    if (focus) {
      const again = [...region.querySelectorAll(FOCUSABLE)].find((one) => nameOf(one) === focus);
      if (again) again.focus({ preventScroll: true });
    }
    if (place) {
      const row = [...region.querySelectorAll("[data-key]")].find((one) => one.dataset.key === place.key);
      if (row) window.scrollBy(0, row.getBoundingClientRect().top - place.top);
    }
  };

  // Nothing changes any more.
  const end = () => {
    clearInterval(timer);
    box.checked = false;
    box.closest("label").hidden = true;
  };

  const refresh = async () => {
    if (asking || document.hidden || !box.checked || isSelecting()) return;
    asking = true;
    try {
      const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
      if (answer.redirected) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-live]");
      if (!fresh) throw new Error("no such page");
      if (box.checked && !isSelecting() && fresh.innerHTML !== region.innerHTML) replace(fresh);
      tell("");
      if (!page.querySelector("[data-live-switch]")) end();
    } catch {
      tell("Not updated: there is no answer.");
    } finally {
      asking = false;
    }
  };

  const arrange = () => {
    clearInterval(timer);
    if (box.checked && !document.hidden) timer = setInterval(refresh, EVERY_MS);
  };

  box.addEventListener("change", () => {
    sessionStorage.setItem(STORED, box.checked ? "on" : "off");
    arrange();
    refresh();
  });
  document.addEventListener("visibilitychange", () => {
    arrange();
    refresh();
  });
  arrange();
})();

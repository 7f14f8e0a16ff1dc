// Polling, one submit per form, focus on the new heading. The page works without it.
(() => {
  const body = document.body, heading = document.querySelector("[data-focus]");
  if (heading) heading.focus();
  for (const form of document.querySelectorAll("form[data-once]")) {
    const button = form.querySelector("button") || document.querySelector(`button[form="${form.id}"]`);
    let label;
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "1";
      if (!button || !form.dataset.once) return;
      label = [...button.childNodes];
      const spinner = document.createElement("span");
      spinner.className = "sp";
      button.setAttribute("aria-disabled", "true");
      button.replaceChildren(spinner, form.dataset.once);
    });
    addEventListener("pageshow", (event) => {
      if (!event.persisted || !form.dataset.sent) return;
      delete form.dataset.sent;
      if (label) button.replaceChildren(...label), button.removeAttribute("aria-disabled");
    });
  }
  const offline = document.querySelector("[data-offline]");
  const online = (is) => { if (offline) offline.hidden = is; };
  addEventListener("offline", () => online(false));
  addEventListener("online", () => online(true));

  const url = body.dataset.poll, seen = "shunfu.seen:" + url;
  if (!url) return;
  const waits = [1, 1, 2, 3, 5];
  let phase = body.dataset.phase, tag = "", turn = 0;
  // A page that a reload did not change is not reloaded again for the same reason.
  if ((sessionStorage.getItem(seen) || "").endsWith(">" + phase)) sessionStorage.removeItem(seen);
  const again = () => setTimeout(ask, 1000 * waits[Math.min(turn++, waits.length - 1)]);
  const ask = async () => {
    if (document.hidden) return document.addEventListener("visibilitychange", ask, { once: true });
    try {
      const reply = await fetch(url, { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
      online(true);
      if (reply.ok) {
        tag = reply.headers.get("ETag") || "";
        const next = (await reply.json()).phase, change = phase + ">" + next;
        if (next && next !== phase) {
          if (sessionStorage.getItem(seen) !== change) {
            sessionStorage.setItem(seen, change);
            return location.reload();
          }
          phase = next;
        }
      }
    } catch { online(false); }
    again();
  };
  again();
})();

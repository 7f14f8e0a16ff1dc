// Asks the browser for a passkey and puts its answer into the form. Without this file the codes of an authenticator do.
"use strict";
(() => {
  const toBytes = (text) => {
    const padded = text.replace(/-/g, "+").replace(/_/g, "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
    return Uint8Array.from(atob(padded), (one) => one.charCodeAt(0));
  };
  const toText = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const readOptions = (told) => {
    const named = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));
    const options = { ...told, challenge: toBytes(told.challenge) };
    if (told.user) options.user = { ...told.user, id: toBytes(told.user.id) };
    if (told.excludeCredentials) options.excludeCredentials = named(told.excludeCredentials);
    if (told.allowCredentials) options.allowCredentials = named(told.allowCredentials);
    return options;
  };

  const writeAnswer = (made) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (made.response[name]) response[name] = toText(made.response[name]);
    }
    return JSON.stringify({ id: made.id, rawId: toText(made.rawId), type: made.type, response });
  };

  const watch = (form) => {
    const failed = form.querySelector("[data-failed]");
    form.addEventListener("submit", async (event) => {
      if (form.elements.answer.value) return;
      event.preventDefault();
      failed.hidden = true;
      try {
        const publicKey = readOptions(JSON.parse(form.dataset.options));
        const made = await navigator.credentials[form.dataset.passkey]({ publicKey });
        form.elements.answer.value = writeAnswer(made);
        form.submit();
      } catch {
        failed.hidden = false;
      }
    });
    form.hidden = false;
  };

  if (!window.PublicKeyCredential) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) watch(form);
  for (const note of document.querySelectorAll("[data-without]")) note.hidden = true;
})();

// Opens the payment at once: posts the form, or calls the bridge of the wallet's browser, and comes back with its word.
(() => {
  const form = document.querySelector("form[data-go]");
  // Coming back here by the browser's own button must not send anybody away again.
  const isFirst = performance.getEntriesByType("navigation")[0]?.type !== "back_forward";
  if (form) return isFirst && form.submit();
  const { bridge, home } = document.body.dataset, button = document.querySelector("[data-open]");
  if (!bridge) return;
  const results = { ok: "ok", cancel: "cancel" };
  const open = () =>
    WeixinJSBridge.invoke("getBrandWCPayRequest", JSON.parse(bridge), (said) => {
      const word = String((said && said.err_msg) || "").split(":")[1];
      location.replace(home + "&result=" + (results[word] || "fail"));
    });
  const ready = () => {
    button.hidden = false;
    button.addEventListener("click", open);
    if (isFirst) open();
  };
  if (window.WeixinJSBridge) ready();
  else document.addEventListener("WeixinJSBridgeReady", ready, { once: true });
})();

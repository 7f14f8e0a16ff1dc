/**
 * Sentences. They come with the answer in the shopper's language; the few below are for the time before it and without it.
 */

type Texts = Record<string, string>;

/** What can be needed while there is no answer. The keys are those of the answer's own texts. */
export const BUILT_IN: Record<"zh" | "en", Texts> = {
  zh: {
    "checkout.checking": "正在核对金额",
    "checkout.offline": "网络断开，金额可能已变",
    "checkout.trouble": "现在打不开收银台",
    "checkout.reconnect": "重新连接并核对",
    "checkout.gone": "这个付款地址无效",
  },
  en: {
    "checkout.checking": "Checking the amount",
    "checkout.offline": "You are offline. This amount may be out of date",
    "checkout.trouble": "The checkout cannot open now",
    "checkout.reconnect": "Reconnect and re-check",
    "checkout.gone": "This payment address is not valid",
  },
};

/** Our language nearest to one that a system or a page names. */
export function closest(language: string | undefined): string {
  return /^en/i.test(language ?? "") ? "en" : "zh-CN";
}

/** Says a key with its named values, `{amount}`-like places filled. A key without a text shows as itself. */
export type Say = (key: string, values?: Record<string, string | number>) => string;

/** A speaker of the answer's texts, else of the built-in ones of that language. */
export function speaker(texts: Texts | null, lang: string): Say {
  const own = BUILT_IN[lang.startsWith("en") ? "en" : "zh"];
  return (key, values = {}) =>
    (texts?.[key] ?? own[key] ?? key).replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

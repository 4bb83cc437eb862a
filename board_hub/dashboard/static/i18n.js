// The language of the page.
import { LANGUAGES, WORDS } from "./words.js";

export { LANGUAGES };

const codes = Object.keys(LANGUAGES);
let index = 0;

export const language = () => codes[index];

export function setLanguage(code, keep = true) {
  index = Math.max(0, codes.indexOf(code));
  document.documentElement.lang = codes[index] === "zh" ? "zh-CN" : "en";
  if (!keep) return;
  try {
    localStorage.setItem("k230-language", codes[index]);
  } catch {
    // a private window
  }
}

export const has = (key) => Object.hasOwn(WORDS, key);

// {name}: a value. {name|sample|samples}: a number and what it counts.
const VALUE = /\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g;

export function t(key, values = {}) {
  const words = has(key) ? WORDS[key] : [key, key];
  return (words[index] || words[0]).replace(VALUE, (_, name, one, many) => {
    const value = String(values[name] ?? "");
    return one === undefined ? value : `${value} ${value === "1" ? one : many}`;
  });
}

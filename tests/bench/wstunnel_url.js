// wstunnel 1.4.0 hands `new URL(proxy)` to Object.assign(), which copies nothing of it (Node 20), so
// that it connects nowhere. What url.parse() gives has members of its own. Preloaded by ways_rivals.py.
const { parse } = require("url");

globalThis.URL = function URL(text) {
  return parse(text);
};

// tunnel/base/plain_text.h: text that others wrote (peers, proxies, gateways), for a terminal.
#pragma once
#include <algorithm>
#include <string>

namespace culvert {

// What is not printable ASCII becomes '?': control characters steer a terminal, also those behind
// 0x7f (U+009B begins a sequence as ESC [ does, in UTF-8 as well), and U+202E turns what follows.
inline std::string plain_text(std::string text, bool keep_lines = false) {
  const auto printable = [&](char c) {
    return (c >= ' ' && c <= '~') || (keep_lines && c == '\n');
  };
  std::replace_if(
      text.begin(), text.end(), [&](char c) { return !printable(c); }, '?');
  return text;
}

}  // namespace culvert

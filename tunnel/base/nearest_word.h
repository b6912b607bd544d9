// tunnel/base/nearest_word.h: which known word a person may have meant by an unknown one.
#pragma once
#include <algorithm>
#include <string_view>
#include <vector>

namespace culvert {

// Insertions, deletions, replacements and swaps of neighbours (Damerau 1964, restricted form).
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

// Empty if none is near: a wrong hint is worse than none.
template <class Words>
std::string_view nearest_word(std::string_view word, const Words& known) {
  std::string_view best;
  std::size_t distance = std::min<std::size_t>(3, word.size() / 2) + 1;
  if (word.size() > 100) return {};
  for (const std::string_view candidate : known) {
    const auto d = edit_distance(word, candidate);
    if (d >= distance) continue;
    distance = d;
    best = candidate;
  }
  return best;
}

}  // namespace culvert

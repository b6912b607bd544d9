// What culvert reads of an agent that may be another user's, what culvert-igd is told and tells,
// and files of the system and of users.
#include "agent/netrc.h"
#include "agent/status.h"
#include "agent/system_wide.h"
#include "tunnel/base/plain_text.h"
#include "tunnel/portmap/igd_answer.h"

namespace {

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find('\0'), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace culvert;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto report = agent::status_from_json(text)) {
    if (!agent::status_from_json(agent::to_json(*report))) __builtin_trap();
    if (!is_plain(agent::to_table(*report, 0, /*colour=*/false))) __builtin_trap();
  }
  if (const auto setting = agent::parse_system_wide(text))
    if (!agent::parse_system_wide(agent::to_text(*setting))) __builtin_trap();
  (void)agent::find_in_netrc(text, "proxy.example.net");
  if (const auto answer = portmap::answer_of(text))
    if (!portmap::answer_of(portmap::to_line(answer))) __builtin_trap();
  if (const auto task = portmap::task_of(words_in(text)))
    if (!portmap::task_of(portmap::words_of(*task))) __builtin_trap();
  return 0;
}

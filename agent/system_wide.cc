#include "agent/system_wide.h"

#include "agent/state_file.h"
#include "tunnel/base/text.h"

namespace culvert::agent {
namespace {

constexpr std::uint16_t kEntryPort = 64'001;
constexpr std::size_t kMostWords = 4096;

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// What goes into the rules as it stands.
bool is_plain_path(std::string_view path) {
  constexpr std::string_view kOthers = "/._-@:\\";
  if (path.empty() || path.size() > 1024 || path.front() == '/') return false;
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && kOthers.find(c) == std::string_view::npos) return false;
  }
  return path.find("..") == std::string_view::npos;
}

bool is_forwarding(std::string_view text) {
  for (auto word : words_of(text)) {
    if (word.front() == '!') word.remove_prefix(1);
    if (!IpPrefix::parse(word)) return false;
  }
  return true;
}

template <class Value, class Parsed>
bool take(Value& into, const Parsed& parsed) {
  if (!parsed) return false;
  into = *parsed;
  return true;
}

bool take_users(SystemWide& setting, std::string_view value) {
  const auto words = words_of(value);
  for (const auto word : words)
    if (!parse_number(word, setting.users.emplace_back())) return false;
  return words.size() <= kMostWords;
}

bool take_slices(SystemWide& setting, std::string_view value) {
  const auto words = words_of(value);
  for (const auto word : words) {
    if (!is_plain_path(word)) return false;
    setting.slices.emplace_back(word);
  }
  return words.size() <= kMostWords;
}

bool take_line(SystemWide& setting, std::string_view key, std::string_view value) {
  if (key == "CULVERT_AGENT") return !(setting.socket = value).empty();
  if (key == "CULVERT_POOL") return take(setting.pool, IpPrefix::parse(value));
  if (key == "CULVERT_DOMAINS") return setting.domains = value, true;
  if (key == "CULVERT_FORWARD") return setting.forwarding = value, is_forwarding(value);
  if (key == "CULVERT_DNS") return take(setting.name_server, SocketAddress::parse(value));
  if (key == "AGENT_UID") return parse_number(value, setting.agent_uid);
  if (key == "ALL") return setting.all = value == "yes", value == "yes";
  if (key == "USERS") return take_users(setting, value);
  if (key == "SLICES") return take_slices(setting, value);
  return false;
}

}  // namespace

SocketAddress SystemWide::entry() const {
  return {IpAddress::v4(pool.address.v4_value() + 0x200), kEntryPort};
}

std::string to_text(const SystemWide& setting) {
  std::string out =
      "# Whose programs are carried without culvert run. Written by culvert enable.\n";
  const auto line = [&](const char* key, const std::string& value) {
    if (!value.empty()) out += std::string(key) + "=" + value + "\n";
  };
  std::string users, slices;
  for (const auto uid : setting.users) users += (users.empty() ? "" : " ") + std::to_string(uid);
  for (const auto& slice : setting.slices) slices += (slices.empty() ? "" : " ") + slice;
  line("CULVERT_AGENT", setting.socket);
  line("CULVERT_POOL", setting.pool.to_string());
  line("CULVERT_DOMAINS", setting.domains);
  line("CULVERT_FORWARD", setting.forwarding);
  line("CULVERT_DNS", setting.name_server ? setting.name_server->to_string() : "");
  line("AGENT_UID", std::to_string(setting.agent_uid));
  line("ALL", setting.all ? "yes" : "");
  line("USERS", users);
  line("SLICES", slices);
  return out;
}

Result<SystemWide> parse_system_wide(std::string_view text) {
  SystemWide setting;
  for (int number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const auto equals = std::min(line.find('='), line.size());
    const auto value = line.substr(std::min(equals + 1, line.size()));
    if (!take_line(setting, line.substr(0, equals), value))
      return fail(ErrorCode::kBadInput, "line " + std::to_string(number) + ", '" +
                                            std::string(line) +
                                            "', is not one that culvert enable writes: run "
                                            "culvert disable and culvert enable again");
  }
  const bool v4 =
      setting.pool.address.is_v4() && (!setting.name_server || setting.name_server->ip.is_v4());
  if (setting.socket.empty() || setting.pool.length == 0 || setting.pool.length > 22 || !v4)
    return fail(ErrorCode::kBadInput,
                "it does not say where the agent is: run culvert disable and culvert enable again");
  return setting;
}

Result<SystemWide> load_system_wide(const std::string& path) {
  const auto text = read_state_file(path, Privacy::kOrdinary);
  if (!text) return fail(text.error());
  auto setting = parse_system_wide(*text);
  if (!setting) return fail(setting.error().code, path + ": " + setting.error().detail);
  return setting;
}

}  // namespace culvert::agent

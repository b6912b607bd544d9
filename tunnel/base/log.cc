#include "tunnel/base/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>

#include "tunnel/base/standard_error.h"

// Not spdlog: a line is one write(2) with our own escaping, and spdlog costs 2 s of parsing.
namespace culvert::log {
namespace {

std::atomic<Level> g_level = Level::kInfo;

std::string_view name(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarning: return "warning";
    case Level::kError: return "error";
  }
  return "error";
}

int priority(Level level) {  // syslog(3) numbers, as sd-daemon(3) wants them
  switch (level) {
    case Level::kDebug: return 7;
    case Level::kInfo: return 6;
    case Level::kWarning: return 4;
    case Level::kError: return 3;
  }
  return 3;
}

void append_value(std::string& line, std::string_view value) {
  const auto plain = [](char c) {
    return c > ' ' && c != '"' && c != '=' && c != '\\' && c <= '~';
  };
  bool quote = value.empty();
  for (const char c : value) quote = quote || !plain(c);
  if (!quote) {
    line += value;
    return;
  }
  line += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) >= 0x7f) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  line += '"';
}

// What the reader of the log sees before the text.
std::string line_start(Level level) {
  static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  if (journal) return fmt::format("<{}>", priority(level));
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z ",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                     now.time_since_epoch().count() % 1000);
}

bool put_line(Level level, std::string_view text) {
  constexpr std::string_view kCut = "...";
  auto line = line_start(level);
  line += text;
  if (line.size() >= kMostAtOnce) line.replace(kMostAtOnce - 1 - kCut.size(), line.npos, kCut);
  line += '\n';
  return write_to_standard_error(line);
}

// A reader that has stalled must never stop the daemon: lines are dropped, and it is told how many.
void put(Level level, std::string_view text) {
  static std::mutex one_at_a_time;
  static std::uint64_t dropped = 0;
  const std::lock_guard lock(one_at_a_time);
  if (dropped != 0) {
    const auto notice = format(Level::kWarning, "log", {{"event", "dropped"}, {"lines", dropped}});
    if (put_line(Level::kWarning, notice)) dropped = 0;
  }
  if (dropped != 0 || !put_line(level, text)) ++dropped;
}

}  // namespace

void set_level(Level level) { g_level = level; }
bool enabled(Level level) { return level >= g_level; }

bool parse_level(std::string_view text, Level& out) {
  for (const auto level : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError}) {
    if (text != name(level)) continue;
    out = level;
    return true;
  }
  return false;
}

std::string format(Level level, std::string_view part, Fields fields) {
  std::string line{name(level)};
  line += ' ';
  line += part;
  for (const auto& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value);
  }
  return line;
}

void write(Level level, std::string_view part, Fields fields) {
  if (!enabled(level)) return;
  put(level, format(level, part, fields));
}

}  // namespace culvert::log

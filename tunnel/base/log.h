// tunnel/base/log.h: one line per event, key=value, to standard error.
//
//   log::info("session", {{"event", "up"}, {"via", "tls"}, {"why", "direct refused"}});
// prints   2026-01-02T03:04:05.678Z info session event=up via=tls why="direct refused"
//
// Nothing here waits: where the reader has stalled, lines are dropped, and the next one that goes
// out comes behind `warning log event=dropped lines=N`. Lines longer than 4 KiB are cut.
//
// Each state change is logged once, with its reason. Never payload, never a secret. On a journal
// stream ($JOURNAL_STREAM) the time stamp is left to the journal and "<N>" priorities are used.
#pragma once
#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace culvert::log {

enum class Level { kDebug, kInfo, kWarning, kError };

struct Field {
  std::string_view key;
  std::string value;
  Field(std::string_view k, std::string_view v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(v) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, std::integral auto v) : key(k), value(std::to_string(v)) {}
};
using Fields = std::initializer_list<Field>;

void set_level(Level level);
bool parse_level(std::string_view name, Level& out);  // "debug", "info", "warning", "error"
bool enabled(Level level);

void write(Level level, std::string_view part, Fields fields);
inline void debug(std::string_view part, Fields fields) { write(Level::kDebug, part, fields); }
inline void info(std::string_view part, Fields fields) { write(Level::kInfo, part, fields); }
inline void warning(std::string_view part, Fields fields) { write(Level::kWarning, part, fields); }
inline void error(std::string_view part, Fields fields) { write(Level::kError, part, fields); }

// The text of one line without time stamp, for tests: values with spaces, quotes, '=' or control
// characters are quoted and escaped, so a peer's text cannot forge a field or a line.
std::string format(Level level, std::string_view part, Fields fields);

}  // namespace culvert::log

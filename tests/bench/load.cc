// culvert-bench-load: the far and the near program of tests/bench/run.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/bench/load_client.h"
#include "tests/bench/load_server.h"

namespace culvert::bench {
namespace {

constexpr const char* kUsage =
    "usage: culvert-bench-load serve ADDRESS PORT\n"
    "       culvert-bench-load MODE [OPTION...] HOST PORT\n"
    "\n"
    "serve prints the port it got (0: any) and serves until it is killed. The other modes measure\n"
    "against it and print one line of JSON:\n"
    "  throughput   bulk data on --streams at once\n"
    "  echo         one byte there and back\n"
    "  beside       the same beside one bulk stream\n"
    "  stalled      the same before and after --streams of bulk data whose reader stalls\n"
    "  connections  open, 64 bytes there and back, close; --concurrency at once\n"
    "  idle         holds --streams open until standard input ends\n"
    "\n"
    "  --direction up|down  of bulk data (down: from the server)      --streams N      (1)\n"
    "  --seconds S (1)      --warm-up S (0.3)     --concurrency N (1)     --most N     (10000)\n";

double number(const char* option, const char* text) {
  double value = 0;
  const auto* end = text + std::strlen(text);
  if (std::from_chars(text, end, value).ptr != end || value < 0 || value > 1e9)
    give_up(std::string(option) + " wants a number, not '" + text + "'");
  return value;
}

void set_option(Options& options, const std::string& name, const char* text) {
  const auto count = [&] { return static_cast<std::size_t>(number(name.c_str(), text)); };
  if (name == "--direction")
    options.up = std::strcmp(text, "up") == 0;
  else if (name == "--streams")
    options.streams = count();
  else if (name == "--concurrency")
    options.concurrency = count();
  else if (name == "--most")
    options.most = count();
  else if (name == "--seconds")
    options.seconds = number(name.c_str(), text);
  else if (name == "--warm-up")
    options.warm_up = number(name.c_str(), text);
  else
    give_up("'" + name + "' is not an option; see --help");
}

void measure(const std::string& mode, const Options& options) {
  if (mode == "throughput") return measure_throughput(options);
  if (mode == "echo") return measure_echo(options);
  if (mode == "beside") return measure_echo_beside_bulk(options);
  if (mode == "stalled") return measure_echo_beside_stalled(options);
  if (mode == "connections") return measure_connections(options);
  if (mode == "idle") return hold_idle(options);
  give_up("'" + mode + "' is not a mode; see --help");
}

}  // namespace
}  // namespace culvert::bench

int main(int argc, char** argv) {
  using namespace culvert::bench;
  if (argc < 4) {
    std::fputs(kUsage, argc == 2 && std::strcmp(argv[1], "--help") == 0 ? stdout : stderr);
    return argc == 2 ? 0 : 2;
  }
  const std::string mode = argv[1];
  if (mode == "serve") serve(argv[2], static_cast<std::uint16_t>(number("PORT", argv[3])));
  Options options;
  int at = 2;
  for (; at + 3 < argc; at += 2) set_option(options, argv[at], argv[at + 1]);
  if (at + 2 != argc) give_up("expected HOST PORT after the options; see --help");
  options.target = resolve(argv[at], argv[at + 1]);
  measure(mode, options);
}

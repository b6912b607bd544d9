// The agent's configuration: a person's text, but often pasted from elsewhere.
#include "agent/destinations.h"
#include "tunnel/base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const culvert::agent::Environment environment{"/h", "", "", "/r", "", "", 1000};
  const auto config = culvert::agent::parse_config({reinterpret_cast<const char*>(data), size},
                                                   "/etc/x.toml", environment);
  if (config) {
    (void)culvert::agent::Destinations(*config, "example.net", {}).of_name("a.example.org");
  } else if (config.error().detail.rfind("/etc/x.toml:", 0) != 0) {
    __builtin_trap();  // an error without its place
  }
  return 0;
}

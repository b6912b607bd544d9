#include <cstdlib>

#include "tunnel/proxies/desktop_settings.h"
#include "tunnel/proxies/no_proxy.h"

// Settings come from other programs: whatever is accepted survives its way as text.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert::proxies;
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)from_gsettings(text);
  (void)from_kioslaverc(text);
  (void)is_excluded(text, "www.example.org");
  (void)is_excluded(text, "[2001:db8::1]");
  const auto settings = settings_from_text(text);
  if (!settings) return 0;
  const auto again = settings_from_text(to_text(*settings));
  if (!again || *again != *settings) std::abort();
  if (hints_of(*settings, "service.example.net", "x").size() > 3) std::abort();
  return 0;
}

// The loader of address pool snapshots: whatever it accepts, it must write as it read it.
#include <cstdlib>

#include "resolver/address_pool.h"
#include "tunnel/base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using culvert::resolver::AddressPool;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  AddressPool pool(AddressPool::default_prefix());
  if (!pool.load(text)) {
    if (pool.size() != 0) std::abort();
    return 0;
  }
  AddressPool again(AddressPool::default_prefix());
  const auto snapshot = pool.snapshot();
  if (!again.load(snapshot) || again.snapshot() != snapshot) std::abort();
  const culvert::UnixTime now{std::chrono::days{20'000}};
  const auto address = pool.address_of("web.example.net", now);
  if (address && pool.name_of(*address, now) != "web.example.net") std::abort();
  return 0;
}

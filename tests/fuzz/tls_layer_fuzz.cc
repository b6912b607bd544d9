// A TLS server, and a client, that receive hostile octets in pieces: the first octet chooses the
// role, each piece begins with its length.
#include <cstdlib>

#include "tunnel/carrier/tls_layer.h"

using namespace culvert;

namespace {

// Repeatable, so that a finding is.
class CountingRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (auto& byte : out)
      byte = static_cast<std::byte>((state_ = state_ * 1103515245 + 12345) >> 16);
  }

 private:
  std::uint32_t state_ = 1;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static CountingRandom random;
  static const auto identity = carrier::TlsServerIdentity::self_signed(
      "fuzz.example.net", std::chrono::sys_days{std::chrono::year{2026} / 1 / 2}, random);
  static auto server = carrier::TlsServerContext::make(*identity, {}, random);
  static auto client = carrier::TlsClientContext::make({{"http/1.1"}, {}}, random);
  if (size == 0) return 0;
  auto input = std::as_bytes(std::span{data, size}).subspan(1);
  const auto layer = data[0] % 4 != 0 ? carrier::TlsLayer::server(*server)
                                      : carrier::TlsLayer::client(*client, "fuzz.example.net");
  while (!input.empty() && layer->wants_input()) {
    const auto length = std::min(input.size() - 1, std::to_integer<std::size_t>(input[0]) * 4);
    if (!layer->receive(input.subspan(1, length))) break;
    input = input.subspan(1 + length);
    layer->output_sent(layer->pending_output().size());
    layer->consumed(layer->readable().size());
  }
  if (layer->receive_end() && !layer->peer_ended()) abort();
  (void)layer->describe();
  return 0;
}

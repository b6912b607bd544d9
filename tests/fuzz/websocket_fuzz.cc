// A WebSocket client before and after its upgrade, and a server, receive any octets in pieces. The
// first octet chooses the side, each piece begins with its length.
#include <algorithm>
#include <cstdlib>

#include "tunnel/carrier/websocket.h"

using namespace culvert;
using namespace culvert::carrier;

namespace {

class ConstantRandom final : public Random {
 public:
  void fill(MutableBytes out) override { std::ranges::fill(out, std::byte{0}); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  ConstantRandom random;
  std::shared_ptr<ProxyLogin> login;
  if (data[0] % 2 == 1)
    login =
        std::make_shared<ProxyLogin>(ProxyCredentials{"D", "ann", "secret"}, random, UnixTime{});
  const auto layer = data[0] % 3 == 0 ? WebSocket::server("dGhlIHNhbXBsZSBub25jZQ==")
                                      : WebSocket::client({"/", "h", {}}, random, login);
  if (data[0] % 3 == 1) {
    const auto answer =
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: " +
        websocket_accept("AAAAAAAAAAAAAAAAAAAAAA==") + "\r\n\r\n";
    if (!layer->receive(as_bytes(answer)) || !layer->established()) abort();
  }
  auto input = std::as_bytes(std::span{data, size}).subspan(1);
  std::byte buffer[64];
  while (!input.empty() && layer->wants_input()) {
    const auto length = std::min(input.size() - 1, std::to_integer<std::size_t>(input[0]) * 4);
    auto room = MutableBytes{buffer}.first(layer->readable().empty() ? length % 64 : 0);
    if (!layer->receive_into(input.subspan(1, length), room)) break;
    input = input.subspan(1 + length);
    layer->output_sent(layer->pending_output().size());
    layer->consumed(layer->readable().size());
  }
  if (layer->receive_end() && !layer->peer_ended()) abort();
  return 0;
}

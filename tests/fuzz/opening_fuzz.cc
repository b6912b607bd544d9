// Hostile proxies: CONNECT with a login, SOCKS4, SOCKS5 and FTP receive any octets in pieces. The
// first octet chooses the conversation, each piece begins with its length.
#include <cstdlib>

#include "tunnel/carrier/ftp_opening.h"
#include "tunnel/carrier/http_connect.h"
#include "tunnel/carrier/socks.h"

using namespace culvert;
using namespace culvert::carrier;

namespace {

class CountingRandom final : public Random {
 public:
  void fill(MutableBytes out) override {
    for (auto& byte : out) byte = static_cast<std::byte>(++state_);
  }

 private:
  std::uint8_t state_ = 0;
};

std::unique_ptr<Layer> make(unsigned choice, Random& random) {
  const HostPort target{"service.example.net", 443};
  const Socks::Login login{"ann", "secret"};
  switch (choice % 7) {
    case 0:
      return std::make_unique<HttpConnect>(
          target,
          std::make_shared<ProxyLogin>(ProxyCredentials{"D", "ann", "secret"}, random, UnixTime{}));
    case 1: return *Socks::make(ProxyKind::kSocks4a, target, {}, {});
    case 2: return *Socks::make(ProxyKind::kSocks5, target, {}, login);
    case 3:
      return std::make_unique<FtpLogin>(
          std::make_shared<FtpProxyLogin>(
              target,
              choice >= 64 ? std::optional(ProxyCredentials{"", "ann", "secret"}) : std::nullopt),
          choice >= 128, choice % 2 == 0 ? "" : "/folder");
    case 4: return std::make_unique<FtpTransfer>("RETR /culvert");
    case 5: return Socks::associate(login);
    default:
      return std::make_unique<HttpConnect>(
          target, std::make_shared<ProxyLogin>(std::nullopt, random, UnixTime{}));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  CountingRandom random;
  const auto layer = make(data[0], random);
  auto input = std::as_bytes(std::span{data, size}).subspan(1);
  while (!input.empty() && layer->wants_input()) {
    const auto length = std::min(input.size() - 1, std::to_integer<std::size_t>(input[0]) * 4);
    if (!layer->receive(input.subspan(1, length))) break;
    input = input.subspan(1 + length);
    layer->output_sent(layer->pending_output().size());
  }
  if (layer->receive_end() || !layer->readable().empty()) abort();
  (void)layer->describe();
  return 0;
}

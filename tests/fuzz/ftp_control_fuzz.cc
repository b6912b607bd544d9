// Whatever an FTP proxy, or who pretends to be one, says to the service in pieces: each piece
// begins with its length.
#include <cstdlib>

#include "service/ftp_control.h"

namespace {

struct Doors final : culvert::service::FtpControl::Doors {
  std::optional<std::uint16_t> open_data_port() override { return 40000; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace culvert;
  Doors doors;
  service::FtpControl control(*SocketAddress::parse("198.51.100.10:443"), doors);
  auto input = std::as_bytes(std::span{data, size});
  while (!input.empty()) {
    const auto length = std::min(input.size() - 1, std::to_integer<std::size_t>(input[0]));
    const auto replies = control.receive(input.subspan(1, length));
    if (!replies) break;
    if (!replies->empty() && !replies->ends_with("\r\n")) std::abort();
    if (control.over() && !replies->empty() && !replies->ends_with("221 Goodbye.\r\n"))
      std::abort();
    input = input.subspan(1 + length);
  }
  return 0;
}

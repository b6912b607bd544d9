// Datagrams of a hostile SOCKS5 proxy: what is taken for one says the same when it is written
// again.
#include <algorithm>
#include <cstdlib>

#include "tunnel/carrier/socks_datagram.h"

using namespace culvert;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span{data, size});
  (void)carrier::read_socks_address(input);
  const auto read = carrier::read_socks_datagram(input);
  if (!read) return 0;
  ByteVector again;
  carrier::append_socks_header(again, read->peer);
  if (again.size() != carrier::socks_header_size(read->peer)) std::abort();
  append(again, read->data);
  // The reserved octets may be anything.
  if (again.size() != size || !std::ranges::equal(Bytes(again).subspan(2), input.subspan(2)))
    std::abort();
  return 0;
}

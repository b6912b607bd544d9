// TLS records behind the handshake. The first octet chooses the role and the cipher; then each
// piece begins with what it is (raw octets, or the text of a record that opens), its length and how
// much of it arrives at once. What is read must be what was sealed, in order.
#include <algorithm>
#include <cstdlib>

#include "tunnel/carrier/tls_traffic.h"

using namespace culvert;
using carrier::TlsCipher;
using carrier::TlsContent;
using carrier::TlsRecordKey;
using carrier::TlsTraffic;

namespace {

std::optional<TlsRecordKey> key(TlsCipher cipher, std::byte first) {
  const ByteVector bytes(32, first);
  return TlsRecordKey::make(cipher, Bytes{bytes}.first(cipher == TlsCipher::kAes128Gcm ? 16 : 32),
                            Bytes{bytes}.first(cipher == TlsCipher::kChaCha20Poly1305 ? 12 : 4), 1);
}

ByteVector sealed(TlsRecordKey& with, std::uint8_t type, Bytes text) {
  ByteVector record(with.record_size(text.size()));
  with.seal(TlsContent{type}, text, record);
  return record;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto role = data[0] % 2 != 0 ? TlsTraffic::Role::kServer : TlsTraffic::Role::kClient;
  const auto cipher = static_cast<TlsCipher>(data[0] / 2 % 3);
  auto sending = key(cipher, std::byte{1}), receiving = key(cipher, std::byte{2}),
       peer = key(cipher, std::byte{2});
  if (!sending || !peer) return 0;
  ByteQueue plain, output;
  TlsTraffic traffic({role, *std::move(sending), *std::move(receiving), 512}, plain, output);
  ByteVector expected, got, room(4096);
  bool only_sealed = true;

  for (auto in = std::as_bytes(std::span{data, size}).subspan(1); in.size() >= 3;) {
    const auto kind = std::to_integer<std::uint8_t>(in[0]) % 8;
    const auto length = std::min(in.size() - 3, std::to_integer<std::size_t>(in[1]) * 8);
    const auto part = std::to_integer<std::size_t>(in[2]) + 1;
    const auto text = in.subspan(3, length);
    in = in.subspan(3 + length);
    only_sealed = only_sealed && kind != 0;
    const auto type = static_cast<std::uint8_t>(kind < 4 ? 23 : 20 + kind % 4);
    const auto wire = kind == 0 ? ByteVector(text.begin(), text.end()) : sealed(*peer, type, text);
    if (kind != 0 && type == 23) append(expected, text);
    for (auto rest = Bytes{wire}; !rest.empty();) {
      const auto piece = rest.first(std::min(rest.size(), part));
      rest = rest.subspan(piece.size());
      auto space = MutableBytes{room}.first(part * 16);
      const auto before = space;
      const auto received = traffic.receive(piece, space);
      append(got, before.first(before.size() - space.size()));
      append(got, plain.peek());
      plain.pop(plain.size());
      if (!std::equal(got.begin(), got.end(), expected.begin(),
                      expected.begin() +
                          static_cast<std::ptrdiff_t>(std::min(got.size(), expected.size()))))
        abort();
      if (!received || traffic.peer_ended()) return 0;
    }
    if (only_sealed && got != expected) abort();
    (void)traffic.write(text.first(std::min<std::size_t>(text.size(), 9))).has_value();
    output.pop(output.size());
  }
  return 0;
}

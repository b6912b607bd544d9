#include "tunnel/path/packet.h"

#include <algorithm>

#include "tunnel/base/byte_codec.h"
#include "tunnel/crypto/hkdf.h"

namespace culvert::path {
namespace {

constexpr std::size_t kPathAt = 1, kCounterAt = 5;

}  // namespace

std::optional<PacketName> name_of(Bytes packet) {
  if (packet.size() < kOpaqueHeader) return std::nullopt;
  const auto type = std::to_integer<std::uint8_t>(packet[0]);
  const bool sealed = type == static_cast<std::uint8_t>(PacketType::kSealed);
  if (!sealed && type != static_cast<std::uint8_t>(PacketType::kOpaque)) return std::nullopt;
  if (sealed && packet.size() < kOverhead) return std::nullopt;
  return PacketName{static_cast<PacketType>(type), load_be<std::uint32_t>(&packet[kPathAt])};
}

ByteVector opaque_packet(std::uint32_t path, Bytes packet) {
  ByteVector out;
  out.reserve(kOpaqueHeader + packet.size());
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(PacketType::kOpaque));
  writer.u32(path);
  writer.bytes(packet);
  return out;
}

Keys derive_keys(const control::PathOffer& own, const control::PathOffer& peers,
                 bool own_is_caller) {
  const auto& callers = own_is_caller ? own : peers;
  const auto& answerers = own_is_caller ? peers : own;
  const auto pair = crypto::hkdf(callers.secret, answerers.secret.view());
  const bool aes = own.hardware_aes && peers.hardware_aes;
  return {own_is_caller ? pair.first : pair.second, own_is_caller ? pair.second : pair.first,
          aes ? crypto::AeadAlgorithm::kAes256Gcm : crypto::AeadAlgorithm::kChaCha20Poly1305};
}

ByteVector Sealer::seal(std::uint64_t counter, Kind kind, Bytes head, Bytes body,
                        std::size_t size) const {
  ByteVector packet;
  packet.reserve(std::max(kOverhead + head.size() + body.size(), size));
  Writer out(packet);
  out.u8(static_cast<std::uint8_t>(PacketType::kSealed));
  out.u32(path_);
  out.u64(counter);
  out.u8(static_cast<std::uint8_t>(kind));
  out.bytes(head);
  out.bytes(body);
  packet.resize(std::max(packet.size() + crypto::kAeadTagSize, size));
  const MutableBytes all{packet};
  key_.seal(counter, all.first(kSealedHeader),
            all.subspan(kSealedHeader, all.size() - kSealedHeader - crypto::kAeadTagSize),
            all.last<crypto::kAeadTagSize>());
  return packet;
}

std::optional<Opener::Opened> Opener::open(Bytes packet, MutableBytes scratch) {
  if (packet.size() < kOverhead || scratch.size() < packet.size()) return std::nullopt;
  const auto counter = load_be<std::uint64_t>(&packet[kCounterAt]);
  if (!window_.accepts(counter)) return std::nullopt;
  const auto sealed =
      packet.subspan(kSealedHeader, packet.size() - kSealedHeader - crypto::kAeadTagSize);
  const auto text = scratch.first(sealed.size());
  std::ranges::copy(sealed, text.begin());
  if (!key_.open(counter, packet.first(kSealedHeader), text, packet.last(crypto::kAeadTagSize)))
    return std::nullopt;
  window_.mark(counter);
  const auto kind = std::to_integer<std::uint8_t>(text[0]);
  if (kind < 1 || kind > 3) return std::nullopt;
  return Opened{static_cast<Kind>(kind), counter, Bytes{text}.subspan(1)};
}

}  // namespace culvert::path

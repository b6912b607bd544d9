#include "tunnel/control/path_offer.h"

namespace culvert::control {
namespace {

constexpr std::uint8_t kHardwareAes = 1, kUnseen = 2, kShared = 4, kSparing = 8, kBeside = 16;

// Of a later version's kinds nothing is known.
Allocation read_allocation(Reader& in) {
  Allocation out;
  const auto kind = in.u8();
  out.step = static_cast<std::int16_t>(in.u16());
  out.first = in.u16();
  out.last = in.u16();
  out.newest = in.u16();
  if (kind > static_cast<std::uint8_t>(Allocation::Kind::kRandom)) return out;
  out.kind = static_cast<Allocation::Kind>(kind);
  const bool senseless =
      (out.kind == Allocation::Kind::kSequential && out.step == 0) ||
      (out.kind == Allocation::Kind::kRange && (out.first == 0 || out.first > out.last));
  if (senseless) in.set_failed();
  return out;
}

}  // namespace

void write_path_offer(Writer& out, const PathOffer& offer) {
  out.u32(offer.round);
  out.u32(offer.path);
  out.bytes(offer.secret.view());
  out.u8(static_cast<std::uint8_t>((offer.hardware_aes ? kHardwareAes : 0) |
                                   (offer.unseen ? kUnseen : 0) |
                                   (offer.allocation.shared ? kShared : 0) |
                                   (offer.sparing ? kSparing : 0) | (offer.beside ? kBeside : 0)));
  out.u8(static_cast<std::uint8_t>(offer.allocation.kind));
  out.u16(static_cast<std::uint16_t>(offer.allocation.step));
  out.u16(offer.allocation.first);
  out.u16(offer.allocation.last);
  out.u16(offer.allocation.newest);
  write_candidates(out, offer.candidates);
  write_statements(out, offer.statements);
}

PathOffer read_path_offer(Reader& in) {
  PathOffer offer;
  offer.round = in.u32();
  offer.path = in.u32();
  offer.secret = Secret<32>(in.array<32>());
  const auto flags = in.u8();
  offer.hardware_aes = (flags & kHardwareAes) != 0;
  offer.unseen = (flags & kUnseen) != 0;
  offer.sparing = (flags & kSparing) != 0;
  offer.beside = (flags & kBeside) != 0;
  offer.allocation = read_allocation(in);
  offer.allocation.shared = (flags & kShared) != 0;
  offer.candidates = read_candidates(in);
  offer.statements = read_statements(in);
  return offer;
}

}  // namespace culvert::control

#include "tunnel/exchange/message.h"

#include <cassert>

#include "tunnel/base/byte_codec.h"
#include "tunnel/base/overloaded.h"

namespace culvert::exchange {
namespace {

constexpr std::uint8_t kOpens = 1, kTrusted = 2;
constexpr std::uint8_t kData = 1, kStand = 2, kPadding = 3, kEnd = 4, kGone = 5;
constexpr std::uint8_t kFlag = 1;  // Data: last; Stand: more
constexpr std::size_t kPaddingSize = 1024, kMarkSize = 6;
constexpr int kRequestPasses = 2, kStandPasses = 1;  // bits of flags before them
constexpr std::uint8_t kPassesMask = 3;

std::uint8_t put_passes(Passes passes, int at) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(passes) << static_cast<unsigned>(at));
}
Passes get_passes(std::uint8_t flags, int at) {
  return static_cast<Passes>((flags >> static_cast<unsigned>(at)) & kPassesMask);
}

}  // namespace

ByteVector encode(const Request& request) {
  assert(request.lost.size() <= kMaxLost);
  ByteVector out;
  Writer writer(out);
  writer.u8(static_cast<std::uint8_t>(request.kind));
  writer.u8(static_cast<std::uint8_t>((request.opens ? kOpens : 0) |
                                      (request.trusted ? kTrusted : 0) |
                                      put_passes(request.passes, kRequestPasses)));
  writer.u64(request.received);
  writer.u64(request.credit);
  writer.u32(request.patience_ms);
  writer.u32(request.most);
  writer.u64(request.proven);
  for (const auto number : request.lost) writer.u64(number);
  return out;
}

std::optional<Request> decode_request(Bytes text) {
  Reader reader(text);
  Request out;
  const auto kind = reader.u8();
  const auto flags = reader.u8();
  out.kind = static_cast<RequestKind>(kind);
  out.opens = (flags & kOpens) != 0;
  out.trusted = (flags & kTrusted) != 0;
  out.passes = get_passes(flags, kRequestPasses);
  out.received = reader.u64();
  out.credit = reader.u64();
  out.patience_ms = reader.u32();
  out.most = reader.u32();
  out.proven = reader.u64();
  while (reader.ok() && !reader.rest().empty() && out.lost.size() < kMaxLost)
    out.lost.push_back(reader.u64());
  if (!reader.done() || kind < 1 || kind > 4) return std::nullopt;
  return out;
}

ByteVector encode(const Piece& piece) {
  ByteVector out;
  Writer writer(out);
  std::visit(overloaded{[&](const Data& data) {
                          assert(data.octets.size() <= kMaxPieceData);
                          out.reserve(kDataHeader + data.octets.size());
                          writer.u8(kData);
                          writer.u8(data.last ? kFlag : 0);
                          writer.u64(data.offset);
                          writer.bytes(data.octets);
                        },
                        [&](const Stand& stand) {
                          writer.u8(kStand);
                          writer.u8(static_cast<std::uint8_t>(
                              (stand.more ? kFlag : 0) | put_passes(stand.passes, kStandPasses)));
                          writer.u64(stand.received);
                          writer.u64(stand.credit);
                          writer.u64(stand.seen);
                        },
                        [&](const Padding&) {
                          writer.u8(kPadding);
                          out.resize(kPaddingSize);
                        },
                        [&](const Mark& mark) {
                          writer.u8(kPadding);
                          writer.u8(static_cast<std::uint8_t>(mark.kind));
                          writer.u32(mark.time);
                        },
                        [&](const End&) { writer.u8(kEnd); },
                        [&](const Gone& gone) {
                          writer.u8(kGone);
                          writer.u8(static_cast<std::uint8_t>(gone.code));
                        }},
             piece);
  return out;
}

Result<Piece> decode_piece(Bytes text) {
  Reader reader(text);
  const auto type = reader.u8();
  const auto bad = [] {
    return fail(ErrorCode::kProtocol, "a piece of an exchange makes no sense");
  };
  if (type == kPadding && reader.ok()) {
    if (text.size() != kMarkSize) return Piece{Padding{}};
    const auto kind = reader.u8();
    const auto time = reader.u32();
    if (kind > 2) return Piece{Padding{}};
    return Piece{Mark{static_cast<Mark::Kind>(kind), time}};
  }
  if (type == kEnd && reader.done()) return Piece{End{}};
  const auto flags = reader.u8();
  if (!reader.ok()) return bad();
  if (type == kGone && reader.done())
    return Piece{Gone{is_wire_error(flags) ? static_cast<ErrorCode>(flags) : ErrorCode::kProtocol}};
  if (type == kData) {
    Data data;
    data.last = (flags & kFlag) != 0;
    data.offset = reader.u64();
    data.octets = reader.rest();
    if (!reader.ok() || data.octets.size() > kMaxPieceData) return bad();
    return Piece{data};
  }
  Stand stand;
  stand.more = (flags & kFlag) != 0;
  stand.passes = get_passes(flags, kStandPasses);
  stand.received = reader.u64();
  stand.credit = reader.u64();
  stand.seen = reader.u64();
  if (type != kStand || !reader.done()) return bad();
  return Piece{stand};
}

}  // namespace culvert::exchange
